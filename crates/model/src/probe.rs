//! Looking at, and changing, the inside of a pass.

use candle_core::Tensor;
use whyfinder_experiment::Site;

use crate::error::{ModelError, Result};

/// What a forward pass shows its values to.
///
/// The pass asks [`Probe::wants`] before it builds anything for a site, so that a site nobody wants costs nothing.
pub trait Probe {
    /// Whether [`Probe::at`] is to be called for this site. The answer must not change within a pass.
    fn wants(&self, site: Site) -> bool;

    /// Sees the value at a site (shape as in [`whyfinder_experiment::Part`]) and gives back the value to go on with,
    /// in the same shape and type.
    fn at(&mut self, site: Site, value: Tensor) -> Result<Tensor>;
}

/// Wants nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProbe;

impl Probe for NoProbe {
    #[inline(always)]
    fn wants(&self, _site: Site) -> bool {
        false
    }

    #[inline(always)]
    fn at(&mut self, _site: Site, value: Tensor) -> Result<Tensor> {
        Ok(value)
    }
}

/// Two probes on one pass: the second sees what the first gives back.
#[allow(missing_debug_implementations)]
pub struct Both<'a>(pub &'a mut dyn Probe, pub &'a mut dyn Probe);

impl Probe for Both<'_> {
    fn wants(&self, site: Site) -> bool {
        self.0.wants(site) || self.1.wants(site)
    }

    fn at(&mut self, site: Site, mut value: Tensor) -> Result<Tensor> {
        for probe in [&mut *self.0, &mut *self.1] {
            if probe.wants(site) {
                value = probe.at(site, value)?;
            }
        }
        Ok(value)
    }
}

/// Shows a value at a site if the probe wants it, and checks what comes back.
pub(crate) fn show<P: Probe + ?Sized>(probe: &mut P, site: Site, value: Tensor) -> Result<Tensor> {
    if !probe.wants(site) {
        return Ok(value);
    }
    let (shape, dtype) = (value.shape().clone(), value.dtype());
    let value = probe.at(site, value)?;
    if value.shape() != &shape || value.dtype() != dtype {
        return Err(ModelError::Input(format!(
            "The value put at {site} has shape {:?} of {:?}, but the site has {:?} of {dtype:?}.",
            value.dims(),
            value.dtype(),
            shape.dims(),
        )));
    }
    Ok(value.contiguous()?)
}
