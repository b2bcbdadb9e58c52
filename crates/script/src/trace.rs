//! A causal trace as a script: one full pass for each cell.

use whyfinder_experiment::{Corruption, Experiment, Metric, TraceKind, TraceSettings};

use crate::answered::Answered;
use crate::error::ScriptError;
use crate::language::{Model, check_tokens, open, prompt, question};
use crate::literal::{number32, text, texts};
use crate::program::Program;
use crate::script::{Beside, beside_name};

pub(crate) fn write(
    program: &mut Program,
    experiment: &Experiment,
    corruption: &Corruption,
    trace: &TraceSettings,
    model: &Model,
    answered: Option<&Answered>,
    stem: &str,
) -> Result<Vec<Beside>, ScriptError> {
    let mut beside = Vec::new();
    open(program, model);
    prompt(program, &experiment.input)?;
    question(program, &experiment.input);
    check_tokens(program, answered);
    if model.family.embeddings_enter() {
        program.piece(include_str!("../python/embeddings_enter.py"));
    }
    program.piece(include_str!("../python/run_changed.py"));
    match corruption {
        Corruption::Noise {
            scale,
            samples,
            sd,
            file,
        } => {
            program.constant("SAMPLES", samples.to_string());
            if let Some(file) = file {
                let copy = Beside::copy(file, &beside_name(stem, "noise.npy"))?;
                program.constant("NOISE", format!("HERE / {}", text(&copy.name)));
                program.piece(include_str!("../python/corrupt_file.py"));
                beside.push(copy);
            } else {
                program.constant("SEED", experiment.seed.to_string());
                program.constant("SCALE", number32(*scale));
                if let Some(sd) = sd {
                    program.constant("SD", number32(*sd));
                    program.piece(include_str!("../python/noise_given.py"));
                } else {
                    program.piece(include_str!("../python/noise_own.py"));
                }
                program.piece(include_str!("../python/corrupt_noise.py"));
            }
        }
        Corruption::Replace { prompt } => {
            program.constant("SAMPLES", "1");
            program.constant("REPLACEMENT", text(prompt));
            program.piece(include_str!("../python/corrupt_replace.py"));
        }
    }
    if trace.confidence.is_some() {
        program.facts([
            String::new(),
            "Whyfinder was told to stop early where enough was known. This script takes all samples at every".into(),
            "cell, and compares only the cells at which Whyfinder took them all, too.".into(),
        ]);
    }
    let names = |kinds: &[TraceKind]| texts(kinds.iter().map(|kind| kind.name()));
    program.constant("KINDS", names(&trace.kinds));
    program.noted(
        "WINDOW",
        trace.window.to_string(),
        "layers that are restored together, for mlp and attention",
    );
    program.noted(
        "SEVERED",
        names(&trace.severed),
        "held at their corrupted values at the restored token",
    );
    program.piece(match trace.metric {
        Metric::Probability => include_str!("../python/metric_probability.py"),
        Metric::LogProbability => include_str!("../python/metric_log_probability.py"),
        Metric::Logit => include_str!("../python/metric_logit.py"),
        Metric::LogitDifference => include_str!("../python/metric_logit_difference.py"),
        Metric::Psnr => {
            return Err(ScriptError::refused(
                "A next-token distribution has no PSNR; choose another metric.",
            ));
        }
    });
    program.piece(include_str!("../python/top.py"));
    program.piece(include_str!("../python/field_sampled.py"));
    Ok(beside)
}

/// The fields that the script makes.
pub(crate) fn makes(trace: &TraceSettings, field: &str) -> bool {
    trace.kinds.iter().any(|kind| kind.name() == field)
}
