//! Bytes from outside: every format's reader ends soon, with an answer or a sentence, within its memory.
//!
//! A short bounded run; `fuzz/` and `hammer` (`crates/hostile`) go on for as long as one likes.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use whyfinder_hostile::counting::{self, Counting};
use whyfinder_hostile::{Mutation, Target, named};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Memory is counted for the whole program, so that one reader works at a time.
static ALONE: Mutex<()> = Mutex::new(());

const LARGEST_SEED: u64 = 300_000;
const LONGEST: Duration = Duration::from_secs(20);

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Whether the bytes could be read.
fn asked(target: &Target, bytes: &[u8]) -> bool {
    let (began, before) = (Instant::now(), counting::held());
    counting::begin();
    let answer = (target.ask)(bytes);
    let taken = counting::most().saturating_sub(before);
    let limit = (target.limit)(bytes.len());
    assert!(taken <= limit, "{taken} bytes, {limit} are allowed");
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    if let Err(told) = &answer {
        assert!(!told.is_empty() && told.len() < 2000, "{told}");
        assert!(
            told.ends_with('.') || told.contains("Path: "),
            "no sentence: {told}"
        );
    }
    answer.is_ok()
}

fn survives(name: &str, cases: u32) {
    let target = named(name).expect("a target");
    let seeds = target.seeds(root(), LARGEST_SEED);
    assert!(!seeds.is_empty(), "{name} has no seeds");
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let read = seeds
        .iter()
        .filter(|(_, bytes)| asked(target, bytes))
        .count();
    assert!(
        read > 0,
        "{name}: none of {} seeds can be read",
        seeds.len()
    );
    assert!(!asked(target, b"\x00"), "a single byte is nothing");
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let changes = prop::collection::vec(any::<u64>().prop_map(Mutation::of), 1..6);
    let outcome = runner.run(
        &(any::<prop::sample::Index>(), changes),
        |(which, changes)| {
            let mut bytes = seeds[which.index(seeds.len())].1.clone();
            changes
                .into_iter()
                .for_each(|change| change.apply(&mut bytes));
            asked(target, &bytes);
            Ok(())
        },
    );
    outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
}

#[test]
fn arrays_are_survived() {
    survives("npy", 200);
}

#[test]
fn results_are_survived() {
    survives("result", 100);
}

#[test]
fn safetensors_are_survived() {
    survives("safetensors", 100);
}

#[test]
fn pickles_are_survived() {
    survives("torch", 100);
}

#[test]
fn pictures_are_survived() {
    survives("picture", 60);
}

#[test]
fn figures_are_survived() {
    survives("figure", 60);
}

#[test]
fn experiments_are_survived_and_written_as_they_were_read() {
    survives("experiment", 300);
}

#[test]
fn tokenizers_are_survived() {
    survives("tokenizer", 40);
}

#[test]
fn other_programs_numbers_are_survived() {
    survives("import", 150);
}

/// Found by libFuzzer: a decoder's name that is no text made the library panic.
#[test]
fn a_tokenizer_that_is_no_text_is_said() {
    let target = named("tokenizer").expect("a target");
    let seeds = target.seeds(root(), LARGEST_SEED);
    let mut bytes = seeds.first().expect("a seed").1.clone();
    let at = bytes
        .windows(6)
        .rposition(|w| w == b"\"type\"")
        .expect("a type");
    bytes[at + 3] = 0xff;
    let told = (target.ask)(&bytes).expect_err("no text");
    assert!(told.contains("no UTF-8 from byte"), "{told}");
}
