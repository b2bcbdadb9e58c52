//! Reads changed files for a while and tells of panics, hangs and memory.
//!
//! `cargo run --release -p whyfinder-hostile --bin hammer -- [TARGET|all] [SECONDS] [SEED]`, from the repository's root.
//! What fails is kept in `./findings`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "a program for developers, which ends where a reader hangs"
)]

use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use whyfinder_hostile::counting::{self, Counting};
use whyfinder_hostile::{Mutation, TARGETS, Target, named};

#[global_allocator]
static COUNTING: Counting = Counting;

/// Longer than any file of the seeds' sizes should take.
const HANG: Duration = Duration::from_secs(20);
const LARGEST_SEED: u64 = 400_000;
const MOST_FINDINGS: usize = 5;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |i: usize| words.get(i).map(String::as_str);
    let targets: Vec<&Target> = match word(0) {
        None | Some("all") => TARGETS.iter().collect(),
        Some(name) => match named(name) {
            Some(target) => vec![target],
            None => {
                eprintln!("There is no target \"{name}\".");
                return ExitCode::from(2);
            }
        },
    };
    let seconds = word(1).and_then(|s| s.parse().ok()).unwrap_or(60);
    let seed = word(2).and_then(|s| s.parse().ok()).unwrap_or(1);
    std::panic::set_hook(Box::new(|_| {}));
    let mut found = 0;
    for target in targets {
        found += hammer(target, Duration::from_secs(seconds), seed);
    }
    if found > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn hammer(target: &'static Target, time: Duration, seed: u64) -> usize {
    let seeds = target.seeds(Path::new("."), LARGEST_SEED);
    if seeds.is_empty() {
        eprintln!(
            "{}: no seeds; run it from the repository's root.",
            target.name
        );
        return 1;
    }
    let (began, mut bits, mut runs, mut read, mut found) =
        (Instant::now(), seed, 0usize, 0usize, 0);
    let mut slowest = Duration::ZERO;
    while began.elapsed() < time && found < MOST_FINDINGS {
        let (_, good) = &seeds[next(&mut bits) as usize % seeds.len()];
        let mut bytes = good.clone();
        for _ in 0..next(&mut bits) % 6 {
            Mutation::of(next(&mut bits)).apply(&mut bytes);
        }
        runs += 1;
        let started = Instant::now();
        match asked(target, &bytes) {
            Ok(true) => read += 1,
            Ok(false) => {}
            Err(what) => {
                found += 1;
                keep(target, &bytes, &what);
            }
        }
        slowest = slowest.max(started.elapsed());
    }
    println!(
        "{:<12} {} seeds, {runs} files ({read} of them could be read), slowest {:.2} s, {found} findings",
        target.name,
        seeds.len(),
        slowest.as_secs_f64()
    );
    found
}

/// Whether the bytes could be read; an error is what must not happen.
fn asked(target: &'static Target, bytes: &[u8]) -> Result<bool, String> {
    let (send, receive) = mpsc::channel();
    let own = bytes.to_vec();
    let before = counting::held();
    counting::begin();
    let reader = std::thread::Builder::new()
        .name(target.name.into())
        .spawn(move || {
            let answer = catch_unwind(|| (target.ask)(&own));
            // Fails only if this took too long to be waited for.
            let _ = send.send(answer);
        });
    reader.map_err(|e| e.to_string())?;
    let answer = match receive.recv_timeout(HANG) {
        Ok(answer) => answer,
        Err(_) => {
            keep(target, bytes, "hang");
            eprintln!("{}: no end after {HANG:?}", target.name);
            std::process::exit(1);
        }
    };
    let taken = counting::most().saturating_sub(before);
    let limit = (target.limit)(bytes.len());
    match answer {
        Err(panic) => {
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("panic: {}", what.unwrap_or("of another kind")))
        }
        _ if taken > limit => Err(format!("{taken} bytes where {limit} are allowed")),
        Ok(Err(told)) if told.len() > 2000 => Err(format!("a message of {} bytes", told.len())),
        Ok(answer) => Ok(answer.is_ok()),
    }
}

fn keep(target: &Target, bytes: &[u8], what: &str) {
    let mut sum = 0u64;
    for &byte in bytes {
        sum = sum.wrapping_mul(1_099_511_628_211) ^ u64::from(byte);
    }
    let path = format!("findings/{}-{sum:016x}", target.name);
    let kept = std::fs::create_dir_all("findings").and_then(|()| std::fs::write(&path, bytes));
    match kept {
        Ok(()) => println!("{}: {what} ({path})", target.name),
        Err(e) => println!("{}: {what} (could not be kept: {e})", target.name),
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
