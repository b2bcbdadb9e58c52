//! Trains the bundled models and writes their folders.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command"
)]

#[path = "train-demos/restoration.rs"]
mod restoration;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use whyfinder_world::evaluation::{self, ask_all};
use whyfinder_world::pictures::{bank, bundled};
use whyfinder_world::training::{Settings, train};
use whyfinder_world::{Isles, gpt2_export};

/// Trains the bundled models in worlds of known causes.
///
/// Example: train-demos --out assets/models/isles --minutes 170
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// Folder of the finished model.
    #[arg(long, default_value = "assets/models/isles")]
    out: PathBuf,
    /// Seed of world, start values and corpus.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps of the whole schedule.
    #[arg(long, default_value_t = Settings::default().steps)]
    steps: u64,
    /// Windows of text in a step.
    #[arg(long, default_value_t = Settings::default().rows)]
    rows: usize,
    /// Share of the windows trained behind the curtain, 0 to 1.
    #[arg(long, default_value_t = Settings::default().curtain)]
    curtain: f64,
    /// Stop after this many minutes at the latest; --resume goes on from there.
    #[arg(long)]
    minutes: Option<f64>,
    /// Go on from the checkpoint, if there is one.
    #[arg(long)]
    resume: bool,
    /// Where the checkpoint is kept.
    #[arg(long, default_value = "target/train-demos/isles.safetensors")]
    checkpoint: PathBuf,
    /// Threads for matrix products; default: RAYON_NUM_THREADS, or all.
    #[arg(long)]
    threads: Option<usize>,
    /// Append progress to this file as well.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Minutes between evaluations.
    #[arg(long, default_value_t = 10.0)]
    evaluate_every: f64,
    /// Train nothing: write the model as the checkpoint has it, or untrained.
    #[arg(long)]
    export_only: bool,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// Draws the bundled pictures.
    Pictures {
        /// Folder of the PNG files.
        #[arg(long, default_value = "assets/pictures")]
        out: PathBuf,
    },
    /// Cuts the patches that causal effect maps put into images.
    Patches {
        /// The PNG file.
        #[arg(long, default_value = "assets/patches/bank.png")]
        out: PathBuf,
    },
    /// Trains a bundled restoration network.
    Network(restoration::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The thread pools read this variable once, when they start.
    if let Some(threads) = arguments.threads
        && std::env::var("RAYON_NUM_THREADS").as_deref() != Ok(threads.to_string().as_str())
    {
        return match again_with_threads(threads) {
            Ok(code) => code,
            Err(error) => failed(&error),
        };
    }
    let done = match &arguments.other {
        Some(Other::Pictures { out }) => bundled::write(out).map_err(Into::into),
        Some(Other::Patches { out }) => bank::write(out).map_err(Into::into),
        Some(Other::Network(arguments)) => restoration::run(arguments),
        None => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("{error:#}");
    ExitCode::FAILURE
}

fn again_with_threads(threads: usize) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("Could not find this program")?;
    let status = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .env("RAYON_NUM_THREADS", threads.to_string())
        .status()
        .context("Could not start this program again with its number of threads")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut log = match &arguments.log {
        Some(path) => Some(
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("Could not open the log. Path: {}", path.display()))?,
        ),
        None => None,
    };
    let mut say = move |line: &str| {
        // A reader that went away is no reason to lose the training.
        let _ = writeln!(std::io::stdout(), "{line}");
        if let Some(file) = &mut log {
            // A log that cannot be written is no reason to lose the training.
            let _ = writeln!(file, "{line}");
        }
    };
    if let Some(folder) = arguments.checkpoint.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("Could not make the folder. Path: {}", folder.display()))?;
    }
    let isles = Isles::new(arguments.seed)?;
    say(&format!(
        "seed {}, {} facts, {} tokens in the vocabulary",
        isles.seed,
        isles.facts.len(),
        isles.vocab()
    ));
    let settings = Settings {
        steps: arguments.steps,
        rows: arguments.rows,
        curtain: arguments.curtain,
        limit: if arguments.export_only {
            Some(Duration::ZERO)
        } else {
            arguments.minutes.map(|m| Duration::from_secs_f64(60.0 * m))
        },
        checkpoint: Some(arguments.checkpoint.clone()),
        resume: arguments.resume || arguments.export_only,
        ..Settings::default()
    };
    let every = 60.0 * arguments.evaluate_every;
    let mut evaluated = 0.0;
    let (mut sum, mut count) = (0.0, 0);
    let trained = train(&isles, &settings, &mut |taken| {
        sum += f64::from(taken.loss);
        count += 1;
        if taken.step % 20 == 0 || taken.step <= 3 {
            say(&format!(
                "step {} of {}, {:.0} s, loss {:.3}",
                taken.step,
                settings.steps,
                taken.seconds,
                sum / f64::from(count)
            ));
            (sum, count) = (0.0, 0);
        }
        if taken.seconds - evaluated >= every {
            evaluated = taken.seconds;
            match ask_all(&isles, taken.decoder, 100) {
                Ok(scores) => say(&evaluation::table(&scores)),
                Err(error) => say(&error.to_string()),
            }
        }
    })?;
    gpt2_export::write(&arguments.out, &isles, trained.decoder.weights())?;
    say(&format!(
        "{} parameters after {} steps, written to {}",
        trained.parameters.count(),
        trained.steps,
        arguments.out.display()
    ));
    if !arguments.export_only {
        say(&evaluation::table(&ask_all(&isles, &trained.decoder, 500)?));
    }
    if !trained.finished && !arguments.export_only {
        say("The schedule is not finished; --resume goes on.");
    }
    Ok(())
}
