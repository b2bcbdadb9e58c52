//! GPT-2-shaped decoders with small random weights, made without any file.

use candle_core::{Device, Tensor, Var};
use whyfinder_model::config::{
    Activation, AttentionSpan, BlockForm, DecoderConfig, NormKind, Positions,
};
use whyfinder_model::{BlockWeights, Decoder, DecoderWeights, Linear, NormWeights, Result};

pub(crate) struct Shape {
    pub(crate) vocab: usize,
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) positions: usize,
}

/// Values between -`size` and `size` from a linear congruence: a fixed seed, the same on every machine.
fn values(len: usize, size: f32, state: &mut u64) -> Vec<f32> {
    (0..len)
        .map(|_| {
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((*state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * size
        })
        .collect()
}

pub(crate) fn decoder(shape: &Shape) -> Result<(Decoder, Vec<Var>)> {
    let mut vars = Vec::new();
    let mut state = 1u64;
    let mut var = |dims: &[usize], size: f32, mean: f32| -> Result<Tensor> {
        let drawn = values(dims.iter().product(), size, &mut state);
        let drawn = drawn.into_iter().map(|x| x + mean).collect();
        let var = Var::from_tensor(&Tensor::from_vec(drawn, dims, &Device::Cpu)?)?;
        let tensor = var.as_tensor().clone();
        vars.push(var);
        Ok(tensor)
    };
    let d = shape.width;
    let embed = var(&[shape.vocab, d], 0.1, 0.0)?;
    let pos_embed = Some(var(&[shape.positions, d], 0.1, 0.0)?);
    let mut blocks = Vec::new();
    for _ in 0..shape.layers {
        let mut norm = || -> Result<NormWeights> {
            Ok(NormWeights {
                weight: var(&[d], 0.1, 1.0)?,
                bias: Some(var(&[d], 0.1, 0.0)?),
            })
        };
        let (ln1, ln2) = (norm()?, norm()?);
        let mut linear = |out: usize, width: usize| -> Result<Linear> {
            Ok(Linear {
                weight: var(&[out, width], 1.0 / (width as f32).sqrt(), 0.0)?.into(),
                bias: Some(var(&[out], 0.1, 0.0)?),
            })
        };
        blocks.push(BlockWeights {
            ln1,
            q: linear(d, d)?,
            k: linear(d, d)?,
            v: linear(d, d)?,
            o: linear(d, d)?,
            q_norm: None,
            k_norm: None,
            ln1_post: None,
            ln2,
            gate: None,
            up: linear(4 * d, d)?,
            down: linear(d, 4 * d)?,
            ln2_post: None,
        });
    }
    let final_norm = NormWeights {
        weight: var(&[d], 0.1, 1.0)?,
        bias: Some(var(&[d], 0.1, 0.0)?),
    };
    let weights = DecoderWeights {
        unembed: Linear {
            weight: embed.clone().into(),
            bias: None,
        },
        embed: embed.into(),
        pos_embed,
        blocks,
        final_norm,
    };
    let config = DecoderConfig {
        architecture: "GPT2LMHeadModel".into(),
        vocab: shape.vocab,
        d_model: d,
        layers: shape.layers,
        heads: shape.heads,
        kv_heads: shape.heads,
        d_head: d / shape.heads,
        d_mlp: 4 * d,
        max_positions: shape.positions,
        norm: NormKind::Layer,
        norm_eps: 1e-5,
        positions: Positions::Learned,
        block: BlockForm::Sequential,
        gated_mlp: false,
        activation: Activation::GeluTanh,
        attention_scale: 1.0 / ((d / shape.heads) as f32).sqrt(),
        attention_softcap: None,
        logit_softcap: None,
        qk_norm: false,
        spans: vec![AttentionSpan::Full; shape.layers],
        embedding_scale: None,
        tied: true,
    };
    Ok((Decoder::new(config, weights)?, vars))
}

pub(crate) fn tokens(batch: usize, length: usize, vocab: usize) -> Result<Tensor> {
    let ids: Vec<u32> = (0..batch * length)
        .map(|i| (i * 7919 % vocab) as u32)
        .collect();
    Ok(Tensor::from_vec(ids, (batch, length), &Device::Cpu)?)
}
