//! Small random decoders of every family, for the laws.

use candle_core::{Device, Tensor, Var};

use crate::config::{
    Activation, AttentionSpan, BlockForm, DecoderConfig, NormKind, Positions, RopeScaling, Rotary,
};
use crate::weights::{BlockWeights, DecoderWeights, Linear, NormWeights};
use crate::{Decoder, Result};

/// Normal draws from a seed (xorshift and Box-Muller).
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (self.uniform() + 1e-12).ln()).sqrt();
        (radius * (std::f64::consts::TAU * self.uniform()).cos()) as f32
    }

    pub(crate) fn values(&mut self, len: usize, sd: f32) -> Vec<f32> {
        (0..len).map(|_| self.normal() * sd).collect()
    }

    pub(crate) fn tensor(&mut self, shape: &[usize], sd: f32) -> Result<Tensor> {
        let values = self.values(shape.iter().product(), sd);
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    pub(crate) fn tokens(&mut self, batch: usize, length: usize, vocab: usize) -> Result<Tensor> {
        let ids: Vec<u32> = (0..batch * length)
            .map(|_| (self.uniform() * vocab as f64) as u32)
            .collect();
        Ok(Tensor::from_vec(ids, (batch, length), &Device::Cpu)?)
    }
}

pub(crate) fn gpt2() -> DecoderConfig {
    DecoderConfig {
        architecture: "GPT2LMHeadModel".into(),
        vocab: 53,
        d_model: 24,
        layers: 2,
        heads: 3,
        kv_heads: 3,
        d_head: 8,
        d_mlp: 40,
        max_positions: 16,
        norm: NormKind::Layer,
        norm_eps: 1e-5,
        positions: Positions::Learned,
        block: BlockForm::Sequential,
        gated_mlp: false,
        activation: Activation::GeluTanh,
        attention_scale: 1.0 / 8f32.sqrt(),
        attention_softcap: None,
        logit_softcap: None,
        qk_norm: false,
        spans: vec![AttentionSpan::Full; 2],
        embedding_scale: None,
        tied: true,
    }
}

fn rotary(dims: usize) -> Rotary {
    Rotary {
        dims,
        theta: 10_000.0,
        theta_sliding: None,
        scaling: RopeScaling::None,
    }
}

/// Two key-value heads for six heads, head width other than the model's over the heads.
pub(crate) fn llama() -> DecoderConfig {
    DecoderConfig {
        architecture: "LlamaForCausalLM".into(),
        heads: 6,
        kv_heads: 2,
        d_head: 10,
        norm: NormKind::Rms,
        positions: Positions::Rotary(Rotary {
            scaling: RopeScaling::Llama3 {
                factor: 4.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_positions: 16,
            },
            ..rotary(10)
        }),
        gated_mlp: true,
        activation: Activation::Silu,
        attention_scale: 1.0 / 10f32.sqrt(),
        tied: false,
        ..gpt2()
    }
}

pub(crate) fn neox() -> DecoderConfig {
    DecoderConfig {
        architecture: "GPTNeoXForCausalLM".into(),
        positions: Positions::Rotary(rotary(4)),
        block: BlockForm::Parallel,
        activation: Activation::GeluErf,
        tied: false,
        ..gpt2()
    }
}

pub(crate) fn gemma2() -> DecoderConfig {
    DecoderConfig {
        architecture: "Gemma2ForCausalLM".into(),
        heads: 4,
        kv_heads: 2,
        norm: NormKind::RmsPlusOne,
        positions: Positions::Rotary(rotary(8)),
        block: BlockForm::Sandwich,
        gated_mlp: true,
        attention_softcap: Some(3.0),
        logit_softcap: Some(5.0),
        spans: vec![AttentionSpan::Sliding(3), AttentionSpan::Full],
        embedding_scale: Some(24f32.sqrt()),
        ..gpt2()
    }
}

pub(crate) fn gemma3() -> DecoderConfig {
    DecoderConfig {
        architecture: "Gemma3ForCausalLM".into(),
        kv_heads: 1,
        heads: 4,
        attention_softcap: None,
        logit_softcap: None,
        qk_norm: true,
        positions: Positions::Rotary(Rotary {
            theta: 1_000_000.0,
            theta_sliding: Some(10_000.0),
            scaling: RopeScaling::Linear { factor: 8.0 },
            ..rotary(8)
        }),
        ..gemma2()
    }
}

pub(crate) fn all() -> Vec<DecoderConfig> {
    vec![gpt2(), llama(), neox(), gemma2(), gemma3()]
}

/// Makes a variable of a name, shape, spread and mean.
type Draw<'a> = dyn FnMut(String, &[usize], f32, f32) -> Result<Tensor> + 'a;

/// Weights and, by name, the variables behind them.
pub(crate) fn weights(
    c: &DecoderConfig,
    seed: u64,
) -> Result<(DecoderWeights, Vec<(String, Var)>)> {
    let mut vars = Vec::new();
    let mut draws = Draws::new(seed);
    let mut var = |name: String, shape: &[usize], sd: f32, mean: f32| -> Result<Tensor> {
        let var = Var::from_tensor(&(draws.tensor(shape, sd)? + f64::from(mean))?)?;
        let tensor = var.as_tensor().clone();
        vars.push((name, var));
        Ok(tensor)
    };
    let biased = matches!(c.norm, NormKind::Layer);
    let embed = var("embed".into(), &[c.vocab, c.d_model], 0.7, 0.0)?;
    let pos_embed = match c.positions {
        Positions::Learned => Some(var("pos".into(), &[c.max_positions, c.d_model], 0.3, 0.0)?),
        Positions::Rotary(_) => None,
    };
    let unit = if c.norm == NormKind::RmsPlusOne {
        0.0
    } else {
        1.0
    };
    let norm = |var: &mut Draw<'_>, name: String, width: usize| -> Result<NormWeights> {
        Ok(NormWeights {
            weight: var(format!("{name}.weight"), &[width], 0.2, unit)?,
            bias: match biased {
                true => Some(var(format!("{name}.bias"), &[width], 0.2, 0.0)?),
                false => None,
            },
        })
    };
    let linear = |var: &mut Draw<'_>,
                  name: String,
                  out: usize,
                  width: usize,
                  biased: bool|
     -> Result<Linear> {
        Ok(Linear {
            weight: var(
                format!("{name}.weight"),
                &[out, width],
                1.0 / (width as f32).sqrt(),
                0.0,
            )?
            .into(),
            bias: match biased {
                true => Some(var(format!("{name}.bias"), &[out], 0.3, 0.0)?),
                false => None,
            },
        })
    };
    let (queries, keys) = (c.heads * c.d_head, c.kv_heads * c.d_head);
    let sandwich = c.block == BlockForm::Sandwich;
    let mut blocks = Vec::new();
    for l in 0..c.layers {
        let at = |name: &str| format!("blocks.{l}.{name}");
        blocks.push(BlockWeights {
            ln1: norm(&mut var, at("ln1"), c.d_model)?,
            q: linear(&mut var, at("q"), queries, c.d_model, true)?,
            k: linear(&mut var, at("k"), keys, c.d_model, true)?,
            v: linear(&mut var, at("v"), keys, c.d_model, true)?,
            o: linear(&mut var, at("o"), c.d_model, queries, biased)?,
            q_norm: match c.qk_norm {
                true => Some(norm(&mut var, at("q_norm"), c.d_head)?),
                false => None,
            },
            k_norm: match c.qk_norm {
                true => Some(norm(&mut var, at("k_norm"), c.d_head)?),
                false => None,
            },
            ln1_post: match sandwich {
                true => Some(norm(&mut var, at("ln1_post"), c.d_model)?),
                false => None,
            },
            ln2: norm(&mut var, at("ln2"), c.d_model)?,
            gate: match c.gated_mlp {
                true => Some(linear(&mut var, at("gate"), c.d_mlp, c.d_model, biased)?),
                false => None,
            },
            up: linear(&mut var, at("up"), c.d_mlp, c.d_model, biased)?,
            down: linear(&mut var, at("down"), c.d_model, c.d_mlp, biased)?,
            ln2_post: match sandwich {
                true => Some(norm(&mut var, at("ln2_post"), c.d_model)?),
                false => None,
            },
        });
    }
    let final_norm = norm(&mut var, "final".into(), c.d_model)?;
    let unembed = if c.tied {
        Linear {
            weight: embed.clone().into(),
            bias: None,
        }
    } else {
        linear(&mut var, "unembed".into(), c.vocab, c.d_model, false)?
    };
    let weights = DecoderWeights {
        embed: embed.into(),
        pos_embed,
        blocks,
        final_norm,
        unembed,
    };
    Ok((weights, vars))
}

pub(crate) fn decoder(config: &DecoderConfig, seed: u64) -> Result<Decoder> {
    Decoder::new(config.clone(), weights(config, seed)?.0)
}
