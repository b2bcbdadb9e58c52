//! Whether a figure's numbers still hold.

use std::path::{Path, PathBuf};

use serde_json::json;
use whyfinder_experiment::partial::digests_of;
use whyfinder_experiment::{ImportSettings, InstrumentSettings, Outcome};
use whyfinder_figure::origin::{Held, OriginSource};
use whyfinder_figure::{Origin, open_origin};

use super::arguments;
use super::carry_out::{measure, worker};
use super::command_error::CommandError;
use super::elsewhere;
use super::progress::ProgressLine;
use super::say::say;
use crate::missing_model::missing_model;

pub(crate) fn verify(arguments: &arguments::Verify) -> Result<(), CommandError> {
    let origin = open_origin(&arguments.figure).map_err(CommandError::bad_request)?;
    let mut all_hold = true;
    for (index, source) in origin.sources.iter().enumerate() {
        if let InstrumentSettings::Import { import } = &source.experiment.instrument
            && !import.files.first().is_some_and(|f| f.path.is_file())
        {
            all_hold &= without_file(source, import, arguments.json)?;
            continue;
        }
        let outcome = match &source.experiment.instrument {
            InstrumentSettings::Import { import } => elsewhere::again(import)?.outcome,
            _ => run_again(source, arguments)?,
        };
        let answers: Vec<Answer> = origin
            .compare(index, &outcome)
            .into_iter()
            .map(|(field, held)| Answer::of(field, held, arguments.tolerance))
            .collect();
        all_hold &= !answers.is_empty() && answers.iter().all(|a| a.holds);
        if arguments.json {
            say(as_json(source, &outcome, &answers))?;
        } else {
            say(as_text(&origin, source, &outcome, &answers))?;
        }
    }
    if all_hold {
        if !arguments.json {
            say("The numbers of the figure hold.")?;
        }
        return Ok(());
    }
    Err(CommandError::failed(
        "The numbers of the figure do not hold.",
    ))
}

struct Answer {
    field: String,
    held: Held,
    holds: bool,
}

impl Answer {
    fn of(field: String, held: Held, tolerance: f32) -> Self {
        let holds = match held {
            Held::Exactly => true,
            Held::Within { largest, spread } => {
                largest <= tolerance * spread.max(f32::MIN_POSITIVE)
            }
            Held::OtherShape | Held::Missing => false,
        };
        Self { field, held, holds }
    }

    fn words(&self) -> String {
        match self.held {
            Held::Exactly => "the same in every bit".into(),
            Held::Within { largest, spread } => {
                let verdict = if self.holds { "holds" } else { "does not hold" };
                format!("{verdict}: at most {largest:.1e} apart, over a spread of {spread:.3}")
            }
            Held::OtherShape => "has another shape now".into(),
            Held::Missing => "is not measured any more".into(),
        }
    }
}

/// Other programs' numbers whose file is not here: what the figure holds of them is compared with its own digests.
fn without_file(
    source: &OriginSource,
    import: &ImportSettings,
    json: bool,
) -> Result<bool, CommandError> {
    let file = import.files.first().map_or_else(
        || "a running program".to_string(),
        |f| {
            format!(
                "{} (BLAKE3 {}), which is not here",
                f.path.display(),
                f.digest
            )
        },
    );
    let mut holds = true;
    let mut lines = vec![format!(
        "The figure shows numbers that another program computed, so they cannot be computed again. They are from {file}."
    )];
    let mut fields = Vec::new();
    for kept in &source.numbers {
        let (agrees, words) = match kept.agrees_with_digest() {
            Some(true) => (
                true,
                "the numbers inside the figure are those of its digest",
            ),
            Some(false) => (
                false,
                "the numbers inside the figure are not those of its digest",
            ),
            None => (
                true,
                "the figure holds only some of the numbers, which its digest cannot tell",
            ),
        };
        holds &= agrees;
        lines.push(format!("{:<11} {words}", kept.field));
        fields.push(json!({"field": kept.field, "holds": agrees, "words": words}));
    }
    if json {
        say(json!({"model": source.experiment.model, "computed_again": false, "fields": fields}))?;
    } else {
        say(lines.join("\n"))?;
    }
    Ok(holds)
}

/// # Errors
/// A sentence that names what is missing, with its digest.
fn run_again(
    source: &OriginSource,
    arguments: &arguments::Verify,
) -> Result<Outcome, CommandError> {
    let mut digests = source.provenance.file_digests.iter();
    for file in source.experiment.files() {
        let digest = digests.next();
        if !file.exists() {
            let digest = digest.map_or_else(String::new, |d| format!(" (BLAKE3 {d})"));
            return Err(CommandError::bad_request(format!(
                "The figure was made from a file that is not here: {}{digest}",
                file.display()
            )));
        }
    }
    let worker = worker(&arguments.machine)?;
    let progress = ProgressLine::new(arguments.json);
    let outcome = measure(&worker, source.experiment.clone(), &progress);
    drop(progress);
    match outcome {
        Ok(outcome) => Ok((*outcome).clone()),
        Err(error @ (CommandError::BadRequest(_) | CommandError::Failed(_))) => {
            let now = digests_of(&source.experiment).unwrap_or_default();
            let changed = changes(source, &now).into_iter().find(|(_, same)| !same);
            Err(match (changed, error) {
                (Some((path, _)), error) => CommandError::bad_request(format!(
                    "{error} {} has changed since the figure's numbers were measured.",
                    path.display()
                )),
                (None, CommandError::BadRequest(why)) => CommandError::BadRequest(missing_model(
                    &source.experiment.model,
                    &source.provenance,
                    &why,
                )),
                (None, error) => error,
            })
        }
        Err(error) => Err(error),
    }
}

fn as_text(
    origin: &Origin,
    source: &OriginSource,
    outcome: &Outcome,
    answers: &[Answer],
) -> String {
    let (then, now) = (&source.provenance, &outcome.provenance);
    let compared = |name: &str, then: &str, now: &str| {
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        match (then.is_empty(), then == now) {
            (true, _) => String::new(),
            (_, true) => format!("\n{name:<11} the same ({})", short(then)),
            (_, false) => format!(
                "\n{name:<11} another one ({}, the figure's was {})",
                short(now),
                short(then)
            ),
        }
    };
    let mut text = match &source.experiment.instrument {
        InstrumentSettings::Import { import } => imported(origin, source, import, outcome),
        _ => format!(
            "figure      {} of {}, drawn by {} from a run of {} on {}",
            source.experiment.instrument.name(),
            source.experiment.model,
            origin.program,
            then.date,
            then.device
        ),
    };
    text.push_str(&compared("weights", &then.model_digest, &now.model_digest));
    text.push_str(&compared(
        "tokenizer",
        &then.tokenizer_digest,
        &now.tokenizer_digest,
    ));
    for (path, same) in changes(source, &outcome.provenance.file_digests) {
        text.push_str(&file_line(&path, same));
    }
    for answer in answers {
        text.push_str(&format!("\n{:<11} {}", answer.field, answer.words()));
    }
    text
}

/// The files that the experiment names, and whether each, by the digests that they have now, has the content that the
/// figure's run read. None of figures that do not say it.
fn changes(source: &OriginSource, now: &[String]) -> Vec<(PathBuf, bool)> {
    let digests = source.provenance.file_digests.iter().zip(now);
    let files = source.experiment.files().into_iter().zip(digests);
    files
        .map(|(path, (then, now))| (path, then == now))
        .collect()
}

fn file_line(path: &Path, same: bool) -> String {
    let words = if same { "the same" } else { "changed since" };
    format!("\nfile        {words} ({})", path.display())
}

/// The heading of an import, and whether its file is the one that the figure was drawn from.
fn imported(
    origin: &Origin,
    source: &OriginSource,
    then: &ImportSettings,
    outcome: &Outcome,
) -> String {
    let InstrumentSettings::Import { import: now } = &outcome.experiment.instrument else {
        return String::new();
    };
    let mut text = format!(
        "figure      {} {}, drawn by {}; another program computed the numbers, so they were read again, not computed",
        then.form.name(),
        source.experiment.model,
        origin.program
    );
    for file in &then.files {
        text.push_str(&file_line(&file.path, now.files.contains(file)));
    }
    text
}

fn as_json(source: &OriginSource, outcome: &Outcome, answers: &[Answer]) -> serde_json::Value {
    let fields: Vec<_> = answers
        .iter()
        .map(|a| {
            let (largest, spread) = match a.held {
                Held::Exactly => (Some(0.0), None),
                Held::Within { largest, spread } => (Some(largest), Some(spread)),
                Held::OtherShape | Held::Missing => (None, None),
            };
            json!({
                "field": a.field,
                "holds": a.holds,
                "largest_difference": largest,
                "spread": spread,
                "words": a.words(),
            })
        })
        .collect();
    let files: Vec<_> = changes(source, &outcome.provenance.file_digests)
        .into_iter()
        .map(|(path, same)| json!({"path": path, "same": same}))
        .collect();
    json!({
        "model": source.experiment.model,
        "files": files,
        "same_weights": source.provenance.model_digest == outcome.provenance.model_digest,
        "same_tokenizer": source.provenance.tokenizer_digest == outcome.provenance.tokenizer_digest,
        "fields": fields,
    })
}
