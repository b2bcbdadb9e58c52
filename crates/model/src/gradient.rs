//! Gradients of values inside a pass.

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use whyfinder_experiment::{Site, SitePattern};

use crate::error::{ModelError, Result};
use crate::probe::Probe;

/// A probe that taps sites for their gradients: it adds a zero variable to each value.
///
/// Run the pass with `differentiable: true`, make a scalar of its result, and hand that to
/// [`GradientTap::gradients`].
#[derive(Debug, Default)]
pub struct GradientTap {
    wanted: Vec<SitePattern>,
    taps: Vec<Tap>,
}

#[derive(Debug)]
struct Tap {
    site: Site,
    value: Tensor,
    zero: Var,
}

/// A tapped value and the gradient of the scalar with respect to it, in the same shape.
#[derive(Clone, Debug)]
pub struct Gradient {
    pub site: Site,
    pub value: Tensor,
    pub gradient: Tensor,
}

impl GradientTap {
    pub fn new(wanted: &[SitePattern]) -> Self {
        Self {
            wanted: wanted.to_vec(),
            taps: Vec::new(),
        }
    }

    /// Goes back from `scalar` and returns the gradient at every tapped site, in the order of the pass.
    ///
    /// # Errors
    /// Names a site whose value the scalar does not depend on, or a pattern for which the pass had no site.
    pub fn gradients(&self, scalar: &Tensor) -> Result<Vec<Gradient>> {
        self.gradients_in(&scalar.backward()?)
    }

    /// [`GradientTap::gradients`] with the backward pass already made.
    pub fn gradients_in(&self, store: &GradStore) -> Result<Vec<Gradient>> {
        let reached = |pattern: &SitePattern| self.taps.iter().any(|t| pattern.matches(t.site));
        if let Some(pattern) = self.wanted.iter().find(|pattern| !reached(pattern)) {
            return Err(ModelError::NeverReached(format!(
                "The pass never reached {pattern}: there is no gradient for it."
            )));
        }
        self.taps
            .iter()
            .map(|tap| {
                let gradient = store.get(&tap.zero).ok_or_else(|| {
                    ModelError::NeverReached(format!(
                        "No gradient reached {}: the result does not depend on it.",
                        tap.site
                    ))
                })?;
                Ok(Gradient {
                    site: tap.site,
                    value: tap.value.clone(),
                    gradient: gradient.clone(),
                })
            })
            .collect()
    }
}

impl Probe for GradientTap {
    fn wants(&self, site: Site) -> bool {
        self.wanted.iter().any(|pattern| pattern.matches(site))
    }

    fn at(&mut self, site: Site, value: Tensor) -> Result<Tensor> {
        let zero = Var::zeros(value.shape(), value.dtype(), value.device())?;
        let tapped = (&value + zero.as_tensor())?;
        self.taps.push(Tap {
            site,
            value: value.detach(),
            zero,
        });
        Ok(tapped)
    }
}
