//! From a checkpoint's tensors to the decoder's parameters.

use std::collections::{BTreeMap, HashMap, HashSet};

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use crate::checkpoint::Checkpoint;
use crate::config::{DecoderConfig, NormKind};
use crate::error::{ModelError, Result};
use crate::layout::{Layout, Qkv};
use crate::tensor_form::{Form, shaped};
use crate::weights::{BlockWeights, DecoderWeights, Linear, NormWeights, Weight};

/// The parameters, and what else was learned on the way.
#[derive(Debug)]
pub(crate) struct Assembled {
    pub(crate) weights: DecoderWeights,
    pub(crate) parameters: u64,
    /// Type that most of the parameters are stored in.
    pub(crate) stored: &'static str,
    /// What the person should know, in sentences.
    pub(crate) notes: Vec<String>,
}

/// A tensor as the checkpoint must have it, and what is made of it.
#[derive(Clone, Debug)]
struct Wanted {
    name: String,
    shape: Vec<usize>,
    form: Form,
}

/// Checks names and shapes of all tensors, and only then reads them; `config.tied` is mended where the file has an
/// unembedding of its own.
pub(crate) fn assemble(
    checkpoint: &Checkpoint,
    layout: &Layout,
    config: &mut DecoderConfig,
    device: &Device,
) -> Result<Assembled> {
    let names = Names::find(checkpoint, layout);
    let mut wanted = names.wanted(config);
    let head = layout
        .head
        .iter()
        .find(|name| checkpoint.entry(name).is_some())
        .or(layout.head.first())
        .map_or(String::new(), |name| (*name).to_owned());
    let own_head = !config.tied || checkpoint.entry(&head).is_some();
    if own_head {
        wanted.push(Wanted {
            name: head.clone(),
            shape: vec![config.vocab, config.d_model],
            form: Form::AsItIs,
        });
    }
    check_all_there(checkpoint, &wanted, config)?;
    let mut notes = check_nothing_else(checkpoint, layout, &wanted, config)?;

    let read: Vec<Vec<Vec<f32>>> = wanted
        .par_iter()
        .map(|one| Ok(shaped(checkpoint.read(&one.name)?, &one.shape, one.form)))
        .collect::<Result<_>>()?;
    let mut parts = Parts {
        found: wanted
            .iter()
            .map(|one| one.name.clone())
            .zip(read)
            .collect(),
        device,
    };

    let embed = parts.tensor(&names.body(layout.embed), (config.vocab, config.d_model))?;
    let mut unembed = None;
    if own_head {
        let tensor = parts.tensor(&head, (config.vocab, config.d_model))?;
        if !config.tied {
            unembed = Some(tensor);
        } else if !same(&tensor, &embed)? {
            notes.push(format!(
                "config.json ties the unembedding to the embedding, but the weights hold another one, {head}; it is used, as transformers does."
            ));
            config.tied = false;
            unembed = Some(tensor);
        }
    }
    let weights = names.gather(&mut parts, config, embed, unembed)?;
    let (parameters, stored) = counted(checkpoint, &wanted, config.tied && own_head, &head);
    Ok(Assembled {
        weights,
        parameters,
        stored,
        notes,
    })
}

fn same(a: &Tensor, b: &Tensor) -> Result<bool> {
    let largest = (a - b)?.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()?;
    Ok(largest == 0.0)
}

fn check_all_there(
    checkpoint: &Checkpoint,
    wanted: &[Wanted],
    config: &DecoderConfig,
) -> Result<()> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|one| checkpoint.entry(&one.name).is_none())
        .map(|one| one.name.as_str())
        .collect();
    if !missing.is_empty() {
        return Err(ModelError::file(
            checkpoint.path(),
            format!(
                "The weights lack {}, which {} with {} layers needs",
                listed(&missing),
                config.architecture,
                config.layers
            ),
        ));
    }
    for one in wanted {
        let Some(entry) = checkpoint.entry(&one.name) else {
            continue;
        };
        if entry.shape != one.shape {
            return Err(ModelError::file(
                checkpoint.path_of(&one.name),
                format!(
                    "The tensor \"{}\" has the shape {:?}, and by config.json it has {:?}",
                    one.name, entry.shape, one.shape
                ),
            ));
        }
    }
    Ok(())
}

fn check_nothing_else(
    checkpoint: &Checkpoint,
    layout: &Layout,
    wanted: &[Wanted],
    config: &DecoderConfig,
) -> Result<Vec<String>> {
    let used: HashSet<&str> = wanted.iter().map(|one| one.name.as_str()).collect();
    let mut left_out = 0;
    let mut extra = Vec::new();
    for name in checkpoint.names().filter(|name| !used.contains(name)) {
        if layout.left_out.iter().any(|start| name.starts_with(start)) {
            left_out += 1;
        } else if !layout.buffers.iter().any(|end| name.ends_with(end)) {
            extra.push(name);
        }
    }
    if !extra.is_empty() {
        return Err(ModelError::file(
            checkpoint.path(),
            format!(
                "The weights hold {}, which {} with {} layers does not have, so config.json describes another network",
                listed(&extra),
                config.architecture,
                config.layers
            ),
        ));
    }
    Ok(if left_out == 0 {
        Vec::new()
    } else {
        vec![format!(
            "This model also sees; only its language part is open, and {left_out} tensors of the rest are left out."
        )]
    })
}

/// `"a"`, `"a" and "b"`, or `12 tensors such as "a" and "b"`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => "no tensor".to_owned(),
        [one] => format!("the tensor \"{one}\""),
        [one, other] => format!("the tensors \"{one}\" and \"{other}\""),
        [one, .., last] => format!("{} tensors such as \"{one}\" and \"{last}\"", names.len()),
    }
}

fn counted(
    checkpoint: &Checkpoint,
    wanted: &[Wanted],
    head_is_copy: bool,
    head: &str,
) -> (u64, &'static str) {
    let mut total = 0;
    let mut by_type: BTreeMap<&'static str, u64> = BTreeMap::new();
    for one in wanted {
        if head_is_copy && one.name == head {
            continue;
        }
        if let Some(entry) = checkpoint.entry(&one.name) {
            total += entry.elements() as u64;
            *by_type.entry(entry.stored.name()).or_default() += entry.elements() as u64;
        }
    }
    let most = by_type.into_iter().max_by_key(|(_, count)| *count);
    (total, most.map_or("f32", |(name, _)| name))
}

/// What was read, to be taken out part by part.
struct Parts<'a> {
    found: HashMap<String, Vec<Vec<f32>>>,
    device: &'a Device,
}

impl Parts<'_> {
    fn tensor(&mut self, name: &str, shape: impl Into<candle_core::Shape>) -> Result<Tensor> {
        let values = self
            .found
            .get_mut(name)
            .and_then(Vec::pop)
            .unwrap_or_default();
        Ok(Tensor::from_vec(values, shape.into(), self.device)?)
    }

    fn norm(&mut self, name: &str, width: usize, bias: bool) -> Result<NormWeights> {
        let weight = self.tensor(&format!("{name}.weight"), width)?;
        let bias = bias
            .then(|| self.tensor(&format!("{name}.bias"), width))
            .transpose()?;
        Ok(NormWeights { weight, bias })
    }

    fn linear(&mut self, name: &str, out: usize, into: usize, bias: bool) -> Result<Linear> {
        let weight = Weight::from(self.tensor(&format!("{name}.weight"), (out, into))?).packed()?;
        let bias = bias
            .then(|| self.tensor(&format!("{name}.bias"), out))
            .transpose()?;
        Ok(Linear { weight, bias })
    }
}

/// A layout with the prefix that this checkpoint uses.
struct Names<'a> {
    layout: &'a Layout,
    prefix: &'static str,
}

impl<'a> Names<'a> {
    fn find(checkpoint: &Checkpoint, layout: &'a Layout) -> Self {
        let prefix = layout
            .prefixes
            .iter()
            .find(|prefix| {
                checkpoint
                    .entry(&format!("{prefix}{}", layout.embed))
                    .is_some()
            })
            .or(layout.prefixes.first())
            .copied()
            .unwrap_or("");
        Self { layout, prefix }
    }

    fn body(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn block(&self, layer: usize, name: &str) -> String {
        format!("{}{}{layer}.{name}", self.prefix, self.layout.block)
    }

    fn wanted(&self, config: &DecoderConfig) -> Vec<Wanted> {
        let l = self.layout;
        let mut all = Vec::new();
        let mut want = |name: String, shape: Vec<usize>, form: Form| {
            all.push(Wanted { name, shape, form });
        };
        let d = config.d_model;
        want(self.body(l.embed), vec![config.vocab, d], Form::AsItIs);
        if let Some(positions) = l.positions {
            want(
                self.body(positions),
                vec![config.max_positions, d],
                Form::AsItIs,
            );
        }
        let mut norm = |name: String, width: usize| {
            want(format!("{name}.weight"), vec![width], Form::AsItIs);
            if l.norm_bias {
                want(format!("{name}.bias"), vec![width], Form::AsItIs);
            }
        };
        norm(self.body(l.final_norm), d);
        for layer in 0..config.layers {
            let norms = [Some(l.ln1), l.ln1_post, Some(l.ln2), l.ln2_post];
            for name in norms.into_iter().flatten() {
                norm(self.block(layer, name), d);
            }
            for name in [l.q_norm, l.k_norm].into_iter().flatten() {
                norm(self.block(layer, name), config.d_head);
            }
        }
        let mut linear = |name: String, out: usize, into: usize, bias: bool, form: Form| {
            let shape = if l.input_major {
                vec![into, out]
            } else {
                vec![out, into]
            };
            want(format!("{name}.weight"), shape, form);
            if bias {
                let form = match form {
                    Form::Thirds { .. } => Form::Thirds { transposed: false },
                    Form::Heads(_) => form,
                    _ => Form::AsItIs,
                };
                want(format!("{name}.bias"), vec![out], form);
            }
        };
        let plain = if l.input_major {
            Form::Transposed
        } else {
            Form::AsItIs
        };
        let (inner, kv_inner) = inner_widths(config);
        for layer in 0..config.layers {
            let at = |name: &str| self.block(layer, name);
            match l.qkv {
                Qkv::Separate { q, k, v } => {
                    linear(at(q), inner, d, l.qkv_bias, plain);
                    linear(at(k), kv_inner, d, l.qkv_bias, plain);
                    linear(at(v), kv_inner, d, l.qkv_bias, plain);
                }
                Qkv::Stacked(name) => {
                    let form = Form::Thirds {
                        transposed: l.input_major,
                    };
                    linear(at(name), 3 * inner, d, l.qkv_bias, form);
                }
                Qkv::PerHead(name) => {
                    let form = Form::Heads(config.d_head);
                    linear(at(name), 3 * inner, d, l.qkv_bias, form);
                }
            }
            linear(at(l.o), d, inner, l.o_bias, plain);
            for name in l.gate.into_iter().chain([l.up]) {
                linear(at(name), config.d_mlp, d, l.mlp_bias, plain);
            }
            linear(at(l.down), d, config.d_mlp, l.mlp_bias, plain);
        }
        all
    }

    fn gather(
        &self,
        parts: &mut Parts<'_>,
        config: &DecoderConfig,
        embed: Tensor,
        unembed: Option<Tensor>,
    ) -> Result<DecoderWeights> {
        let d = config.d_model;
        let embed = Weight::from(embed).packed()?;
        let pos_embed = self
            .layout
            .positions
            .map(|name| parts.tensor(&self.body(name), (config.max_positions, d)))
            .transpose()?;
        let blocks = (0..config.layers)
            .map(|layer| self.gather_block(parts, config, layer))
            .collect::<Result<_>>()?;
        Ok(DecoderWeights {
            pos_embed,
            blocks,
            final_norm: parts.norm(
                &self.body(self.layout.final_norm),
                d,
                config.norm == NormKind::Layer,
            )?,
            unembed: Linear {
                weight: match unembed {
                    Some(unembed) => Weight::from(unembed).packed()?,
                    None => embed.clone(),
                },
                bias: None,
            },
            embed,
        })
    }

    fn gather_block(
        &self,
        parts: &mut Parts<'_>,
        config: &DecoderConfig,
        layer: usize,
    ) -> Result<BlockWeights> {
        let l = self.layout;
        let at = |name: &str| self.block(layer, name);
        let d = config.d_model;
        let (inner, kv_inner) = inner_widths(config);
        let (q, k, v) = match l.qkv {
            Qkv::Separate { q, k, v } => (
                parts.linear(&at(q), inner, d, l.qkv_bias)?,
                parts.linear(&at(k), kv_inner, d, l.qkv_bias)?,
                parts.linear(&at(v), kv_inner, d, l.qkv_bias)?,
            ),
            Qkv::Stacked(name) | Qkv::PerHead(name) => {
                // Parts come off the end: values, keys, queries.
                let v = parts.linear(&at(name), inner, d, l.qkv_bias)?;
                let k = parts.linear(&at(name), inner, d, l.qkv_bias)?;
                let q = parts.linear(&at(name), inner, d, l.qkv_bias)?;
                (q, k, v)
            }
        };
        let mut norm = |name: Option<&str>, width: usize| {
            name.map(|name| parts.norm(&at(name), width, l.norm_bias))
                .transpose()
        };
        let q_norm = norm(l.q_norm, config.d_head)?;
        let k_norm = norm(l.k_norm, config.d_head)?;
        let ln1_post = norm(l.ln1_post, d)?;
        let ln2_post = norm(l.ln2_post, d)?;
        Ok(BlockWeights {
            ln1: parts.norm(&at(l.ln1), d, l.norm_bias)?,
            q,
            k,
            v,
            o: parts.linear(&at(l.o), d, inner, l.o_bias)?,
            q_norm,
            k_norm,
            ln1_post,
            ln2: parts.norm(&at(l.ln2), d, l.norm_bias)?,
            gate: l
                .gate
                .map(|gate| parts.linear(&at(gate), config.d_mlp, d, l.mlp_bias))
                .transpose()?,
            up: parts.linear(&at(l.up), config.d_mlp, d, l.mlp_bias)?,
            down: parts.linear(&at(l.down), d, config.d_mlp, l.mlp_bias)?,
            ln2_post,
        })
    }
}

/// Widths of all queries and of all keys.
fn inner_widths(config: &DecoderConfig) -> (usize, usize) {
    (
        config.heads * config.d_head,
        config.kv_heads * config.d_head,
    )
}
