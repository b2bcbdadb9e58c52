//! The parameters of a model in training: variables, their start values, and the decoder over them.

use candle_core::{DType, Device, Tensor, Var};
use whyfinder_model::{BlockWeights, Decoder, DecoderConfig, DecoderWeights, Linear, NormWeights};

use crate::draw::Draw;
use crate::error::Result;

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// What it is, such as `blocks.3.up.weight`.
    pub name: String,
    pub var: Var,
    /// Whether it is a matrix inside a block, as opposed to an embedding, a bias or a norm.
    pub matrix: bool,
}

/// All parameters, in a fixed order.
#[derive(Clone, Debug)]
pub struct Parameters(pub Vec<Parameter>);

/// Spread of the start values, as in GPT-2.
const SPREAD: f64 = 0.02;

impl Parameters {
    /// Start values drawn from `seed` (Radford et al. 2019: normal, 0.02; matrices that write to the residual stream
    /// divided by the square root of how many there are).
    ///
    /// # Errors
    /// When memory runs out.
    pub fn new(config: &DecoderConfig, seed: u64) -> Result<Self> {
        let mut made = Maker {
            draw: Draw::stream(seed, u64::MAX - 1),
            list: Vec::new(),
        };
        let (d, f) = (config.d_model, config.d_mlp);
        let writes = SPREAD / ((2 * config.layers) as f64).sqrt();
        made.normal("embed", &[config.vocab, d], SPREAD, false)?;
        made.normal("pos_embed", &[config.max_positions, d], SPREAD / 2.0, false)?;
        for layer in 0..config.layers {
            let name = |part: &str| format!("blocks.{layer}.{part}");
            made.norm(&name("ln1"), d)?;
            for part in ["q", "k", "v"] {
                made.linear(&name(part), d, d, SPREAD)?;
            }
            made.linear(&name("o"), d, d, writes)?;
            made.norm(&name("ln2"), d)?;
            made.linear(&name("up"), f, d, SPREAD)?;
            made.linear(&name("down"), d, f, writes)?;
        }
        made.norm("final_norm", d)?;
        Ok(Self(made.list))
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.0.iter().map(|p| p.var.elem_count()).sum()
    }

    /// The decoder over these variables.
    ///
    /// # Errors
    /// When the configuration is not the one the parameters were made for.
    pub fn decoder(&self, config: &DecoderConfig) -> Result<Decoder> {
        let mut next = self.0.iter().map(|p| p.var.as_tensor().clone());
        let mut tensor = || {
            next.next()
                .ok_or_else(|| candle_core::Error::Msg("too few parameters".into()).bt())
        };
        let embed = tensor()?;
        let pos_embed = Some(tensor()?);
        let mut blocks = Vec::with_capacity(config.layers);
        for _ in 0..config.layers {
            let ln1 = norm(&mut tensor)?;
            let (q, k, v, o) = (
                linear(&mut tensor)?,
                linear(&mut tensor)?,
                linear(&mut tensor)?,
                linear(&mut tensor)?,
            );
            let ln2 = norm(&mut tensor)?;
            blocks.push(BlockWeights {
                ln1,
                q,
                k,
                v,
                o,
                q_norm: None,
                k_norm: None,
                ln1_post: None,
                ln2,
                gate: None,
                up: linear(&mut tensor)?,
                down: linear(&mut tensor)?,
                ln2_post: None,
            });
        }
        let weights = DecoderWeights {
            pos_embed,
            blocks,
            final_norm: norm(&mut tensor)?,
            unembed: Linear {
                weight: embed.clone().into(),
                bias: None,
            },
            embed: embed.into(),
        };
        Ok(Decoder::new(config.clone(), weights)?)
    }
}

fn linear(tensor: &mut impl FnMut() -> candle_core::Result<Tensor>) -> Result<Linear> {
    Ok(Linear {
        weight: tensor()?.into(),
        bias: Some(tensor()?),
    })
}

fn norm(tensor: &mut impl FnMut() -> candle_core::Result<Tensor>) -> Result<NormWeights> {
    Ok(NormWeights {
        weight: tensor()?,
        bias: Some(tensor()?),
    })
}

struct Maker {
    draw: Draw,
    list: Vec<Parameter>,
}

impl Maker {
    fn add(&mut self, name: &str, value: &Tensor, matrix: bool) -> Result<()> {
        self.list.push(Parameter {
            name: name.to_string(),
            var: Var::from_tensor(value)?,
            matrix,
        });
        Ok(())
    }

    fn normal(&mut self, name: &str, shape: &[usize], spread: f64, matrix: bool) -> Result<()> {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| (self.draw.normal() * spread) as f32)
            .collect();
        self.add(
            name,
            &Tensor::from_vec(values, shape, &Device::Cpu)?,
            matrix,
        )
    }

    fn linear(&mut self, name: &str, out: usize, into: usize, spread: f64) -> Result<()> {
        self.normal(&format!("{name}.weight"), &[out, into], spread, true)?;
        let zero = Tensor::zeros(out, DType::F32, &Device::Cpu)?;
        self.add(&format!("{name}.bias"), &zero, false)
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<()> {
        let one = Tensor::ones(width, DType::F32, &Device::Cpu)?;
        self.add(&format!("{name}.weight"), &one, false)?;
        let zero = Tensor::zeros(width, DType::F32, &Device::Cpu)?;
        self.add(&format!("{name}.bias"), &zero, false)
    }
}
