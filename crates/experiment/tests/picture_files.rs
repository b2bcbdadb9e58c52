//! Pictures of every kind are read as Pillow reads them; damaged and oversized ones are refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use whyfinder_experiment::picture::{decode_picture, resample};
use whyfinder_experiment::{Picture, read_picture};

#[derive(Deserialize)]
struct Expected {
    pictures: BTreeMap<String, Pixels>,
    resized: Vec<Resized>,
    sums: Vec<Sum>,
}

#[derive(Deserialize)]
struct Pixels {
    width: usize,
    height: usize,
    rgb: String,
}

#[derive(Deserialize)]
struct Resized {
    from: [usize; 2],
    pixels: String,
    to: [usize; 2],
    rgb: String,
}

#[derive(Deserialize)]
struct Sum {
    to: [usize; 2],
    sum: u64,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/picture_files")
}

fn expected() -> Expected {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .map(|digit| (digit as char).to_digit(16).expect("hex") as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] * 16 + pair[1])
        .collect()
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).expect("readable")
}

#[test]
fn every_kind_is_read_as_pillow_reads_it() {
    let expected = expected().pictures;
    assert!(expected.len() > 25);
    for (name, pixels) in &expected {
        let path = folder().join(name);
        let read = read_picture(&path.to_string_lossy()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(read.name, *name);
        assert_eq!(
            read.digest,
            blake3::hash(&file(name)).to_hex().as_str(),
            "{name}"
        );
        let picture = &read.picture;
        assert_eq!(
            (picture.width, picture.height),
            (pixels.width, pixels.height),
            "{name}"
        );
        let rgb = bytes(&pixels.rgb);
        let differences: Vec<u8> = picture
            .rgb
            .iter()
            .zip(&rgb)
            .map(|(&a, &b)| a.abs_diff(b))
            .collect();
        let worst = differences.iter().copied().max().unwrap_or(0);
        let mean =
            differences.iter().map(|&d| f64::from(d)).sum::<f64>() / differences.len() as f64;
        // JPEG leaves the rounding of its transform and the spreading of its colours to the decoder.
        let (most, mean_most) = match name.as_str() {
            "subsampled.jpg" => (8, 1.0),
            name if name.ends_with(".jpg") => (3, 0.5),
            _ => (0, 0.0),
        };
        assert!(
            worst <= most && mean <= mean_most,
            "{name}: {worst}, mean {mean}"
        );
    }
}

#[test]
fn what_was_changed_is_said() {
    for (name, says) in [
        ("rgb.png", None),
        ("grey.png", None),
        ("opaque.png", None),
        ("rgba.png", Some("transparen")),
        ("grey-alpha.png", Some("transparen")),
        ("palette-transparent.png", Some("transparen")),
        ("rgb-16.png", Some("16 bits")),
        ("grey-16.png", Some("16 bits")),
        ("animated.png", Some("animated")),
        ("animated.gif", Some("animated")),
        ("animated.webp", Some("animated")),
        ("palette.gif", None),
        ("lossless.webp", None),
        ("rgb.jpg", None),
        ("cmyk.jpg", Some("CMYK")),
        ("ycck.jpg", Some("CMYK")),
        ("turned-6.jpg", Some("EXIF")),
        ("turned-3.png", Some("EXIF")),
    ] {
        let notices = decode_picture(&file(name), name).expect(name).notices;
        match says {
            None => assert!(notices.is_empty(), "{name}: {notices:?}"),
            Some(says) => assert!(
                notices.len() == 1 && notices[0].contains(says) && notices[0].starts_with(name),
                "{name}: {notices:?}"
            ),
        }
    }
}

fn refused(bytes: &[u8], name: &str) -> String {
    decode_picture(bytes, name)
        .map(|read| format!("{:?}", read.picture))
        .expect_err(name)
        .to_string()
}

#[test]
fn cut_files_are_refused() {
    for name in expected().pictures.keys() {
        let whole = file(name);
        // Behind its last pixel a PNG, GIF or WebP has nothing that the picture needs.
        let most = match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "jpg" => whole.len() - 1,
            "bmp" => whole.len() - 3,
            _ => whole.len() * 2 / 5,
        };
        for length in (0..=most).rev().step_by(7) {
            let message = refused(&whole[..length], name);
            assert!(message.contains(name.as_str()), "{message}");
        }
    }
}

#[test]
fn oversized_pictures_are_refused_before_they_are_decoded() {
    let patched = |name: &str, edits: &[(usize, &[u8])]| {
        let mut bytes = file(name);
        for (at, new) in edits {
            bytes[*at..*at + new.len()].copy_from_slice(new);
        }
        bytes
    };
    let wide = 8193_u32.to_le_bytes();
    let bmp = patched("rgb.bmp", &[(18, &wide)]);
    let gif = patched("palette.gif", &[(6, &[0xff, 0xff]), (8, &[0xff, 0xff])]);
    let jpeg = file("rgb.jpg");
    let frame = jpeg
        .windows(4)
        .position(|marker| marker == [0xff, 0xc0, 0, 17])
        .expect("a frame");
    let jpeg = patched("rgb.jpg", &[(frame + 5, &[0xff, 0xff, 0xff, 0xff])]);
    for (bytes, name, says) in [
        (bmp, "a.bmp", "8193 x 13"),
        (gif, "a.gif", "65535 x 65535"),
        (jpeg, "a.jpg", "65535 x 65535"),
        (png(100_000, 100_000), "a.png", "100000 x 100000"),
        (png(8193, 1), "a.png", "8193 x 1"),
        (png(1, 8193), "a.png", "1 x 8193"),
    ] {
        let message = refused(&bytes, name);
        assert!(
            message.contains(says) && message.contains("8192 x 8192"),
            "{message}"
        );
    }
}

/// The head of a PNG of that size.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut head = b"IHDR".to_vec();
    head.extend(width.to_be_bytes());
    head.extend(height.to_be_bytes());
    head.extend([8, 2, 0, 0, 0]);
    let checksum = checksum(&head);
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    bytes.extend(head);
    bytes.extend(checksum.to_be_bytes());
    bytes.extend(b"\0\0\0\0IDAT");
    bytes.extend(0x35af_061e_u32.to_be_bytes());
    bytes
}

/// CRC-32, as PNG has it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

#[test]
fn other_files_are_refused_with_what_can_be_read() {
    for (bytes, says) in [
        (&b""[..], "is empty"),
        (
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "no picture that is known",
        ),
        (b"II*\0\x08\0\0\0\0\0", "TIFF"),
        (b"%PDF-1.7", "no picture that is known"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (b"\xff\xd8\xff", "damaged or cut off"),
    ] {
        let message = refused(bytes, "pictures/net.png");
        assert!(message.contains(says), "{message}");
        assert!(message.ends_with("Path: pictures/net.png"), "{message}");
    }
    let missing = read_picture("no/such/picture.png")
        .expect_err("missing")
        .to_string();
    assert!(missing.contains("no/such/picture.png"), "{missing}");
    let unknown = read_picture("picture:atlantis")
        .expect_err("unknown")
        .to_string();
    assert!(unknown.contains("atlantis"), "{unknown}");
}

#[test]
fn damage_gives_a_picture_or_a_sentence() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    for name in expected().pictures.keys() {
        let whole = file(name);
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                bytes[at] = random(256) as u8;
            }
            if random(4) == 0 {
                bytes.truncate(random(bytes.len()));
            }
            match decode_picture(&bytes, name) {
                Ok(read) => {
                    let Picture { width, height, rgb } = read.picture;
                    assert_eq!(rgb.len(), 3 * width * height, "{name}");
                }
                Err(error) => assert!(error.to_string().contains(name.as_str()), "{error}"),
            }
        }
    }
}

#[test]
fn resizing_equals_pillow_bit_by_bit() {
    let expected = expected();
    for case in &expected.resized {
        let source = Picture {
            width: case.from[0],
            height: case.from[1],
            rgb: bytes(&case.pixels),
        };
        let resized = source.resized(case.to[0], case.to[1]);
        assert_eq!(
            resized.rgb,
            bytes(&case.rgb),
            "{:?} to {:?}",
            case.from,
            case.to
        );
    }
    let places = 0..203 * 301 * 3_u64;
    let big: Vec<u8> = places
        .map(|place| ((place * 2_654_435_761) as u32 >> 24) as u8)
        .collect();
    for case in &expected.sums {
        let small = resample::bicubic::<3>(&big, [301, 203], case.to);
        let sum: u64 = (1..)
            .zip(&small)
            .map(|(place, &value)| place % 65521 * u64::from(value))
            .sum();
        assert_eq!(sum, case.sum, "{:?}", case.to);
    }
}
