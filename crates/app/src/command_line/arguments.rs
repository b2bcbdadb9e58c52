//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Shows why a neural network produced an output.
///
/// Without a command it opens the window; with no display to open it on, it draws the gallery into
/// ./whyfinder-gallery.
#[derive(Debug, Parser)]
#[command(
    name = "whyfinder",
    version,
    after_help = "Example: whyfinder run experiment.toml --out results"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Opens the window with a model in it, a result, a figure, or numbers of another program
    #[command(after_help = "Example: whyfinder open ~/models/gpt2")]
    Open {
        /// Models (folder, weights file, demo:NAME, or a name in the local hub cache), pictures, experiments, results, figures, other programs' arrays; networks named together are compared
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
        #[command(flatten)]
        machine: Machine,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Carries out an experiment and writes result.npz and result.json
    #[command(
        after_help = "Example: whyfinder run trace.toml --out results --set trace.window=4 --set seed=7"
    )]
    Run(Run),
    /// Says what an experiment would cost in memory, passes and time, and runs nothing
    #[command(after_help = "Example: whyfinder estimate trace.toml --set corruption.samples=100")]
    Estimate(Estimate),
    /// Draws results as a figure for a paper: SVG, PDF, PNG, PGFPlots, or its numbers
    #[command(
        after_help = "Example: whyfinder figure results/result.npz --out trace.pdf --width double --font serif"
    )]
    Figure(Box<Figure>),
    /// Runs the experiment inside a figure again and says whether its numbers hold
    #[command(after_help = "Example: whyfinder verify trace.pdf")]
    Verify(Verify),
    /// Writes an experiment as a plain Python script that repeats its numbers without Whyfinder
    #[command(after_help = "Example: whyfinder script results/result.npz --out trace.py")]
    Script(Script),
    /// Says what a model is: architecture, sizes, sites, tokenizer, parity; or what another program's file is taken for
    #[command(after_help = "Example: whyfinder inspect ~/models/gpt2 --json")]
    Inspect(Inspect),
    /// Lists the bundled scenes, or runs one and draws it
    #[command(after_help = "Example: whyfinder gallery tower --out tower")]
    Gallery(Gallery),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The experiment, TOML or JSON
    #[arg(value_name = "EXPERIMENT.toml")]
    pub(crate) experiment: PathBuf,
    /// Where the result goes; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Results and progress as JSON, one object per line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) over: Over,
}

/// What becomes of files that are there.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Over {
    /// Replaces files that are there and hold something else
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Estimate {
    /// The experiment, TOML or JSON
    #[arg(value_name = "EXPERIMENT.toml")]
    pub(crate) experiment: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// The answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Changes one setting of the experiment; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) machine: Machine,
}

const CPU: &str = "cpu";

/// What computes, and on how many threads.
#[derive(Debug, Args)]
pub(crate) struct Machine {
    /// cpu, cuda:N or metal
    #[arg(long, default_value = CPU)]
    pub(crate) device: String,
    /// Threads of the computation [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
    /// Memory that may be used, such as 4GiB [default: 70 % of the machine's or the graphics card's]
    #[arg(long, value_name = "SIZE", value_parser = bytes_of)]
    pub(crate) memory: Option<u64>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            device: CPU.to_owned(),
            threads: None,
            memory: None,
        }
    }
}

/// Bytes of a size such as `800MiB`, `4GiB` or `2000000`.
fn bytes_of(size: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 4] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("B", 1),
    ];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((size.strip_suffix(name)?, *unit)))
        .unwrap_or((size, 1));
    let number: f64 = number
        .trim()
        .parse()
        .map_err(|_| format!("\"{size}\" is no size; write one such as 800MiB or 4GiB"))?;
    if !(number.is_finite() && number > 0.0) {
        return Err("The memory that may be used must be more than nothing".to_string());
    }
    Ok((number * unit as f64) as u64)
}

/// What is said about files of other programs, where names and shapes do not say it.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Elsewhere {
    /// Of another program's array: what its axes are, outermost first, such as layer,head,query,key
    #[arg(long, value_name = "NAMES")]
    pub(crate) axes: Option<String>,
    /// Of another program's array: its tokens, a text file with one a line, or a JSON list
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,
    /// Which of the arrays of another program's file is meant
    #[arg(long, value_name = "NAME")]
    pub(crate) array: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Figure {
    /// A result, or several to be compared: result.npz, its folder, or another program's .npy, .npz, .safetensors, .mat, .csv
    #[arg(required = true, value_name = "RESULT.npz")]
    pub(crate) results: Vec<PathBuf>,
    /// The file; its ending says how: svg, pdf, png, tex (PGFPlots), table.tex, csv or npz
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    pub(crate) out: Option<PathBuf>,
    /// What is shown, a panel each: a field, or a view that --list names [default: what says most]
    #[arg(long = "field", visible_alias = "view", value_name = "NAME")]
    pub(crate) fields: Vec<String>,
    /// Says what can be shown of the results, and draws nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// On paper: 8.4cm, 84mm, 3.5in, 238pt, single (8.4 cm) or double (17.4 cm) [default: single]
    #[arg(long, value_name = "LENGTH")]
    pub(crate) width: Option<String>,
    /// sans, serif, or a font file [default: sans]
    #[arg(long, value_name = "FONT")]
    pub(crate) font: Option<String>,
    /// Size of labels, 5 to 14 [default: 7]
    #[arg(long, value_name = "POINTS")]
    pub(crate) size: Option<f32>,
    /// Dots per inch of a PNG
    #[arg(long, default_value_t = 300.0)]
    pub(crate) dpi: f32,
    /// A colour map for all panels: viridis, magma, cividis, purples, greens, reds, blue-red, seismic
    #[arg(long, value_name = "NAME")]
    pub(crate) map: Option<String>,
    /// Values of the first and the last colour
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true)]
    pub(crate) range: Option<String>,
    /// Blue helps and red harms, in place of the other way round; of differences, blue is more
    #[arg(long)]
    pub(crate) invert: bool,
    /// Some rows and columns of every map, counted from 0 and without the last, such as 2-7,0-4; of the atlas layers
    /// and heads
    #[arg(long, value_name = "ROWS,COLUMNS")]
    pub(crate) part: Option<String>,
    /// light or dark [default: light]
    #[arg(long, value_name = "THEME")]
    pub(crate) theme: Option<String>,
    /// Paints no ground
    #[arg(long)]
    pub(crate) transparent: bool,
    /// Leaves the headings to the caption
    #[arg(long)]
    pub(crate) no_title: bool,
    /// In place of the figure's own heading
    #[arg(long, value_name = "TEXT")]
    pub(crate) heading: Option<String>,
    /// Leaves the letters of panels away
    #[arg(long)]
    pub(crate) no_letters: bool,
    /// Panels side by side [default: as many as fit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) columns: Option<u16>,
    /// Adds a panel of the first result less the second
    #[arg(long)]
    pub(crate) difference: bool,
    /// Takes everything that is not said here from another figure
    #[arg(long, value_name = "FIGURE")]
    pub(crate) like: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) over: Over,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// An SVG, PDF or PNG that this program wrote
    #[arg(value_name = "FIGURE")]
    pub(crate) figure: PathBuf,
    /// How far numbers may lie apart, as a share of their spread, and still hold
    #[arg(long, default_value_t = 1e-4, value_name = "SHARE")]
    pub(crate) tolerance: f32,
    #[command(flatten)]
    pub(crate) machine: Machine,
    /// The answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Script {
    /// An experiment, a result or its folder, or a figure; made from the last two, the script compares itself with them
    #[arg(value_name = "EXPERIMENT|RESULT|FIGURE")]
    pub(crate) from: PathBuf,
    /// The script; what it reads is written beside it [default: standard output]
    #[arg(long, value_name = "FILE.py")]
    pub(crate) out: Option<PathBuf>,
    /// Which of a figure's results, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) source: usize,
    #[command(flatten)]
    pub(crate) over: Over,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A folder, a weights file, demo:NAME, a name in the local hub cache, or another program's file of numbers
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) elsewhere: Elsewhere,
    /// The answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Gallery {
    /// The scene to run
    #[arg(requires = "out")]
    pub(crate) name: Option<String>,
    /// Where its result and its pictures go; made if it is not there
    #[arg(long, value_name = "DIR", requires = "name")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) over: Over,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_agree_with_themselves() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_that_can_be_typed() {
        let command = Arguments::command();
        for command in std::iter::once(&command).chain(command.get_subcommands()) {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let example = help
                .strip_prefix("Example: ")
                .unwrap_or_else(|| panic!("{} has none", command.get_name()));
            Arguments::try_parse_from(example.split(' '))
                .unwrap_or_else(|e| panic!("{example}: {e}"));
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(bytes_of("4GiB"), Ok(4 << 30));
        assert_eq!(bytes_of("1.5 KiB"), Ok(1536));
        assert_eq!(bytes_of("12"), Ok(12));
        assert_eq!(bytes_of("12B"), Ok(12));
        for bad in ["", "GiB", "-1MiB", "0", "4 apples", "inf"] {
            assert!(bytes_of(bad).is_err(), "{bad}");
        }
    }
}
