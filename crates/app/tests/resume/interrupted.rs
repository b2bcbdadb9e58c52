//! What a run that ended early leaves behind, says, and mixes with nothing else.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::time::{Duration, Instant};

use crate::{
    MAP, TRACE, answer, bits, command, end_by, in_the_middle, instead, kill_in_the_middle,
    partials, run, same,
};

#[cfg(unix)]
#[test]
fn a_signal_stops_a_run_at_its_next_cell_and_says_how_to_go_on() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), TRACE).expect("writes");
    let samples = ["--set", "corruption.samples=120"];
    run(folder, "whole", &samples);
    for (signal, out, status) in [("-INT", "int", 130), ("-TERM", "term", 143)] {
        let began = Instant::now();
        let (code, said) = end_by(signal, in_the_middle(folder, out, &samples));
        assert_eq!(code, Some(status), "{said}");
        assert!(began.elapsed() < Duration::from_secs(60));
        let left = partials(folder, out);
        assert_eq!(left.len(), 1);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains("give the same command again") && said.contains("partial-"),
            "{said}"
        );
        assert!(!folder.join(out).join("result.npz").exists());
        let said = run(folder, out, &samples);
        assert!(said.contains("Going on"), "{said}");
        same(&answer(folder, "whole"), &answer(folder, out));
    }
}

#[cfg(unix)]
#[test]
fn a_signal_before_the_first_cell_leaves_nothing() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), MAP).expect("writes");
    // A pass over a small picture ends before it is worth keeping.
    let words = instead("restore", &[]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut child = command(folder, "out", &words)
        .arg("--json")
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("started") {
        line.clear();
        assert!(said.read_line(&mut line).expect("reads") > 0, "it ended");
    }
    let (code, _) = end_by("-INT", child);
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("reads");
    // It may have been just done.
    if code != Some(0) {
        assert_eq!(code, Some(130), "{rest}");
        let kept = !partials(folder, "out").is_empty();
        let said = if kept {
            "give the same command again"
        } else {
            "begins it anew"
        };
        assert!(rest.contains(said), "{rest}");
        assert_eq!(folder.join("out").exists(), kept, "nothing else is left");
    }
}

#[test]
fn what_another_run_left_is_said_and_not_mixed_in() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), TRACE).expect("writes");
    let samples = ["--set", "corruption.samples=120"];
    let other = [&samples[..], &["--set", "seed=8"]].concat();
    kill_in_the_middle(folder, "out", &samples);
    let left = partials(folder, "out");
    let said = run(folder, "out", &other);
    assert!(
        said.contains("A run with another seed was interrupted here and is not mixed in"),
        "{said}"
    );
    run(folder, "alone", &other);
    same(&answer(folder, "alone"), &answer(folder, "out"));
    assert_eq!(partials(folder, "out"), left, "it can still be taken up");
    let again = [&samples[..], &["--force"]].concat();
    let said = run(folder, "out", &again);
    assert!(said.contains("Going on"), "{said}");
    assert!(partials(folder, "out").is_empty());
}

#[test]
fn a_damaged_file_is_said_and_the_run_begins_anew() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), TRACE).expect("writes");
    let words = ["--set", "corruption.samples=120"];
    kill_in_the_middle(folder, "out", &words);
    let left = partials(folder, "out").remove(0);
    let whole = fs::read(&left).expect("reads");
    fs::write(&left, &whole[..whole.len() / 2]).expect("writes");
    let said = run(folder, "out", &words);
    assert!(
        said.contains("cannot be read") && !said.contains("Going on"),
        "{said}"
    );
    run(folder, "whole", &words);
    same(&answer(folder, "whole"), &answer(folder, "out"));
}

#[test]
fn the_same_seed_repeats_a_run_bit_for_bit() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    for (experiment, few) in [
        (TRACE, "corruption.samples=5"),
        (MAP, "intervention.fine=2"),
    ] {
        fs::write(folder.join("experiment.toml"), experiment).expect("writes");
        // The one before is of another experiment.
        run(folder, "one", &["--force", "--set", few]);
        run(folder, "two", &["--force", "--set", few]);
        same(&answer(folder, "one"), &answer(folder, "two"));
        run(
            folder,
            "three",
            &["--force", "--set", few, "--set", "seed=77"],
        );
        assert_ne!(bits(&answer(folder, "one")), bits(&answer(folder, "three")));
    }
}
