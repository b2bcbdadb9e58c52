use super::*;

fn ramp(width: usize, height: usize) -> Picture {
    Picture {
        width,
        height,
        rgb: (0..3 * width * height).map(|place| place as u8).collect(),
    }
}

#[test]
fn pixels_and_parts_are_where_they_belong() {
    let picture = ramp(4, 3);
    assert_eq!(picture.pixel(1, 2), Some([27, 28, 29]));
    assert_eq!(picture.pixel(4, 0), None);
    assert_eq!(picture.pixel(0, 3), None);
    let part = picture.cropped(1, 1, 2, 2).expect("inside");
    assert_eq!(part.pixel(0, 0), picture.pixel(1, 1));
    assert_eq!(part.pixel(1, 1), picture.pixel(2, 2));
    assert_eq!(picture.cropped(3, 0, 2, 1), None);
    assert_eq!(picture.cropped(0, 0, 0, 1), None);
    assert_eq!(picture.cropped(usize::MAX, 0, 2, 1), None);
    assert!(!picture.is_grey());
}

#[test]
fn a_flat_picture_stays_flat_at_any_size() {
    let flat = Picture {
        width: 5,
        height: 7,
        rgb: vec![201; 105],
    };
    assert!(flat.is_grey());
    for (width, height) in [(1, 1), (2, 9), (5, 7), (40, 3), (0, 0)] {
        let resized = flat.resized(width, height);
        assert_eq!(
            (resized.width, resized.height),
            (width.max(1), height.max(1))
        );
        assert!(resized.rgb.iter().all(|&value| value == 201));
    }
}

#[test]
fn shrinking_cuts_to_a_multiple_first() {
    let picture = ramp(10, 9);
    let small = picture.shrunk(4).expect("large enough");
    assert_eq!((small.width, small.height), (2, 2));
    let cut = picture.cropped(0, 0, 8, 8).expect("inside");
    assert_eq!(small, cut.resized(2, 2));
    assert_eq!(picture.shrunk(10), None);
    assert_eq!(picture.shrunk(0), None);
    assert_eq!(picture.shrunk(1), Some(picture.clone()));
}

#[test]
fn bundled_pictures_are_read_as_they_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/pictures");
    let files = std::fs::read_dir(folder).expect("a folder").filter(|file| {
        let path = file.as_ref().expect("an entry").path();
        path.extension().is_some_and(|ending| ending == "png")
    });
    assert_eq!(files.count(), bundled::PICTURES.len());
    for bundled in bundled::PICTURES {
        let read = read_picture(&format!("picture:{}", bundled.name)).expect(bundled.name);
        assert_eq!(read.name, bundled.name);
        assert!(read.notices.is_empty(), "{:?}", read.notices);
        assert!(read.picture.width.is_multiple_of(8) && read.picture.height.is_multiple_of(8));
    }
}
