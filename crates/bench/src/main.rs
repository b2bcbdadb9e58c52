//! `cargo xtask bench`: ratios of time, ours against full passes and against PyTorch, in one run on one machine.
//!
//! Both sides run the same weights, in turns, and their outputs are compared; PyTorch is left out where python3 has
//! no torch.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to the person at the terminal"
)]

mod language;
mod machine;
mod maps;
mod passes;
mod random_weights;
mod shapes;
mod table;
mod timing;
mod torch;
mod traces;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

use crate::table::Table;
use crate::torch::Torch;

/// Ratios of time, ours against full passes and against PyTorch.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
pub(crate) struct Arguments {
    /// Only tables whose name contains this: passes, maps, traces.
    #[arg(long)]
    only: Option<String>,
    /// Only rows whose name contains this.
    #[arg(long)]
    row: Option<String>,
    /// Threads on both sides; all cores if left out.
    #[arg(long)]
    threads: Option<usize>,
    /// Seconds per measurement and side; each row takes several.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// The Python that may have torch, numpy and safetensors.
    #[arg(long, default_value = "python3")]
    python: String,
    /// Leave PyTorch out.
    #[arg(long)]
    no_torch: bool,
    /// Write the tables, with machine and date, into this file.
    #[arg(long)]
    save: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn asks_for(&self, row: &str) -> bool {
        self.row
            .as_deref()
            .is_none_or(|wanted| row.contains(wanted))
    }
}

/// One benchmark: its name and what makes its table.
type Benchmark = (&'static str, fn(&mut Bench) -> Result<Table>);

const BENCHMARKS: [Benchmark; 4] = [
    ("passes", passes::table),
    ("maps", maps::table),
    ("traces", traces::table),
    ("traces, growth", traces::growth),
];

/// What all benchmarks share.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) arguments: Arguments,
    pub(crate) torch: Option<Torch>,
    pub(crate) folder: tempfile::TempDir,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.unwrap_or(cores).max(1);
    // candle keeps threads of its own and asks the environment how many.
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("Could not start the threads")?;
    let torch = match arguments.no_torch {
        true => None,
        false => Torch::start(&arguments.python, threads)?,
    };
    let machine = machine::described(threads, torch.as_ref().map(Torch::version));
    println!("{machine}\n");
    let mut bench = Bench {
        arguments,
        torch,
        folder: tempfile::tempdir().context("Could not make a folder for the weights")?,
    };
    let mut written = format!("{machine}\n");
    for (name, table) in BENCHMARKS {
        let wanted = bench.arguments.only.as_deref();
        if wanted.is_none_or(|wanted| name.contains(wanted)) {
            let table = table(&mut bench)?.to_markdown();
            println!("{table}");
            written.push('\n');
            written.push_str(&table);
        }
    }
    if let Some(path) = &bench.arguments.save {
        table::save(path, &written)?;
    }
    Ok(())
}
