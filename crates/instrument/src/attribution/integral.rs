//! Gradients along a path, added up.

use super::path::Path;
use super::reading::Reading;
use crate::error::Result;

/// What each pixel of the picture accounts for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attribution {
    /// The sum over channels, row-major over the picture's pixels.
    pub(crate) signed: Vec<f64>,
    /// The number at the picture, and where the path begins.
    pub(crate) end: f64,
    pub(crate) start: f64,
}

impl Attribution {
    /// What the pixels do not account for: their sum minus the number's change along the path. An exact integral
    /// leaves nothing.
    pub(crate) fn residual(&self) -> f64 {
        self.signed.iter().sum::<f64>() - (self.end - self.start)
    }

    pub(crate) fn strengths(&self) -> Vec<f32> {
        strengths(&self.signed)
    }
}

/// Nothing yet, for every pixel of a path's pictures.
pub(crate) fn nothing(path: &Path) -> Vec<f64> {
    vec![0.0; path.end().height * path.end().width]
}

/// `|a| / max |a|`; zeros where all are.
pub(crate) fn strengths(signed: &[f64]) -> Vec<f32> {
    let greatest = signed.iter().fold(0.0f64, |most, a| most.max(a.abs()));
    let scale = if greatest > 0.0 { 1.0 / greatest } else { 0.0 };
    signed.iter().map(|a| (a.abs() * scale) as f32).collect()
}

/// The mean of gradient times speed over the path's pieces, from a piece on: what those before it came to is `signed`,
/// zeros for none. `between` hears how many pieces are done and what they come to so far, and may end it all.
pub(crate) fn along(
    reading: &Reading<'_>,
    path: &Path,
    (first, mut signed): (usize, Vec<f64>),
    between: &mut dyn FnMut(usize, &[f64]) -> Result<()>,
) -> Result<Attribution> {
    let fold = path.fold();
    let channels = path.end().channels.max(1);
    between(first, &signed)?;
    for i in first..fold {
        let step = path.step(i);
        let slope = reading.gradient(&step.picture)?.slope;
        let pixels = slope.chunks_exact(channels);
        let speeds = step.speed.chunks_exact(channels);
        for (sum, (slope, speed)) in signed.iter_mut().zip(pixels.zip(speeds)) {
            for (g, v) in slope.iter().zip(speed) {
                let product = g * f64::from(*v);
                if product.is_finite() {
                    *sum += product / fold as f64;
                }
            }
        }
        between(i + 1, &signed)?;
    }
    Ok(Attribution {
        signed,
        end: reading.number(path.end())?,
        start: reading.number(&path.start())?,
    })
}
