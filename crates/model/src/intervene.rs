//! A probe that carries out interventions.

use candle_core::{DType, Device, Tensor};
use whyfinder_experiment::{Action, Intervention, Part, Site};

use crate::edit::{Edit, Edits};
use crate::error::{ModelError, Result};
use crate::probe::Probe;

/// Applies interventions to one pass, those at the same site in the order given.
///
/// `KnockOutRenormalised` and `Uniform` may be asked for at the pattern or at the scores of a block; both act on the
/// masked scores (`attn.hook_attn_scores`), before the softmax, so that the remaining keys share the weight.
/// `KnockOutUnnormalised` acts on the pattern, after the softmax. An `Only` selection that is empty, names an index
/// twice or lies outside is refused, and so is a knock-out of which every edge was hidden by the mask anyway: nothing
/// is ever silently left undone. `Restore` copies what the other row holds at that moment, after earlier
/// interventions at the same site.
///
/// Gradients flow through: values set get none, scaled ones are scaled, restored ones go to the row restored from.
#[derive(Clone, Debug)]
pub struct Patcher {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    intervention: Intervention,
    /// Where it really acts.
    site: Site,
    reached: bool,
}

impl Patcher {
    /// # Errors
    /// An action that cannot be done at its site.
    pub fn new(interventions: &[Intervention]) -> Result<Self> {
        let steps = interventions
            .iter()
            .map(|intervention| {
                Ok(Step {
                    site: acting_site(intervention)?,
                    intervention: intervention.clone(),
                    reached: false,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { steps })
    }

    /// To be called after the pass.
    ///
    /// # Errors
    /// Names the first intervention that the pass never reached.
    pub fn finish(&self) -> Result<()> {
        match self.steps.iter().find(|step| !step.reached) {
            Some(step) => Err(ModelError::NeverReached(format!(
                "The intervention at {} was never reached: this model, or this pass, has no such site.",
                step.intervention.site
            ))),
            None => Ok(()),
        }
    }
}

impl Probe for Patcher {
    fn wants(&self, site: Site) -> bool {
        self.steps.iter().any(|step| step.site == site)
    }

    fn at(&mut self, site: Site, value: Tensor) -> Result<Tensor> {
        let mut edits = Vec::new();
        for step in self.steps.iter_mut().filter(|step| step.site == site) {
            edits.push(Edit::new(&step.intervention, site, value.dims())?);
            step.reached = true;
        }
        apply(Edits::new(site, edits), &value)
    }
}

fn apply(edits: Edits, value: &Tensor) -> Result<Tensor> {
    let plain = value.device().is_cpu() && value.dtype() == DType::F32;
    if plain {
        return edits.apply(&value.contiguous()?);
    }
    let here = value
        .to_device(&Device::Cpu)?
        .to_dtype(DType::F32)?
        .contiguous()?;
    Ok(edits
        .apply(&here)?
        .to_dtype(value.dtype())?
        .to_device(value.device())?)
}

fn acting_site(intervention: &Intervention) -> Result<Site> {
    let site = intervention.site;
    let scores = Site {
        part: Part::AttnScores,
        ..site
    };
    let (wanted, name) = match &intervention.action {
        Action::KnockOutRenormalised => {
            (&[Part::Pattern, Part::AttnScores][..], "A knocked-out edge")
        }
        Action::Uniform => (&[Part::Pattern, Part::AttnScores][..], "Uniform attention"),
        Action::KnockOutUnnormalised => (
            &[Part::Pattern][..],
            "An edge knocked out without renormalising",
        ),
        Action::Set(_)
        | Action::Add(_)
        | Action::Scale(_)
        | Action::Zero
        | Action::Mean
        | Action::Restore { .. } => return Ok(site),
    };
    if !wanted.contains(&site.part) {
        return Err(ModelError::Input(format!(
            "{name} belongs at an attention pattern such as blocks.0.attn.hook_pattern, not at {site}."
        )));
    }
    match intervention.action {
        Action::KnockOutUnnormalised => Ok(site),
        _ => Ok(scores),
    }
}
