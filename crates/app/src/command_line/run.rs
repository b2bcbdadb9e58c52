use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use whyfinder_experiment::outcome::TokenProbability;
use whyfinder_experiment::{Field, Outcome, read_experiment, write_result};

use super::arguments::Run;
use super::carry_out::{measure, worker};
use super::command_error::CommandError;
use super::out_folder;
use super::progress::{ProgressLine, spoken};
use super::say::say;

pub(crate) fn run(arguments: &Run) -> Result<(), CommandError> {
    let experiment = read_experiment(&arguments.experiment, &arguments.settings.set)?;
    out_folder::check(&arguments.out)?;
    let worker = worker(&arguments.settings.machine)?;
    let progress = ProgressLine::new(arguments.json);
    let outcome = measure(&worker, experiment, &progress)?;
    drop(progress);
    write_result(&arguments.out, &outcome).map_err(CommandError::failed)?;
    if arguments.json {
        return say(as_json(&arguments.out)?);
    }
    say(as_text(&outcome))?;
    say(format!(
        "Wrote {} and {}.",
        arguments.out.join("result.npz").display(),
        arguments.out.join("result.json").display()
    ))
}

/// The scalars on one line, as they were written.
fn as_json(folder: &Path) -> Result<Value, CommandError> {
    let path = folder.join("result.json");
    std::fs::read(&path)
        .map_err(|e| e.to_string())
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string()))
        .map_err(|e| {
            CommandError::failed(format!(
                "The result was written but cannot be read back ({e}): {}",
                path.display()
            ))
        })
}

pub(crate) fn as_text(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let mut lines = Vec::new();
    if let Some(answer) = &summary.answer {
        let mut line = format!("answer      {}", said(answer));
        if let Some(foil) = &summary.foil {
            line.push_str(&format!(", foil {}", said(foil)));
        }
        lines.push(line);
    }
    for (name, value) in &summary.reference {
        let mut line = format!("{name:<11} {value:.4} {}", summary.metric);
        if let Some(stderr) = summary.reference_stderr.get(name).filter(|s| s.is_finite()) {
            line.push_str(&format!(" ± {stderr:.4}"));
        }
        lines.push(line);
    }
    let sizes: Vec<_> = outcome.fields.iter().map(size).collect();
    // A pattern such as blocks.*.attn.hook_pattern has a field per layer; more than a screenful says nothing more.
    if sizes.len() > 12 {
        lines.push(format!(
            "fields      {}, from {} to {}",
            sizes.len(),
            sizes[0],
            sizes[sizes.len() - 1]
        ));
    } else {
        lines.extend(sizes.iter().map(|size| format!("field       {size}")));
    }
    let took = spoken(Duration::from_secs_f64(summary.seconds.clamp(0.0, 1e9)));
    lines.push(format!(
        "took        {took}, {}",
        passes(summary.passes, summary.passes_plain)
    ));
    lines.join("\n")
}

/// How many passes, and beside them how many there would be without shortcuts.
pub(crate) fn passes(passes: f64, plain: f64) -> String {
    match passes {
        1.0 => "1 pass".to_string(),
        _ if passes == plain => format!("{passes:.0} passes"),
        _ => format!("{passes:.1} passes (one full pass per cell: {plain:.0})"),
    }
}

fn said(token: &TokenProbability) -> String {
    format!("\"{}\" (probability {:.4})", token.text, token.probability)
}

fn size(field: &Field) -> String {
    let axes: Vec<_> = field
        .axes
        .iter()
        .map(|a| format!("{} {}", a.len(), a.name))
        .collect();
    format!("{} [{}]", field.name, axes.join(", "))
}
