//! Chores of the workspace: `cargo xtask test`, `train-demos`, `bench` and `check`.
//!
//! Knows cargo and the machine's packages; it must never know the other rooms, so that it builds in seconds.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore speaks to the person at the terminal"
)]

mod chores;
mod packages;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Chores of the Whyfinder workspace")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Installs what the tests of the window need, where it is missing, and runs all tests.
    ///
    /// Example: cargo xtask test -- --test-threads 1
    Test {
        /// Passed on to `cargo test`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        passed_on: Vec<String>,
    },
    /// Trains the bundled models and writes them into assets.
    ///
    /// Example: cargo xtask train-demos --help
    TrainDemos {
        /// Passed on to `train-demos`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        passed_on: Vec<String>,
    },
    /// Ratios of time, against full passes and against PyTorch where python3 has it.
    ///
    /// Example: cargo xtask bench --save docs/benchmarks.md
    Bench {
        /// Passed on to `bench`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        passed_on: Vec<String>,
    },
    /// Formatting, clippy without warnings and, where cargo-deny is installed, licences and advisories.
    Check,
}

fn main() -> ExitCode {
    let chore = Arguments::parse().chore;
    // Word for word: clap would keep a leading `--` to itself.
    let passed_on: Vec<String> = std::env::args().skip(2).collect();
    let done = match chore {
        Chore::Test { .. } => chores::test(&passed_on),
        Chore::TrainDemos { .. } => chores::train_demos(&passed_on),
        Chore::Bench { .. } => chores::bench(&passed_on),
        Chore::Check => chores::check(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
