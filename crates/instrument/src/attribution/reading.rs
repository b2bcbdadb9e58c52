//! The number of the output that is explained, and its gradient.

use std::borrow::Cow;

use candle_core::{DType, Tensor, Var};
use whyfinder_experiment::image_experiment::{Detector, Precision};
use whyfinder_model::network::{Network, Rect, forward_region};

use super::pixels::Pixels;
use crate::error::{InstrumentError, Result};
use crate::image::whole_output::device_of;

/// Added to the mean squared error, so that a perfect output has a PSNR (of 120 dB).
const LEAST_ERROR: f64 = 1e-12;

/// One differentiable number of a region of the output. Outputs are neither clipped nor rounded.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    network: Cow<'a, Network>,
    dtype: DType,
    noise: f32,
    /// As [`window`].
    window: Rect,
    detector: Detector,
    /// The truth of the window, `[1, h, w, C]`.
    truth: Option<Tensor>,
}

/// A number and how fast it changes with each value of the picture.
pub(crate) struct Gradient {
    pub(crate) number: f64,
    /// As the picture's values.
    pub(crate) slope: Vec<f64>,
}

impl<'a> Reading<'a> {
    /// `region` in the output's pixels; `truth` is that of the region, needed for the PSNR only.
    ///
    /// # Errors
    /// If the region lies outside the output, or the truth is missing.
    pub(crate) fn new(
        network: &'a Network,
        size: (usize, usize),
        noise: f32,
        region: &Rect,
        detector: Detector,
        truth: Option<&Pixels>,
    ) -> Result<Self> {
        let window = window(network, size, region, detector)?;
        let truth = match (detector, truth) {
            (Detector::Psnr, None) => {
                return Err(InstrumentError::unfit(
                    "The PSNR compares with the true picture, and there is none; add truth to [input] or choose \
                     another detector.",
                ));
            }
            (Detector::Psnr, Some(truth)) => Some(truth.tensor(&device_of(network))?),
            _ => None,
        };
        Ok(Self {
            network: Cow::Borrowed(network),
            dtype: DType::F32,
            noise,
            window,
            detector,
            truth,
        })
    }

    /// The same, with passes of this precision.
    ///
    /// # Errors
    /// If the device has no such numbers.
    pub(crate) fn in_precision(mut self, precision: Precision) -> Result<Self> {
        if precision == Precision::Double {
            if device_of(&self.network).is_metal() {
                return Err(InstrumentError::unfit(
                    "Metal computes in single precision alone; choose it here, or open the network with --device cpu.",
                ));
            }
            self.dtype = DType::F64;
            self.network = Cow::Owned(self.network.with_dtype(self.dtype)?);
            self.truth = self.truth.map(|t| t.to_dtype(self.dtype)).transpose()?;
        }
        Ok(self)
    }

    /// The number for one picture.
    pub(crate) fn number(&self, picture: &Pixels) -> Result<f64> {
        let picture = self.tensor(picture)?;
        let output = forward_region(&self.network, &picture, self.noise, &self.window)?;
        wide_number(&self.detect(&output)?)
    }

    pub(crate) fn gradient(&self, picture: &Pixels) -> Result<Gradient> {
        let variable = Var::from_tensor(&self.tensor(picture)?)?;
        let output = forward_region(&self.network, &variable, self.noise, &self.window)?;
        let number = self.detect(&output)?;
        let gradients = number.backward()?;
        let slope = match gradients.get(&variable) {
            Some(slope) => wide(slope)?,
            None => vec![0.0; picture.values.len()],
        };
        Ok(Gradient {
            number: wide_number(&number)?,
            slope,
        })
    }

    fn tensor(&self, picture: &Pixels) -> Result<Tensor> {
        let picture = picture.tensor(&device_of(&self.network))?;
        Ok(picture.to_dtype(self.dtype)?)
    }

    fn detect(&self, output: &Tensor) -> Result<Tensor> {
        Ok(match (self.detector, &self.truth) {
            (Detector::Psnr, Some(truth)) => {
                let error = output.broadcast_sub(truth)?.sqr()?.mean_all()?;
                ((error + LEAST_ERROR)?.log()? * (-10.0 / std::f64::consts::LN_10))?
            }
            (Detector::Gradient, _) => lengths(output)?.sum_all()?,
            _ => output.sum_all()?,
        })
    }
}

fn wide_number(x: &Tensor) -> Result<f64> {
    Ok(match x.dtype() {
        DType::F64 => x.to_scalar()?,
        _ => f64::from(x.to_scalar::<f32>()?),
    })
}

fn wide(x: &Tensor) -> Result<Vec<f64>> {
    let x = x.flatten_all()?;
    Ok(match x.dtype() {
        DType::F64 => x.to_vec1()?,
        _ => x.to_vec1::<f32>()?.into_iter().map(f64::from).collect(),
    })
}

/// What a detector of a region looks at: the region, for lengths of gradients one row and column more where there are
/// any.
pub(crate) fn window(
    network: &Network,
    (height, width): (usize, usize),
    region: &Rect,
    detector: Detector,
) -> Result<Rect> {
    let output = network.extents(height, width)?[network.output];
    let further = |range: &std::ops::Range<usize>, len: usize| {
        let more = usize::from(detector == Detector::Gradient);
        range.start..(range.end + more).min(len)
    };
    Ok(Rect::new(
        further(&region.rows, output.height),
        further(&region.columns, output.width),
    ))
}

/// `sqrt((o[y, x] - o[y + 1, x])^2 + (o[y, x] - o[y, x + 1])^2)` of each channel, one row and column fewer.
fn lengths(output: &Tensor) -> Result<Tensor> {
    let (_, height, width, _) = output.dims4()?;
    let (h, w) = (height.saturating_sub(1), width.saturating_sub(1));
    if h == 0 || w == 0 {
        return Ok((output * 0.0)?);
    }
    let here = output.narrow(1, 0, h)?.narrow(2, 0, w)?;
    let down = (&here - output.narrow(1, 1, h)?.narrow(2, 0, w)?)?;
    let right = (&here - output.narrow(1, 0, h)?.narrow(2, 1, w)?)?;
    let squares = (down.sqr()? + right.sqr()?)?;
    // The root has no slope at zero; there it counts as zero, and not as a number that is none.
    let positive = squares.gt(0.0)?;
    let safe = positive
        .where_cond(&squares, &squares.ones_like()?)?
        .sqrt()?;
    Ok((safe * positive.to_dtype(squares.dtype())?)?)
}
