//! Rotary tables, scaled as Hugging Face `transformers` scales them (`modeling_rope_utils.py`).

use std::f64::consts::TAU;
use std::ops::Range;

use candle_core::Tensor;
use whyfinder_experiment::{Part, Site};

use crate::config::{RopeScaling, Rotary};
use crate::error::Result;
use crate::probe::{Probe, show};

/// Cosines and sines of the angle of each position and dimension pair, `[T, dims/2]` for all rows of a batch or
/// `[B, T, dims/2]` for each.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) cos: Tensor,
    pub(crate) sin: Tensor,
}

impl Table {
    /// These positions, one for each row of a batch.
    pub(crate) fn at(&self, positions: &[usize]) -> Result<Self> {
        let index: Vec<u32> = positions.iter().map(|&position| position as u32).collect();
        let index = Tensor::from_vec(index, positions.len(), self.cos.device())?;
        let rows = |x: &Tensor| -> Result<Tensor> {
            Ok(x.contiguous()?.index_select(&index, 0)?.unsqueeze(1)?)
        };
        Ok(Self {
            cos: rows(&self.cos)?,
            sin: rows(&self.sin)?,
        })
    }

    /// The positions from `first` on.
    pub(crate) fn from(&self, first: usize) -> Result<Self> {
        let cut = |x: &Tensor| -> Result<Tensor> {
            let positions = x.rank() - 2;
            match first {
                0 => Ok(x.clone()),
                _ => Ok(x.narrow(positions, first, x.dim(positions)? - first)?),
            }
        };
        Ok(Self {
            cos: cut(&self.cos)?,
            sin: cut(&self.sin)?,
        })
    }
}

/// The tables of one pass.
#[derive(Clone, Debug)]
pub(crate) struct RotaryTables {
    full: Table,
    /// For the layers with a sliding window, where their base differs.
    sliding: Option<Table>,
}

impl RotaryTables {
    /// Tables for some positions of an input that ends with them, on the device and in the type of `like`.
    ///
    /// The sites `rotary.hook_cos` and `rotary.hook_sin` stand for the table of the full-span layers; where sliding
    /// layers have a base of their own (Gemma 3), their table is not open.
    pub(crate) fn shown<P: Probe + ?Sized>(
        rotary: &Rotary,
        batch: usize,
        positions: Range<usize>,
        like: &Tensor,
        probe: &mut P,
    ) -> Result<Self> {
        let full = table(
            &inverse_frequencies(rotary.dims, rotary.theta, &rotary.scaling, positions.end),
            attention_factor(&rotary.scaling),
            positions.clone(),
            like,
        )?;
        let mut open = |part: Part, values: Tensor| -> Result<Tensor> {
            let site = Site::outside(part);
            if !probe.wants(site) {
                return Ok(values);
            }
            let (length, width) = values.dims2()?;
            let values = values
                .unsqueeze(0)?
                .broadcast_as((batch, length, width))?
                .contiguous()?;
            show(probe, site, values)
        };
        let full = Table {
            cos: open(Part::RotaryCos, full.cos)?,
            sin: open(Part::RotarySin, full.sin)?,
        };
        let sliding = match rotary.theta_sliding {
            Some(theta) => Some(table(
                &inverse_frequencies(rotary.dims, theta, &RopeScaling::None, positions.end),
                1.0,
                positions,
                like,
            )?),
            None => None,
        };
        Ok(Self { full, sliding })
    }

    pub(crate) fn of(&self, sliding_layer: bool) -> &Table {
        match &self.sliding {
            Some(table) if sliding_layer => table,
            _ => &self.full,
        }
    }
}

fn table(
    frequencies: &[f32],
    factor: f32,
    positions: Range<usize>,
    like: &Tensor,
) -> Result<Table> {
    let length = positions.len();
    // Angles are f32 products, as in the reference: at long range their rounding is part of the model.
    let angles: Vec<f32> = positions
        .flat_map(|position| frequencies.iter().map(move |f| position as f32 * f))
        .collect();
    let of = |f: fn(f64) -> f64| -> Result<Tensor> {
        let values = angles
            .iter()
            .map(|&angle| f(f64::from(angle)) as f32 * factor)
            .collect();
        Ok(
            Tensor::from_vec(values, (length, frequencies.len()), like.device())?
                .to_dtype(like.dtype())?,
        )
    };
    Ok(Table {
        cos: of(f64::cos)?,
        sin: of(f64::sin)?,
    })
}

/// Angle per position of each dimension pair, `dims / 2` values.
fn inverse_frequencies(dims: usize, theta: f64, scaling: &RopeScaling, length: usize) -> Vec<f32> {
    let plain = |theta: f64| -> Vec<f64> {
        (0..dims / 2)
            .map(|pair| {
                let exponent = (2 * pair) as f32 / dims as f32;
                f64::from((1.0 / theta.powf(f64::from(exponent))) as f32)
            })
            .collect()
    };
    let scaled: Vec<f64> = match *scaling {
        RopeScaling::None => plain(theta),
        RopeScaling::Linear { factor } => plain(theta).into_iter().map(|f| f / factor).collect(),
        RopeScaling::Dynamic {
            factor,
            original_positions,
        } => {
            let original = original_positions as f64;
            let reach = (length as f64).max(original);
            let growth = factor * reach / original - (factor - 1.0);
            let dims = dims as f64;
            plain(theta * growth.powf(dims / (dims - 2.0)))
        }
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_positions,
        } => {
            let original = original_positions as f64;
            plain(theta)
                .into_iter()
                .map(|f| {
                    let wavelength = TAU / f;
                    if wavelength > original / low_freq_factor {
                        f / factor
                    } else if wavelength < original / high_freq_factor {
                        f
                    } else {
                        let smooth = (original / wavelength - low_freq_factor)
                            / (high_freq_factor - low_freq_factor);
                        (1.0 - smooth) * f / factor + smooth * f
                    }
                })
                .collect()
        }
        RopeScaling::Yarn {
            factor,
            original_positions,
            beta_fast,
            beta_slow,
            truncate,
            ..
        } => {
            let width = dims as f64;
            let turns_at = |rotations: f64| {
                width * (original_positions as f64 / (rotations * TAU)).ln() / (2.0 * theta.ln())
            };
            let (mut low, mut high) = (turns_at(beta_fast), turns_at(beta_slow));
            if truncate {
                (low, high) = (low.floor(), high.ceil());
            }
            let (low, mut high) = (low.max(0.0), high.min(width - 1.0));
            if low == high {
                high += 0.001;
            }
            plain(theta)
                .into_iter()
                .enumerate()
                .map(|(pair, f)| {
                    let ramp = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                    f / factor * ramp + f * (1.0 - ramp)
                })
                .collect()
        }
    };
    scaled.into_iter().map(|f| f as f32).collect()
}

/// What cosines and sines are multiplied by.
fn attention_factor(scaling: &RopeScaling) -> f32 {
    match scaling {
        RopeScaling::Yarn {
            attention_factor, ..
        } => *attention_factor as f32,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `ROPE_INIT_FUNCTIONS` in transformers 5.23 for 12 dimensions and base 10000.
    #[test]
    fn frequencies_equal_those_of_transformers() {
        let yarn = |truncate| RopeScaling::Yarn {
            factor: 4.0,
            original_positions: 512,
            beta_fast: 32.0,
            beta_slow: 1.0,
            attention_factor: 1.138_629_436_111_989,
            truncate,
        };
        let dynamic = RopeScaling::Dynamic {
            factor: 2.0,
            original_positions: 64,
        };
        let llama3 = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_positions: 256,
        };
        let cases: [(RopeScaling, usize, [f32; 6]); 7] = [
            (
                RopeScaling::None,
                9,
                [
                    1.0,
                    2.154_434_5e-1,
                    4.641_588_4e-2,
                    0.01,
                    2.154_434_3e-3,
                    4.641_589_5e-4,
                ],
            ),
            (
                RopeScaling::Linear { factor: 4.0 },
                9,
                [
                    0.25,
                    5.386_086e-2,
                    1.160_397_1e-2,
                    0.0025,
                    5.386_086e-4,
                    1.160_397_4e-4,
                ],
            ),
            (
                dynamic.clone(),
                64,
                [
                    1.0,
                    2.154_434_5e-1,
                    4.641_588_4e-2,
                    0.01,
                    2.154_434_3e-3,
                    4.641_589_5e-4,
                ],
            ),
            (
                dynamic,
                200,
                [
                    1.0,
                    1.546_327_3e-1,
                    2.391_128_4e-2,
                    3.697_468e-3,
                    5.717_494_6e-4,
                    8.841_123e-5,
                ],
            ),
            (
                llama3,
                9,
                [
                    1.0,
                    2.154_434_5e-1,
                    1.786_638_8e-2,
                    0.00125,
                    2.693_043e-4,
                    5.801_987e-5,
                ],
            ),
            (
                yarn(true),
                9,
                [
                    1.0,
                    1.615_825_7e-1,
                    2.320_794e-2,
                    0.0025,
                    5.386_086e-4,
                    1.160_397_4e-4,
                ],
            ),
            (
                yarn(false),
                9,
                [
                    1.0,
                    1.874_536_3e-1,
                    2.496_663_7e-2,
                    0.0025,
                    5.386_086e-4,
                    1.160_397_4e-4,
                ],
            ),
        ];
        for (scaling, length, expected) in cases {
            let got = inverse_frequencies(12, 10_000.0, &scaling, length);
            for (a, b) in got.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-6 * b, "{scaling:?}: {a} is not {b}");
            }
        }
        assert_eq!(attention_factor(&yarn(true)), 1.138_629_4);
    }
}
