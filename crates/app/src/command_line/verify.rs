//! Whether a figure's numbers still hold.

use serde_json::json;
use whyfinder_experiment::Outcome;
use whyfinder_figure::origin::{Held, OriginSource};
use whyfinder_figure::{Origin, open_origin};

use super::arguments;
use super::carry_out::{measure, worker};
use super::command_error::CommandError;
use super::progress::ProgressLine;
use super::say::say;
use crate::missing_model::missing_model;

pub(crate) fn verify(arguments: &arguments::Verify) -> Result<(), CommandError> {
    let origin = open_origin(&arguments.figure).map_err(CommandError::bad_request)?;
    let mut all_hold = true;
    for (index, source) in origin.sources.iter().enumerate() {
        let outcome = run_again(source, arguments)?;
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

/// # Errors
/// A sentence that names what is missing, with its digest.
fn run_again(
    source: &OriginSource,
    arguments: &arguments::Verify,
) -> Result<Outcome, CommandError> {
    for file in source.experiment.files() {
        if !file.exists() {
            return Err(CommandError::bad_request(format!(
                "The figure was made from a file that is not here: {}",
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
        Err(CommandError::BadRequest(why)) => Err(CommandError::BadRequest(missing_model(
            &source.experiment.model,
            &source.provenance,
            &why,
        ))),
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
    let mut text = format!(
        "figure      {} of {}, drawn by {} from a run of {} on {}",
        source.experiment.instrument.name(),
        source.experiment.model,
        origin.program,
        then.date,
        then.device
    );
    text.push_str(&compared("weights", &then.model_digest, &now.model_digest));
    text.push_str(&compared(
        "tokenizer",
        &then.tokenizer_digest,
        &now.tokenizer_digest,
    ));
    for answer in answers {
        text.push_str(&format!("\n{:<11} {}", answer.field, answer.words()));
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
    json!({
        "model": source.experiment.model,
        "same_weights": source.provenance.model_digest == outcome.provenance.model_digest,
        "same_tokenizer": source.provenance.tokenizer_digest == outcome.provenance.tokenizer_digest,
        "fields": fields,
    })
}
