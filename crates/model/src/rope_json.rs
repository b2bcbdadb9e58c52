//! Rotary position settings of a `config.json`, in the spellings before and since transformers 5.

use serde_json::{Map, Value};

use crate::config::RopeScaling;
use crate::config_json::{ConfigJson, positive};
use crate::error::Result;

/// One kind of layer's rotary settings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RopeSettings {
    pub(crate) theta: f64,
    pub(crate) scaling: RopeScaling,
    /// Share of each head that is rotated.
    pub(crate) partial: f64,
    /// Factor by which the longest input grows beyond `max_position_embeddings`.
    pub(crate) stretch: f64,
}

/// What the settings are when the file is silent, and where older files kept them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RopeDefaults<'a> {
    pub(crate) theta: f64,
    pub(crate) theta_key: &'a str,
    pub(crate) partial: f64,
    pub(crate) partial_key: &'a str,
}

impl Default for RopeDefaults<'_> {
    fn default() -> Self {
        Self {
            theta: 10_000.0,
            theta_key: "rope_theta",
            partial: 1.0,
            partial_key: "partial_rotary_factor",
        }
    }
}

/// Keys of a scaling table that are read here; any other might change the numbers and is refused.
const KNOWN: &[&str] = &[
    "type",
    "rope_type",
    "rope_theta",
    "partial_rotary_factor",
    "factor",
    "original_max_position_embeddings",
    "low_freq_factor",
    "high_freq_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "attention_factor",
    "truncate",
    // Says where the model came from; no number depends on it.
    "finetuned",
];

/// The tables of a file: one for all layers, or one for each kind of layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RopeTables {
    One(Map<String, Value>),
    PerKind {
        full: Map<String, Value>,
        sliding: Map<String, Value>,
    },
}

/// The table under `key` (`rope_parameters`, or `rope_scaling` in older files), if there is one.
pub(crate) fn tables(config: &ConfigJson, key: &str) -> Result<Option<RopeTables>> {
    let Some(value) = config.get(key) else {
        return Ok(None);
    };
    let Value::Object(table) = value else {
        return Err(config.refuse(format!(
            "config.json sets {key} to {value}, which is not a table"
        )));
    };
    let inner = |kind: &str| match table.get(kind) {
        Some(Value::Object(inner)) => Some(inner.clone()),
        _ => None,
    };
    let (full, sliding) = (inner("full_attention"), inner("sliding_attention"));
    if full.is_none() && sliding.is_none() {
        return Ok(Some(RopeTables::One(table.clone())));
    }
    Ok(Some(RopeTables::PerKind {
        full: full.unwrap_or_default(),
        sliding: sliding.unwrap_or_default(),
    }))
}

/// The one table of a family whose layers all rotate alike.
pub(crate) fn table(config: &ConfigJson) -> Result<Map<String, Value>> {
    let mut found = Map::new();
    for key in ["rope_parameters", "rope_scaling"] {
        match tables(config, key)? {
            None => {}
            Some(RopeTables::One(table)) => found.extend(table),
            Some(RopeTables::PerKind { full, sliding }) => {
                if full != sliding && !sliding.is_empty() {
                    return Err(config.refuse(format!(
                        "config.json sets {key} differently for full and sliding layers, which this architecture does not know"
                    )));
                }
                found.extend(full);
            }
        }
    }
    Ok(found)
}

/// Reads a table as [`table`] gives it.
pub(crate) fn read(
    config: &ConfigJson,
    table: &Map<String, Value>,
    max_positions: usize,
    defaults: RopeDefaults<'_>,
) -> Result<RopeSettings> {
    if let Some(key) = table.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(config.refuse(format!(
            "config.json sets {key} for rotary positions, which is not known here and may change the numbers"
        )));
    }
    let number = |key: &str| -> Result<Option<f64>> {
        table
            .get(key)
            .filter(|value| !value.is_null())
            .map(|value| {
                positive(value).ok_or_else(|| {
                    config.refuse(format!(
                        "config.json sets {key} of rotary positions to {value}, which is not a number above zero"
                    ))
                })
            })
            .transpose()
    };
    let theta = match number("rope_theta")? {
        Some(theta) => theta,
        None => config
            .positive_if_set(defaults.theta_key)?
            .unwrap_or(defaults.theta),
    };
    if theta <= 1.0 {
        return Err(config.refuse(format!(
            "config.json sets the base of rotary positions to {theta}, and it must be above 1"
        )));
    }
    let partial = match number("partial_rotary_factor")? {
        Some(partial) => partial,
        None => config
            .positive_if_set(defaults.partial_key)?
            .or(config.positive_if_set("partial_rotary_factor")?)
            .unwrap_or(defaults.partial),
    };
    let kind = ["rope_type", "type"]
        .iter()
        .find_map(|key| table.get(*key).filter(|value| !value.is_null()));
    let kind = match kind {
        None => "default",
        Some(value) => value.as_str().unwrap_or("unnamed"),
    };
    let needed = |key: &str| -> Result<f64> {
        number(key)?.ok_or_else(|| {
            config.refuse(format!(
                "config.json asks for {kind} rotary positions and does not set {key}"
            ))
        })
    };
    let original = || -> Result<usize> {
        let outside = config.size_if_set("original_max_position_embeddings")?;
        let inside = number("original_max_position_embeddings")?.map(|number| number as usize);
        Ok(outside.or(inside).unwrap_or(max_positions).max(1))
    };
    let mut stretch = 1.0;
    let scaling = match kind {
        "default" => RopeScaling::None,
        "linear" => RopeScaling::Linear {
            factor: needed("factor")?,
        },
        "dynamic" => {
            let factor = needed("factor")?;
            stretch = factor;
            RopeScaling::Dynamic {
                factor,
                original_positions: max_positions,
            }
        }
        "llama3" => RopeScaling::Llama3 {
            factor: needed("factor")?,
            low_freq_factor: needed("low_freq_factor")?,
            high_freq_factor: needed("high_freq_factor")?,
            original_positions: original()?,
        },
        "yarn" => {
            let original_positions = original()?;
            let factor = match number("factor")? {
                Some(factor) => factor,
                None => max_positions as f64 / original_positions as f64,
            };
            let attention_factor = match number("attention_factor")? {
                Some(given) => given,
                None => yarn_attention_factor(
                    factor,
                    optional(table, "mscale"),
                    optional(table, "mscale_all_dim"),
                ),
            };
            RopeScaling::Yarn {
                factor,
                original_positions,
                beta_fast: number("beta_fast")?.unwrap_or(32.0),
                beta_slow: number("beta_slow")?.unwrap_or(1.0),
                attention_factor,
                truncate: table
                    .get("truncate")
                    .and_then(Value::as_bool)
                    .unwrap_or(true),
            }
        }
        other => {
            return Err(config.refuse(format!(
                "config.json asks for \"{other}\" scaling of rotary positions, which is not known here (linear, dynamic, llama3 and yarn are)"
            )));
        }
    };
    Ok(RopeSettings {
        theta,
        scaling,
        partial,
        stretch,
    })
}

fn optional(table: &Map<String, Value>, key: &str) -> Option<f64> {
    table
        .get(key)
        .and_then(Value::as_f64)
        .filter(|number| *number != 0.0)
}

/// Peng et al. 2023 (YaRN), section 3.4, with the two scales that some checkpoints add.
fn yarn_attention_factor(factor: f64, mscale: Option<f64>, all: Option<f64>) -> f64 {
    let scale = |by: f64| {
        if factor <= 1.0 {
            1.0
        } else {
            0.1 * by * factor.ln() + 1.0
        }
    };
    match (mscale, all) {
        (Some(mscale), Some(all)) => scale(mscale) / scale(all),
        _ => scale(1.0),
    }
}
