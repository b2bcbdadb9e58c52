//! Looking at, and changing, the inside of a pass.

use candle_core::Tensor;
use whyfinder_experiment::Site;

use crate::error::Result;

/// What a forward pass shows its values to.
///
/// The pass asks [`Probe::wants`] before it builds anything for a site, so that a site nobody wants costs nothing.
pub trait Probe {
    /// Whether [`Probe::at`] is to be called for this site.
    fn wants(&self, site: Site) -> bool;

    /// Sees the value at a site (shape as in [`whyfinder_experiment::Part`]) and gives back the value to go on with.
    fn at(&mut self, site: Site, value: Tensor) -> Result<Tensor>;
}

/// Wants nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    fn wants(&self, _site: Site) -> bool {
        false
    }

    fn at(&mut self, _site: Site, value: Tensor) -> Result<Tensor> {
        Ok(value)
    }
}
