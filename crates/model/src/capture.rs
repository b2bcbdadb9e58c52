//! A probe that keeps what it sees.

use candle_core::Tensor;
use whyfinder_experiment::{Site, SitePattern};

use crate::error::{ModelError, Result};
use crate::probe::Probe;

/// Keeps the value of every site that one of its patterns means, in the order of the pass.
///
/// In a pass with a [`crate::Patcher`], put it second in [`crate::Both`] to see the patched values, first to see
/// those before the patch. It can be used for one pass; make a new one for the next.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    wanted: Vec<SitePattern>,
    values: Vec<(Site, Tensor)>,
}

impl Capture {
    pub fn new(wanted: &[SitePattern]) -> Self {
        Self {
            wanted: wanted.to_vec(),
            values: Vec::new(),
        }
    }

    /// Sites and values in the order of the pass.
    pub fn values(&self) -> &[(Site, Tensor)] {
        &self.values
    }

    pub fn into_values(self) -> Vec<(Site, Tensor)> {
        self.values
    }

    pub fn get(&self, site: Site) -> Option<&Tensor> {
        self.values
            .iter()
            .find(|(seen, _)| *seen == site)
            .map(|(_, value)| value)
    }

    /// # Errors
    /// Names the first pattern for which the pass had no site.
    pub fn finish(&self) -> Result<()> {
        let missed = self
            .wanted
            .iter()
            .find(|wanted| !self.values.iter().any(|(site, _)| wanted.matches(*site)));
        match missed {
            Some(pattern) => Err(ModelError::NeverReached(format!(
                "The pass never reached {pattern}: this model has no such site."
            ))),
            None => Ok(()),
        }
    }
}

impl Probe for Capture {
    fn wants(&self, site: Site) -> bool {
        self.wanted.iter().any(|pattern| pattern.matches(site))
    }

    fn at(&mut self, site: Site, value: Tensor) -> Result<Tensor> {
        self.values.push((site, value.clone()));
        Ok(value)
    }
}
