//! Two runs set against each other: what they share, and where one can be taken from the other.

use std::sync::Arc;

use whyfinder_experiment::{Difference, Field, InstrumentSettings, Outcome, TraceKind, subtract};

use super::changes::{instrument, short};
use crate::maps::{Raster, Region};
use crate::window::images::results::{MapResult, Restored};
use crate::window::results::TraceResult;
use crate::window::words;

/// Next tokens that are compared.
const MOST_TOKENS: usize = 12;

/// What two runs have to show beside each other.
#[derive(Clone, Debug)]
pub enum Comparison {
    Traces(Box<Traces>),
    /// Maps over pictures, a pair for each network that both have.
    Maps(Vec<Maps>),
    /// Next tokens of two prompts or models.
    Predictions(Vec<Prediction>),
    /// A sentence: they have nothing in common.
    Nothing(String),
}

#[derive(Clone, Debug)]
pub struct Traces {
    pub sides: [TraceResult; 2],
    /// For each kind that both have, the second minus the first; or a sentence why there is none.
    pub differences: Result<Vec<Difference>, String>,
    /// Where the difference is of unlike things that stand at the same places.
    pub caution: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Maps {
    pub name: String,
    pub sides: [MapSide; 2],
    /// Whether both were made by the same method.
    pub alike: bool,
    pub difference: Result<Difference, String>,
    pub caution: Option<String>,
}

/// One map with what lies below it.
#[derive(Clone, Debug)]
pub struct MapSide {
    /// Of the network, where the two are of different ones.
    pub name: String,
    pub field: Field,
    pub reachable: Option<Vec<bool>>,
    pub region: Option<Region>,
    pub picture: Option<Raster>,
    /// Width and height of the output, pixels.
    pub size: [usize; 2],
    /// Side of a cell, in these pixels.
    pub cell: usize,
    pub of_blocks: bool,
    pub signed: bool,
}

/// A next token with its probability in each run.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub token: String,
    pub probability: [Option<f32>; 2],
}

impl Comparison {
    /// Whether the numbers of both runs mean the same, so that one range of colours serves them both.
    pub fn is_alike(&self) -> bool {
        match self {
            Self::Traces(traces) => traces.is_alike(),
            Self::Maps(maps) => maps.iter().all(|pair| pair.alike),
            Self::Predictions(_) | Self::Nothing(_) => true,
        }
    }

    pub fn of(a: &[Arc<Outcome>], b: &[Arc<Outcome>]) -> Self {
        if let (Some(a), Some(b)) = (trace_of(a), trace_of(b)) {
            return Self::Traces(Box::new(Traces::of(a, b)));
        }
        let maps = maps_of(a, b);
        if !maps.is_empty() {
            return Self::Maps(maps);
        }
        if let Some(predictions) = predictions_of(a, b) {
            return Self::Predictions(predictions);
        }
        let name = |of: &[Arc<Outcome>]| {
            let last = of.last().map(|o| o.experiment.instrument.name());
            instrument(last.unwrap_or("nothing"))
        };
        Self::Nothing(format!(
            "The first run is {} and the second {}: they measure different things, and nothing of one can be laid \
             beside the other.",
            name(a),
            name(b)
        ))
    }
}

fn trace_of(outcomes: &[Arc<Outcome>]) -> Option<TraceResult> {
    let outcome = outcomes.iter().find(|o| {
        matches!(
            o.experiment.instrument,
            InstrumentSettings::CausalTrace { .. }
        )
    })?;
    let mut trace = TraceResult::waiting(outcome.experiment.clone(), 0);
    trace.finish(outcome);
    Some(trace)
}

impl Traces {
    /// Whether both were measured as the same.
    pub fn is_alike(&self) -> bool {
        let [a, b] = &self.sides;
        a.metric() == b.metric()
    }

    fn of(a: TraceResult, b: TraceResult) -> Self {
        let tokens = |t: &TraceResult| t.summary.tokens.clone();
        let caution =
            (tokens(&a).len() == tokens(&b).len() && tokens(&a) != tokens(&b)).then(|| {
                let differ = tokens(&a)
                    .iter()
                    .zip(tokens(&b))
                    .filter(|(a, b)| *a != b)
                    .count();
                format!("{differ} tokens are not the same; places are compared")
            });
        Self {
            differences: trace_differences(&a, &b),
            caution,
            sides: [a, b],
        }
    }
}

/// Effects minus effects, for each kind that both have: what is taken away is the corrupted run's own value on both
/// sides, so that another floor does not pass for another effect.
fn trace_differences(a: &TraceResult, b: &TraceResult) -> Result<Vec<Difference>, String> {
    if a.metric() != b.metric() {
        return Err(format!(
            "One was measured as {} and the other as {}, which cannot be subtracted.",
            words::metric_word(a.metric()),
            words::metric_word(b.metric())
        ));
    }
    let mut found = Vec::new();
    for kind in TraceKind::ALL {
        let (Some(first), Some(second)) = (a.grid(kind), b.grid(kind)) else {
            continue;
        };
        let floor = |t: &TraceResult| t.corrupted().unwrap_or(0.0);
        found.push(difference(first, second, floor(b) - floor(a))?);
    }
    if found.is_empty() {
        return Err("They restored different things, of which none can be subtracted.".into());
    }
    Ok(found)
}

/// The second field minus the first, less `shift`; measured where both are.
///
/// # Errors
/// A sentence if the two have not the same axes.
pub fn difference(first: &Field, second: &Field, shift: f32) -> Result<Difference, String> {
    let axes = |field: &Field| -> Vec<(String, usize)> {
        field
            .axes
            .iter()
            .map(|a| (a.name.clone(), a.len()))
            .collect()
    };
    let found = subtract(second, first, shift).filter(|_| axes(first) == axes(second));
    found.ok_or_else(|| {
        format!(
            "They cannot be subtracted: the first is over {} and the second over {}. Side by side still tells them apart.",
            sizes(first),
            sizes(second)
        )
    })
}

/// `14 tokens and 6 layers`.
fn sizes(field: &Field) -> String {
    let sides: Vec<String> = field
        .axes
        .iter()
        .map(|axis| match axis.len() {
            1 => format!("1 {}", axis.name),
            n => format!("{n} {}s", axis.name),
        })
        .collect();
    sides.join(" and ")
}

/// A pair for each network that both runs have; where each has but one, they are a pair whatever they are.
fn maps_of(a: &[Arc<Outcome>], b: &[Arc<Outcome>]) -> Vec<Maps> {
    let is_map =
        |o: &&Arc<Outcome>| matches!(o.experiment.instrument, InstrumentSettings::Image { .. });
    let [a, b]: [Vec<&Arc<Outcome>>; 2] = [a, b].map(|of| of.iter().filter(is_map).collect());
    let mut pairs: Vec<(&Arc<Outcome>, &Arc<Outcome>)> = Vec::new();
    for first in &a {
        let same = |o: &&&Arc<Outcome>| o.experiment.model == first.experiment.model;
        pairs.extend(b.iter().find(same).map(|second| (*first, *second)));
    }
    if let (true, Some(first), Some(second)) = (pairs.is_empty(), a.last(), b.last()) {
        pairs.push((first, second));
    }
    pairs
        .into_iter()
        .filter_map(|(a, b)| Maps::of(a, b))
        .collect()
}

impl Maps {
    fn of(a: &Outcome, b: &Outcome) -> Option<Self> {
        let sides = [MapSide::of(a)?, MapSide::of(b)?];
        let [first, second] = &sides;
        let method = |o: &Outcome| o.experiment.instrument.name();
        let alike = method(a) == method(b);
        let difference = if !alike {
            Err(format!(
                "The first is {} and the second {}: their numbers do not mean the same, so that a difference would mean \
                 nothing.",
                instrument(method(a)),
                instrument(method(b))
            ))
        } else {
            difference(&first.field, &second.field, 0.0)
        };
        let caution = (first.region != second.region).then(|| {
            "of different regions; each block's effect is on its own run's region".to_string()
        });
        Some(Self {
            name: short(&b.experiment.model),
            alike,
            difference,
            caution,
            sides,
        })
    }
}

impl MapSide {
    fn of(outcome: &Outcome) -> Option<Self> {
        let mut map = MapResult::waiting(outcome.experiment.clone(), 0);
        map.finish(outcome);
        let field = map.map()?.clone();
        let [_, cols] = *field.shape() else {
            return None;
        };
        let image = map.summary.image.as_ref();
        let mut restored = Restored::waiting(outcome.experiment.clone());
        restored.finish(outcome);
        let from_output = restored.output.as_ref().map(|o| [o.width(), o.height()]);
        let size = image
            .map(|i| i.output_size)
            .filter(|s| s[0] > 0)
            .or(from_output)?;
        let block = image.and_then(|i| i.block);
        Some(Self {
            name: short(&outcome.experiment.model),
            reachable: map.reachable(),
            region: map.region(),
            picture: restored.input,
            cell: block.unwrap_or_else(|| (size[0] / cols.max(1)).max(1)),
            of_blocks: block.is_some(),
            signed: field.name == "effect" || field.name.ends_with(".signed"),
            field,
            size,
        })
    }
}

fn predictions_of(a: &[Arc<Outcome>], b: &[Arc<Outcome>]) -> Option<Vec<Prediction>> {
    let clean = |of: &[Arc<Outcome>]| {
        let mut all = of.iter().flat_map(|o| &o.distributions);
        all.find(|d| d.name == "clean").cloned()
    };
    let sides = [clean(a)?, clean(b)?];
    let probability = |side: &whyfinder_experiment::outcome::Distribution, text: &str| {
        let found = side.top.iter().find(|t| t.text == text);
        found.map(|t| t.probability)
    };
    let mut tokens: Vec<&String> = Vec::new();
    for rank in 0..MOST_TOKENS {
        for side in &sides {
            if let Some(token) = side.top.get(rank)
                && !tokens.contains(&&token.text)
            {
                tokens.push(&token.text);
            }
        }
    }
    let rows = tokens
        .into_iter()
        .take(MOST_TOKENS)
        .map(|token| Prediction {
            token: token.clone(),
            probability: [0, 1].map(|i| probability(&sides[i], token)),
        });
    Some(rows.collect())
}

#[cfg(test)]
mod tests {
    use whyfinder_experiment::Axis;

    use super::*;

    fn field(name: &str, rows: usize, values: &[f32]) -> Field {
        let axes = vec![
            Axis::numbered("row", rows),
            Axis::numbered("column", values.len() / rows),
        ];
        Field::measured(name, axes, values.to_vec()).expect("fits")
    }

    #[test]
    fn the_second_minus_the_first_where_both_were_measured() {
        let mut a = field("effect", 2, &[1.0, 2.0, 3.0, 4.0]);
        let mut b = field("effect", 2, &[1.5, 1.0, 3.0, 9.0]);
        a.stderr = Some(vec![0.3; 4]);
        b.stderr = Some(vec![0.4; 4]);
        a.mask[3] = false;
        let found = difference(&a, &b, 0.0).expect("same axes");
        let d = found.field;
        assert_eq!(d.values[..3], [0.5, -1.0, 0.0]);
        assert!(d.values[3].is_nan() && !d.mask[3]);
        let error = d.effect_errors().expect("both have errors")[0];
        assert!((error - 0.5).abs() < 1e-6, "{error}");
        assert_eq!(found.errors.to_string(), "errors as of independent draws");
        let shifted = difference(&a, &b, 0.5).expect("same axes").field;
        assert_eq!(shifted.values[0], 0.0);
    }

    #[test]
    fn other_axes_are_said() {
        let a = field("effect", 2, &[0.0; 4]);
        let b = field("effect", 3, &[0.0; 6]);
        let sentence = difference(&a, &b, 0.0).expect_err("other axes");
        assert!(
            sentence.contains("2 rows and 2 columns") && sentence.contains("3 rows"),
            "{sentence}"
        );
    }
}
