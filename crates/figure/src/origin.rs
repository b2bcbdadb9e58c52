//! Where a figure comes from, as it is kept inside the figure: experiments, view, program, digests of models and numbers.

mod numbers_kept;
mod read;

use serde::{Deserialize, Serialize};
use whyfinder_experiment::{Experiment, Outcome, Provenance, schema};

use crate::FigureError;
use crate::description::Description;
use crate::figure::Source;

pub use numbers_kept::{Held, Kept};
pub use read::{may_hold_origin, open_origin, read_origin};

/// The version of what is written; later ones are refused with a sentence.
///
/// 2 added how the window showed it, and parts of maps. A record of version 1 means the same in 2; a program of
/// version 1 would not know what to leave out of a map.
const FORMAT: u32 = 2;
/// Values kept of all fields of a figure together.
const MOST_KEPT: usize = 16_384;
/// Most results of one figure.
const MOST_SOURCES: usize = 64;
/// Most numbered fields of one result.
const MOST_FIELDS: usize = 4_096;

/// A figure's whole origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Version of this record.
    pub format: u32,
    /// Program and version that drew the figure.
    pub program: String,
    /// What is shown and how.
    pub description: Description,
    /// The results that it shows, in the order that the description names them by.
    pub sources: Vec<OriginSource>,
}

/// One result behind a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OriginSource {
    pub name: String,
    pub experiment: Experiment,
    /// Digests of model and tokenizer, device, program and date of the run.
    pub provenance: Provenance,
    /// The numbers that the figure shows.
    pub numbers: Vec<Kept>,
}

impl Origin {
    /// Of the results that panels show or take away; others that were at hand are none of the figure's.
    pub(crate) fn of(sources: &[Source<'_>], description: &Description) -> Self {
        let minus = description.panels.iter().filter_map(|p| p.minus);
        let mut used: Vec<usize> = description.shown().into_iter().chain(minus).collect();
        used.sort_unstable();
        used.dedup();
        let mut description = description.clone();
        for panel in &mut description.panels {
            for source in std::iter::once(&mut panel.source).chain(&mut panel.minus) {
                *source = used.partition_point(|&i| i < *source);
            }
        }
        let sources: Vec<Source<'_>> = used.iter().map(|&i| sources[i]).collect();
        let shown: Vec<Vec<numbers_kept::Numbers>> = sources
            .iter()
            .enumerate()
            .map(|(i, source)| numbers_kept::shown(source.outcome, i, &description))
            .collect();
        let fields: usize = shown.iter().map(Vec::len).sum();
        let room = (MOST_KEPT / fields.max(1)).max(8);
        let sources: Vec<OriginSource> = sources
            .iter()
            .zip(shown)
            .map(|(source, shown)| OriginSource {
                name: source.name.to_string(),
                experiment: source.outcome.experiment.clone(),
                provenance: source.outcome.provenance.clone(),
                numbers: shown
                    .into_iter()
                    .map(|(name, shape, values)| Kept::of(&name, &shape, &values, room))
                    .collect(),
            })
            .collect();
        let program = sources
            .first()
            .map(|s| s.provenance.program.clone())
            .filter(|p| !p.is_empty())
            .unwrap_or_else(|| concat!("whyfinder ", env!("CARGO_PKG_VERSION")).to_string());
        Self {
            format: FORMAT,
            program,
            description,
            sources,
        }
    }

    /// One line of JSON.
    ///
    /// # Errors
    /// If a path in an experiment is not Unicode.
    pub fn to_json(&self) -> Result<String, FigureError> {
        serde_json::to_string(self)
            .map_err(|e| FigureError::Origin(format!("The origin cannot be written as JSON ({e})")))
    }

    /// # Errors
    /// A sentence if the text is no origin, or one of a later version.
    pub fn from_json(text: &str) -> Result<Self, FigureError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
            #[serde(default)]
            program: Option<String>,
            #[serde(default)]
            sources: serde_json::Value,
        }
        let wrong = |e: serde_json::Error| {
            let said: String = e.to_string().chars().take(200).collect();
            FigureError::Origin(format!(
                "The figure says where it comes from, but not in a way that can be read ({})",
                said.trim_end_matches('.')
            ))
        };
        let Version {
            format,
            program,
            sources,
        } = serde_json::from_str(text).map_err(wrong)?;
        let refuse = |what: &str, version: u32, latest: u32| {
            schema::refuse_newer(what, version, latest, program.as_deref())
                .map_err(|e| FigureError::Origin(e.to_string().trim_end_matches('.').to_string()))
        };
        refuse("figure", format, FORMAT)?;
        for source in sources.as_array().into_iter().flatten() {
            let version = source
                .pointer("/experiment/schema")
                .and_then(|v| v.as_u64());
            let version = u32::try_from(version.unwrap_or(1)).unwrap_or(u32::MAX);
            refuse("experiment in the figure", version, schema::EXPERIMENT)?;
        }
        let origin: Self = serde_json::from_str(text).map_err(wrong)?;
        let many = origin.sources.len() > MOST_SOURCES
            || origin.sources.iter().any(|s| s.numbers.len() > MOST_FIELDS);
        if many || origin.sources.is_empty() {
            return Err(FigureError::Origin(
                "The figure names no result, or too many to be true".into(),
            ));
        }
        origin.description.check(origin.sources.len())?;
        Ok(origin)
    }

    /// Whether the numbers of a result behind the figure are those of another run of its experiment, field by field.
    pub fn compare(&self, source: usize, outcome: &Outcome) -> Vec<(String, Held)> {
        let Some(of) = self.sources.get(source) else {
            return Vec::new();
        };
        let shown = numbers_kept::shown(outcome, source, &self.description);
        of.numbers
            .iter()
            .map(|kept| {
                let again = shown.iter().find(|(name, _, _)| *name == kept.field);
                let held = match again {
                    Some((_, shape, values)) => kept.compare(shape, values),
                    None => Held::Missing,
                };
                (kept.field.clone(), held)
            })
            .collect()
    }
}
