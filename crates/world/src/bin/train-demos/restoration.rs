//! `train-demos network`: the restoration networks.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use whyfinder_world::pictures::bundled;
use whyfinder_world::restoration::fit::{Settings, Training, train};
use whyfinder_world::restoration::{Demo, publish, score};

/// Example: train-demos network sr-local --minutes 60 --resume
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    network: Demo,
    /// Folder of the finished networks.
    #[arg(long, default_value = "assets/models/restoration")]
    out: PathBuf,
    /// Seed of start values, pictures and noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Steps of the whole schedule.
    #[arg(long)]
    steps: Option<u64>,
    /// Largest step size of AdamW.
    #[arg(long)]
    adam: Option<f32>,
    /// Largest step size of Muon.
    #[arg(long)]
    muon: Option<f32>,
    /// Stop after this many minutes at the latest; --resume goes on from there.
    #[arg(long)]
    minutes: Option<f64>,
    /// Go on from the checkpoint, if there is one.
    #[arg(long)]
    resume: bool,
    /// Without a checkpoint, begin with the weights in this file: of denoise, with as many convolutions or fewer.
    #[arg(long)]
    begin: Option<PathBuf>,
    /// Where the checkpoint is kept; default: target/train-demos/NETWORK.safetensors.
    #[arg(long)]
    checkpoint: Option<PathBuf>,
    /// Append progress to this file as well.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Minutes between evaluations.
    #[arg(long, default_value_t = 5.0)]
    evaluate_every: f64,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let demo = arguments.network;
    let mut log = arguments
        .log
        .as_deref()
        .map(|path| {
            let mut options = OpenOptions::new();
            options
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("Could not open the log. Path: {}", path.display()))
        })
        .transpose()?;
    let mut say = move |line: &str| {
        // A reader that went away, or a full disk, is no reason to lose the training.
        let _ = writeln!(std::io::stdout(), "{line}");
        if let Some(file) = &mut log {
            let _ = writeln!(file, "{line}");
        }
    };
    let name = format!("{}.safetensors", demo.name());
    let checkpoint = match &arguments.checkpoint {
        Some(path) => path.clone(),
        None => Path::new("target/train-demos").join(&name),
    };
    if let Some(folder) = checkpoint.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("Could not make the folder. Path: {}", folder.display()))?;
    }
    let defaults = Settings::new(demo);
    let mut peak = defaults.peak;
    peak.adam = arguments.adam.unwrap_or(peak.adam);
    peak.muon = arguments.muon.unwrap_or(peak.muon);
    let settings = Settings {
        seed: arguments.seed,
        steps: arguments.steps.unwrap_or(defaults.steps),
        peak,
        limit: arguments.minutes.map(|m| Duration::from_secs_f64(60.0 * m)),
        checkpoint: Some(checkpoint),
        resume: arguments.resume,
        begin: arguments.begin.clone(),
        ..defaults
    };
    let pictures = bundled::draw_all();
    let out = arguments.out.join(&name);
    let table = |training: &Training| {
        training.averaged(|network| {
            let tables = score::score(demo, network, &pictures)?
                .into_iter()
                .map(|(word, scores)| {
                    let (leaves, scenes) = score::gains(&scores);
                    let table = score::table(&scores);
                    format!("{word}\n{table}mean gain: {leaves:.2} dB on leaves, {scenes:.2} dB on scenes")
                });
            Ok(tables.collect::<Vec<_>>().join("\n"))
        })
    };
    let every = 60.0 * arguments.evaluate_every;
    let mut evaluated = 0.0;
    let (mut sum, mut count) = (0.0, 0);
    let training = train(&settings, &mut |taken| {
        sum += taken.loss;
        count += 1;
        if taken.step % 20 == 0 || taken.step <= 3 {
            say(&format!(
                "step {} of {}, {:.0} s ({:.0} s drawing), error {:.3}",
                taken.step,
                settings.steps,
                taken.seconds,
                taken.drawing,
                sum / count as f32
            ));
            (sum, count) = (0.0, 0);
        }
        if taken.seconds - evaluated >= every {
            evaluated = taken.seconds;
            let done = table(taken.training)
                .and_then(|text| publish::write(&out, demo, taken.training).map(|()| text));
            match done {
                Ok(text) => say(&text),
                Err(error) => say(&error.to_string()),
            }
        }
    })?;
    publish::write(&out, demo, &training)?;
    say(&table(&training)?);
    say(&format!(
        "{} parameters after {} steps, written to {}",
        training.trainable.parameters.count(),
        training.steps,
        out.display()
    ));
    if !training.finished {
        say("The schedule is not finished; --resume goes on.");
    }
    Ok(())
}
