//! Whether a configuration can be, and whether the weights fit it.

use candle_core::Tensor;

use crate::config::{AttentionSpan, BlockForm, DecoderConfig, NormKind, Positions};
use crate::error::{ModelError, Result};
use crate::weights::{BlockWeights, DecoderWeights, Linear, NormWeights};

/// # Errors
/// A sentence that names the first setting or tensor that does not fit.
pub(crate) fn check(config: &DecoderConfig, weights: &DecoderWeights) -> Result<()> {
    check_config(config)?;
    let c = config;
    expect_dims(
        &weights.embed.dims(),
        "token embedding",
        &[c.vocab, c.d_model],
    )?;
    match (&c.positions, &weights.pos_embed) {
        (Positions::Learned, Some(table)) => {
            expect(table, "position embedding", &[c.max_positions, c.d_model])?;
        }
        (Positions::Learned, None) => {
            return Err(unusable(
                "The model has learned positions, but no position embedding.",
            ));
        }
        (Positions::Rotary(_), Some(_)) => {
            return Err(unusable(
                "The model has rotary positions, but also a position embedding.",
            ));
        }
        (Positions::Rotary(_), None) => {}
    }
    if weights.blocks.len() != c.layers {
        return Err(unusable(format!(
            "The model has {} layers, but weights for {}.",
            c.layers,
            weights.blocks.len()
        )));
    }
    for (layer, block) in weights.blocks.iter().enumerate() {
        check_block(c, block, layer)?;
    }
    expect_norm(c.norm, &weights.final_norm, "final norm", c.d_model)?;
    expect_linear(&weights.unembed, "unembedding", c.vocab, c.d_model)
}

fn check_config(c: &DecoderConfig) -> Result<()> {
    for (name, value) in [
        ("vocabulary size", c.vocab),
        ("width", c.d_model),
        ("number of heads", c.heads),
        ("number of key-value heads", c.kv_heads),
        ("head width", c.d_head),
        ("MLP width", c.d_mlp),
    ] {
        if value == 0 {
            return Err(unusable(format!("The model's {name} is zero.")));
        }
    }
    if !c.heads.is_multiple_of(c.kv_heads) {
        return Err(unusable(format!(
            "{} heads cannot share {} key-value heads evenly.",
            c.heads, c.kv_heads
        )));
    }
    if c.spans.len() != c.layers {
        return Err(unusable(format!(
            "The model has {} layers, but attention spans for {}.",
            c.layers,
            c.spans.len()
        )));
    }
    if c.spans.contains(&AttentionSpan::Sliding(0)) {
        return Err(unusable(
            "A sliding window of zero tokens lets no query see any key.",
        ));
    }
    if let Positions::Rotary(rotary) = &c.positions
        && (rotary.dims == 0 || rotary.dims % 2 != 0 || rotary.dims > c.d_head)
    {
        return Err(unusable(format!(
            "{} dimensions cannot be rotated in heads of width {}: an even number up to the width is needed.",
            rotary.dims, c.d_head
        )));
    }
    Ok(())
}

fn check_block(c: &DecoderConfig, block: &BlockWeights, layer: usize) -> Result<()> {
    let at = |name: &str| format!("{name} of block {layer}");
    let (queries, keys) = (c.heads * c.d_head, c.kv_heads * c.d_head);
    expect_norm(c.norm, &block.ln1, &at("first norm"), c.d_model)?;
    expect_norm(c.norm, &block.ln2, &at("second norm"), c.d_model)?;
    expect_linear(&block.q, &at("query projection"), queries, c.d_model)?;
    expect_linear(&block.k, &at("key projection"), keys, c.d_model)?;
    expect_linear(&block.v, &at("value projection"), keys, c.d_model)?;
    expect_linear(
        &block.o,
        &at("attention output projection"),
        c.d_model,
        queries,
    )?;
    expect_linear(&block.up, &at("MLP up projection"), c.d_mlp, c.d_model)?;
    expect_linear(&block.down, &at("MLP down projection"), c.d_model, c.d_mlp)?;
    let sandwich = c.block == BlockForm::Sandwich;
    for (norm, wanted, name, width) in [
        (&block.q_norm, c.qk_norm, "query norm", c.d_head),
        (&block.k_norm, c.qk_norm, "key norm", c.d_head),
        (&block.ln1_post, sandwich, "norm after attention", c.d_model),
        (&block.ln2_post, sandwich, "norm after the MLP", c.d_model),
    ] {
        match norm {
            Some(norm) if wanted => expect_norm(c.norm, norm, &at(name), width)?,
            Some(_) => {
                return Err(unusable(format!(
                    "There is a {}, which the model does not use.",
                    at(name)
                )));
            }
            None if wanted => return Err(unusable(format!("There is no {}.", at(name)))),
            None => {}
        }
    }
    match &block.gate {
        Some(gate) if c.gated_mlp => expect_linear(gate, &at("MLP gate"), c.d_mlp, c.d_model),
        Some(_) => Err(unusable(format!(
            "There is a {}, which the model does not use.",
            at("MLP gate")
        ))),
        None if c.gated_mlp => Err(unusable(format!("There is no {}.", at("MLP gate")))),
        None => Ok(()),
    }
}

fn expect_linear(linear: &Linear, name: &str, out: usize, width: usize) -> Result<()> {
    expect_dims(&linear.weight.dims(), name, &[out, width])?;
    match &linear.bias {
        Some(bias) => expect(bias, &format!("bias of the {name}"), &[out]),
        None => Ok(()),
    }
}

fn expect_norm(kind: NormKind, norm: &NormWeights, name: &str, width: usize) -> Result<()> {
    expect(&norm.weight, name, &[width])?;
    match &norm.bias {
        Some(_) if kind != NormKind::Layer => Err(unusable(format!(
            "The {name} has a bias, which an RMS norm does not use."
        ))),
        Some(bias) => expect(bias, &format!("bias of the {name}"), &[width]),
        None => Ok(()),
    }
}

fn expect(tensor: &Tensor, name: &str, shape: &[usize]) -> Result<()> {
    expect_dims(tensor.dims(), name, shape)
}

fn expect_dims(dims: &[usize], name: &str, shape: &[usize]) -> Result<()> {
    if dims == shape {
        return Ok(());
    }
    Err(unusable(format!(
        "The {name} has shape {dims:?}, but the model needs {shape:?}."
    )))
}

fn unusable(sentence: impl Into<String>) -> ModelError {
    ModelError::Unusable(sentence.into())
}
