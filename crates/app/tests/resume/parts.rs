//! Runs of few large parts, killed in the middle.

use std::fs;
use std::path::Path;

use crate::{answer, bits, command, end_by, in_the_middle, instead, partials, run, same};

/// What a network is to make of `picture.png`.
pub(crate) const RESTORE: &str = "instrument = \"restore\"\nmodel = \"demo:denoise\"\nseed = 5\n\
    [input]\ntruth = \"picture.png\"\nsigma = 50\n";

/// So little that the picture is cut into 16 tiles.
const LITTLE: [&str; 2] = ["--memory", "128MiB"];

/// A folder with the experiment and a picture of 900 x 900 pixels.
fn place(phase: f32) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a folder");
    fs::write(place.path().join("experiment.toml"), RESTORE).expect("writes");
    draw(place.path(), phase);
    place
}

pub(crate) fn draw(folder: &Path, phase: f32) {
    let picture = image::RgbImage::from_fn(900, 900, |x, y| {
        let wave = |at: u32, length: f32| 40.0 * (at as f32 / length + phase).sin();
        let light = 128.0 + wave(x, 17.0) + wave(y, 9.0);
        image::Rgb([light as u8, (x % 256) as u8, 255 - light as u8])
    });
    picture.save(folder.join("picture.png")).expect("writes");
}

/// Files of parts that a run has left.
pub(crate) fn count(folder: &Path, out: &str) -> usize {
    let Some(cells) = partials(folder, out).pop() else {
        return 0;
    };
    let left = fs::read_dir(cells.with_extension("parts"));
    let files = left.into_iter().flatten().flatten();
    // One that was being written has no name yet.
    files
        .filter(|file| file.path().extension().is_some_and(|e| e == "part"))
        .count()
}

/// Kills a run once it has kept a part.
fn kill_behind_a_part(folder: &Path, out: &str, words: &[&str], before: usize) {
    let mut child = command(folder, out, words).spawn().expect("it starts");
    let began = std::time::Instant::now();
    while count(folder, out) <= before {
        let ended = child.try_wait().expect("it can be asked");
        assert!(ended.is_none(), "it ended before a part was kept");
        assert!(began.elapsed().as_secs() < 120, "no part is kept");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(!folder.join(out).join("result.npz").exists());
}

fn nothing_is_left(folder: &Path, out: &str) {
    let names = fs::read_dir(folder.join(out)).expect("lists").flatten();
    let mut names: Vec<_> = names.map(|e| e.file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["result.json", "result.npz"]);
}

#[test]
fn a_picture_in_tiles_that_was_killed_ends_as_if_it_had_not_been() {
    let place = place(0.0);
    let folder = place.path();
    run(folder, "whole", &LITTLE);
    kill_behind_a_part(folder, "killed", &LITTLE, 0);
    // Twice, for what is taken up must be kept for the next time too.
    let before = count(folder, "killed");
    kill_behind_a_part(folder, "killed", &LITTLE, before);
    let said = run(folder, "killed", &LITTLE);
    assert!(
        said.contains("Going on with a run that was interrupted") && said.contains(" part"),
        "{said}"
    );
    same(&answer(folder, "whole"), &answer(folder, "killed"));
    nothing_is_left(folder, "killed");
    nothing_is_left(folder, "whole");
}

#[cfg(unix)]
#[test]
fn a_signal_keeps_every_tile_that_is_done() {
    let place = place(0.0);
    let folder = place.path();
    let (code, said) = end_by("-INT", in_the_middle(folder, "out", &LITTLE));
    assert_eq!(code, Some(130), "{said}");
    assert!(
        said.contains("give the same command again") && said.contains("partial-"),
        "{said}"
    );
    let kept = count(folder, "out");
    let said = run(folder, "out", &LITTLE);
    assert!(said.contains(&format!("{kept} part")), "{said}");
    run(folder, "whole", &LITTLE);
    same(&answer(folder, "whole"), &answer(folder, "out"));
}

#[test]
fn tiles_of_another_picture_or_cut_are_not_taken_up() {
    let place = place(0.0);
    let folder = place.path();
    kill_behind_a_part(folder, "out", &LITTLE, 0);
    let left = (partials(folder, "out"), count(folder, "out"));
    let again = [&LITTLE[..], &["--force"]].concat();
    let more = ["--memory", "132MiB", "--force"];
    draw(folder, 1.0);
    let why = "of files that have changed since";
    is_not_mixed_in(folder, &again, why);
    draw(folder, 0.0);
    is_not_mixed_in(folder, &more, "with another limit of memory");
    assert_eq!((partials(folder, "out"), count(folder, "out")), left);
    let said = run(folder, "out", &again);
    assert!(said.contains("Going on"), "{said}");
}

fn is_not_mixed_in(folder: &Path, words: &[&str], why: &str) {
    let said = run(folder, "out", words);
    assert!(said.contains(why) && !said.contains("Going on"), "{said}");
    assert!(said.contains("and the folder of that name"), "{said}");
    run(folder, "alone", words);
    same(&answer(folder, "alone"), &answer(folder, "out"));
}

#[test]
fn tiles_of_other_weights_are_not_taken_up() {
    let place = place(0.0);
    let folder = place.path();
    let weights = folder.join("weights.safetensors");
    let own = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/models/restoration/denoise.safetensors"
    );
    fs::copy(own, &weights).expect("copies");
    let words = [
        &LITTLE[..],
        &["--force", "--set", "model=weights.safetensors"],
    ]
    .concat();
    kill_behind_a_part(folder, "out", &words, 0);
    let mut bytes = fs::read(&weights).expect("reads");
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&0.25f32.to_le_bytes());
    fs::write(&weights, bytes).expect("writes");
    is_not_mixed_in(folder, &words, "of other weights under the same name");
}

#[test]
fn damaged_tiles_are_made_anew() {
    let place = place(0.0);
    let folder = place.path();
    run(folder, "whole", &LITTLE);
    kill_behind_a_part(folder, "out", &LITTLE, 0);
    let cells = partials(folder, "out").remove(0);
    let files = fs::read_dir(cells.with_extension("parts")).expect("lists");
    for (i, file) in files.flatten().enumerate() {
        let mut bytes = fs::read(file.path()).expect("reads");
        let middle = bytes.len() / 2;
        match i % 3 {
            0 => bytes[middle] ^= 64,
            1 => bytes.truncate(middle),
            _ => {}
        }
        fs::write(file.path(), bytes).expect("writes");
    }
    run(folder, "out", &LITTLE);
    same(&answer(folder, "whole"), &answer(folder, "out"));
}

#[test]
fn the_output_before_a_map_is_taken_up_too() {
    let place = place(0.0);
    let folder = place.path();
    let words = instead("lam", &["lam.fold=4", "input.region=[400, 400, 16, 16]"]);
    let memory = ["--memory", "320MiB"];
    let words: Vec<&str> = words.iter().map(String::as_str).chain(memory).collect();
    run(folder, "whole", &words);
    kill_behind_a_part(folder, "out", &words, 0);
    let said = run(folder, "out", &words);
    assert!(said.contains("Going on"), "{said}");
    let (whole, out) = (answer(folder, "whole"), answer(folder, "out"));
    same(&whole, &out);
    assert!(bits(&whole).iter().any(|(name, _)| name == "output"));
}
