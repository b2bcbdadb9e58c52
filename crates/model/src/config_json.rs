//! Reading single settings of a `config.json`, with a sentence for each that cannot be right.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::config::{Activation, AttentionSpan};
use crate::error::{ModelError, Result};

/// Nothing real is larger; a larger number is a mistake that would only show as an exhausted memory.
pub(crate) const MOST_LAYERS: usize = 1_000;
const LARGEST_SIZE: usize = 1 << 24;
const MOST_POSITIONS: usize = 1 << 30;

/// The settings of a language model, wherever they stand in the file. `null` counts as not there.
#[derive(Clone, Debug)]
pub(crate) struct ConfigJson {
    values: Map<String, Value>,
    /// Settings beside `text_config`, in models with more than text.
    outer: Map<String, Value>,
    path: PathBuf,
}

impl ConfigJson {
    pub(crate) fn parse(bytes: &[u8], path: PathBuf) -> Result<Self> {
        let parsed: Value = serde_json::from_slice(bytes).map_err(|error| {
            ModelError::file(&path, format!("config.json is not valid JSON: {error}"))
        })?;
        let Value::Object(mut values) = parsed else {
            return Err(ModelError::file(
                &path,
                "config.json does not hold a table of settings",
            ));
        };
        let mut outer = Map::new();
        if let Some(Value::Object(inner)) = values.remove("text_config") {
            outer = std::mem::replace(&mut values, inner);
        }
        Ok(Self {
            values,
            outer,
            path,
        })
    }

    /// The names in `architectures`, or of the outer model.
    pub(crate) fn architecture(&self) -> Option<&str> {
        [&self.outer, &self.values].into_iter().find_map(|table| {
            table
                .get("architectures")?
                .as_array()?
                .iter()
                .find_map(Value::as_str)
        })
    }

    pub(crate) fn model_type(&self) -> Option<&str> {
        [&self.outer, &self.values]
            .into_iter()
            .find_map(|table| table.get("model_type")?.as_str())
    }

    pub(crate) fn refuse(&self, what: impl Into<String>) -> ModelError {
        ModelError::file(&self.path, what)
    }

    /// The value of a setting that is there and not `null`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Whether the file speaks of a setting, be it with `null`.
    pub(crate) fn names(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The same settings without those of rotary positions, for families that read them in their own way.
    pub(crate) fn without_rope(&self) -> Self {
        let mut copy = self.clone();
        copy.values.remove("rope_parameters");
        copy.values.remove("rope_scaling");
        copy
    }

    /// The same settings, with these where the file is silent.
    pub(crate) fn with_defaults(&self, defaults: &[(&str, usize)]) -> Self {
        let mut copy = self.clone();
        for (key, value) in defaults {
            if self.get(key).is_none() {
                copy.values.insert((*key).to_owned(), Value::from(*value));
            }
        }
        copy
    }

    /// Whether this is the language part of a model with more parts.
    pub(crate) fn is_part(&self) -> bool {
        !self.outer.is_empty()
    }

    /// As [`Self::get`], also where an outer model says it.
    fn get_anywhere(&self, key: &str) -> Option<&Value> {
        self.get(key)
            .or_else(|| self.outer.get(key).filter(|value| !value.is_null()))
    }

    fn whole(&self, key: &str, most: usize) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        value
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| (1..=most).contains(number))
            .map(Some)
            .ok_or_else(|| {
                self.refuse(format!(
                    "config.json sets {key} to {value}, which is not a whole number from 1 to {most}"
                ))
            })
    }

    pub(crate) fn size_if_set(&self, key: &str) -> Result<Option<usize>> {
        self.whole(key, LARGEST_SIZE)
    }

    pub(crate) fn size(&self, key: &str) -> Result<usize> {
        self.size_if_set(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn layers(&self, key: &str) -> Result<usize> {
        self.whole(key, MOST_LAYERS)?
            .ok_or_else(|| self.missing(key))
    }

    pub(crate) fn positions(&self, key: &str) -> Result<usize> {
        self.whole(key, MOST_POSITIONS)?
            .ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &str) -> ModelError {
        self.refuse(format!("config.json does not set {key}"))
    }

    /// A finite number above zero.
    pub(crate) fn positive_if_set(&self, key: &str) -> Result<Option<f64>> {
        self.get(key)
            .map(|value| {
                positive(value).ok_or_else(|| {
                    self.refuse(format!(
                        "config.json sets {key} to {value}, which is not a number above zero"
                    ))
                })
            })
            .transpose()
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        self.get_anywhere(key).map_or(Ok(default), |value| {
            value.as_bool().ok_or_else(|| {
                self.refuse(format!(
                    "config.json sets {key} to {value}, which is neither true nor false"
                ))
            })
        })
    }

    pub(crate) fn activation(&self, key: &str, default: &str) -> Result<Activation> {
        let named = match self.get(key) {
            None => default,
            Some(value) => value.as_str().unwrap_or(""),
        };
        match named {
            "gelu" | "gelu_python" => Ok(Activation::GeluErf),
            // FastGELU and the accurate form are the same function with the constants written out or not.
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" | "gelu_accurate"
            | "gelu_python_tanh" => Ok(Activation::GeluTanh),
            "silu" | "swish" => Ok(Activation::Silu),
            "relu" => Ok(Activation::Relu),
            _ => Err(self.refuse(format!(
                "config.json sets {key} to {}, a non-linearity that is not known here (gelu, gelu_new, gelu_pytorch_tanh, silu and relu are)",
                self.get(key).map(Value::to_string).unwrap_or_default()
            ))),
        }
    }

    /// Width of one head, from `head_dim` or `hidden / heads`.
    pub(crate) fn head_width(&self, hidden: usize, heads: usize) -> Result<usize> {
        if let Some(width) = self.size_if_set("head_dim")? {
            return Ok(width);
        }
        if !hidden.is_multiple_of(heads) {
            return Err(self.refuse(format!(
                "config.json divides a width of {hidden} among {heads} heads, which does not come out even"
            )));
        }
        Ok(hidden / heads)
    }

    /// Key-value heads: all heads unless set.
    pub(crate) fn kv_heads(&self, heads: usize) -> Result<usize> {
        let kv = self.size_if_set("num_key_value_heads")?.unwrap_or(heads);
        if !heads.is_multiple_of(kv) {
            return Err(self.refuse(format!(
                "config.json shares {kv} key-value heads among {heads} heads, which does not come out even"
            )));
        }
        Ok(kv)
    }

    /// Span of each layer from `layer_types`, or from `default` where that is not set.
    pub(crate) fn spans(
        &self,
        layers: usize,
        default: impl Fn(usize) -> bool,
    ) -> Result<Vec<AttentionSpan>> {
        let slides: Vec<bool> = match self.get("layer_types") {
            None => (0..layers).map(default).collect(),
            Some(value) => {
                let kinds = value.as_array().map_or(&[][..], Vec::as_slice);
                if kinds.len() != layers {
                    return Err(self.refuse(format!(
                        "config.json has {layers} layers and names the kinds of {} in layer_types",
                        kinds.len()
                    )));
                }
                kinds
                    .iter()
                    .map(|kind| match kind.as_str() {
                        Some("full_attention") => Ok(false),
                        Some("sliding_attention") => Ok(true),
                        _ => Err(self.refuse(format!(
                            "config.json names the kind of layer {kind}, and only full_attention and sliding_attention are known here"
                        ))),
                    })
                    .collect::<Result<_>>()?
            }
        };
        let window = self.size_if_set("sliding_window")?;
        slides
            .into_iter()
            .map(|slides| match (slides, window) {
                (false, _) => Ok(AttentionSpan::Full),
                (true, Some(window)) => Ok(AttentionSpan::Sliding(window)),
                (true, None) => Err(self.refuse(
                    "config.json has layers with a sliding window and does not set sliding_window",
                )),
            })
            .collect()
    }
}

pub(crate) fn positive(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .filter(|number| number.is_finite() && *number > 0.0)
}
