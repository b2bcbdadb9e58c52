//! The methods that map a region onto the input, each with its settings.

use serde::{Deserialize, Serialize};
use whyfinder_experiment::image_experiment::{
    Draws, GradientSettings, IntegratedGradientsSettings, InterventionSettings, LamSettings,
    OcclusionSettings, Precision, ReceptiveFieldSettings, RiseSettings,
};
use whyfinder_experiment::{Experiment, ImageMethod, InstrumentSettings};

/// A method that the window offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodName {
    #[default]
    CausalEffectMap,
    Lam,
    Gradient,
    IntegratedGradients,
    Occlusion,
    Rise,
    ReceptiveField,
}

impl MethodName {
    pub const ALL: [MethodName; 7] = [
        MethodName::CausalEffectMap,
        MethodName::Lam,
        MethodName::Gradient,
        MethodName::IntegratedGradients,
        MethodName::Occlusion,
        MethodName::Rise,
        MethodName::ReceptiveField,
    ];

    /// The method that an experiment asks for.
    pub fn asked_by(experiment: &Experiment) -> Option<Self> {
        let InstrumentSettings::Image { method, .. } = &experiment.instrument else {
            return None;
        };
        match method {
            ImageMethod::CausalEffectMap(_) => Some(MethodName::CausalEffectMap),
            ImageMethod::Lam(_) => Some(MethodName::Lam),
            ImageMethod::Gradient(_) => Some(MethodName::Gradient),
            ImageMethod::IntegratedGradients(_) => Some(MethodName::IntegratedGradients),
            ImageMethod::Occlusion(_) => Some(MethodName::Occlusion),
            ImageMethod::Rise(_) => Some(MethodName::Rise),
            ImageMethod::ReceptiveField(_) => Some(MethodName::ReceptiveField),
            ImageMethod::WindowAttention(_)
            | ImageMethod::Faithfulness(_)
            | ImageMethod::Restore => None,
        }
    }

    /// As it stands on its chip.
    pub fn short(self) -> &'static str {
        match self {
            MethodName::CausalEffectMap => "CEM",
            MethodName::Lam => "LAM",
            MethodName::Gradient => "Gradient",
            MethodName::IntegratedGradients => "IG",
            MethodName::Occlusion => "Occlusion",
            MethodName::Rise => "RISE",
            MethodName::ReceptiveField => "Field",
        }
    }

    /// The heading of its map.
    pub fn title(self) -> &'static str {
        self.first_part().title
    }

    /// What, of what, how measured.
    pub fn sentence(self) -> &'static str {
        self.first_part().sentence
    }
}

/// Settings of every method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodSettings {
    pub effects: InterventionSettings,
    pub lam: LamSettings,
    pub gradient: GradientSettings,
    pub integrated: IntegratedGradientsSettings,
    pub occlusion: OcclusionSettings,
    pub rise: RiseSettings,
    pub field: ReceptiveFieldSettings,
}

impl Default for MethodSettings {
    fn default() -> Self {
        Self {
            effects: InterventionSettings {
                // The draws of one block can then be repeated without those of all others.
                draws: Draws::Stream,
                ..InterventionSettings::default()
            },
            lam: LamSettings::default(),
            gradient: GradientSettings::default(),
            integrated: IntegratedGradientsSettings::default(),
            occlusion: OcclusionSettings::default(),
            rise: RiseSettings::default(),
            field: ReceptiveFieldSettings::default(),
        }
    }
}

impl MethodSettings {
    /// A method with its settings, as an experiment names it.
    pub fn method(&self, name: MethodName) -> ImageMethod {
        match name {
            MethodName::CausalEffectMap => ImageMethod::CausalEffectMap(self.effects.clone()),
            MethodName::Lam => ImageMethod::Lam(self.lam.clone()),
            MethodName::Gradient => ImageMethod::Gradient(self.gradient.clone()),
            MethodName::IntegratedGradients => {
                ImageMethod::IntegratedGradients(self.integrated.clone())
            }
            MethodName::Occlusion => ImageMethod::Occlusion(self.occlusion.clone()),
            MethodName::Rise => ImageMethod::Rise(self.rise.clone()),
            MethodName::ReceptiveField => ImageMethod::ReceptiveField(self.field.clone()),
        }
    }

    /// Takes over a method's settings and gives its name; `None` for what gives no map.
    pub fn take(&mut self, method: &ImageMethod) -> Option<MethodName> {
        Some(match method {
            ImageMethod::CausalEffectMap(settings) => {
                self.effects = settings.clone();
                MethodName::CausalEffectMap
            }
            ImageMethod::Lam(settings) => {
                self.lam = settings.clone();
                MethodName::Lam
            }
            ImageMethod::Gradient(settings) => {
                self.gradient = settings.clone();
                MethodName::Gradient
            }
            ImageMethod::IntegratedGradients(settings) => {
                self.integrated = settings.clone();
                MethodName::IntegratedGradients
            }
            ImageMethod::Occlusion(settings) => {
                self.occlusion = settings.clone();
                MethodName::Occlusion
            }
            ImageMethod::Rise(settings) => {
                self.rise = settings.clone();
                MethodName::Rise
            }
            ImageMethod::ReceptiveField(settings) => {
                self.field = settings.clone();
                MethodName::ReceptiveField
            }
            ImageMethod::WindowAttention(_)
            | ImageMethod::Faithfulness(_)
            | ImageMethod::Restore => return None,
        })
    }

    /// The settings of a method in one line.
    pub fn line(&self, name: MethodName) -> String {
        match name {
            MethodName::CausalEffectMap => {
                let s = &self.effects;
                format!("block {} · coarse {} · fine {}", s.block, s.coarse, s.fine)
            }
            MethodName::Lam => {
                let steps = format!("{} steps · blur {} px", self.lam.fold, self.lam.sigma);
                steps + said(self.lam.precision)
            }
            MethodName::Gradient => "one backward pass".to_string() + said(self.gradient.precision),
            MethodName::IntegratedGradients => {
                format!("{} steps", self.integrated.steps) + said(self.integrated.precision)
            }
            MethodName::Occlusion => format!("block {}", self.occlusion.block),
            MethodName::Rise => format!("{} masks", self.rise.masks),
            MethodName::ReceptiveField => format!("{} inputs", self.field.inputs),
        }
    }

    /// Side of the blocks of a method's map in the output's pixels; `None` where it maps single input pixels.
    pub fn block(&self, name: MethodName) -> Option<usize> {
        match name {
            MethodName::CausalEffectMap => Some(self.effects.block),
            MethodName::Occlusion => Some(self.occlusion.block),
            _ => None,
        }
    }
}

fn said(precision: Precision) -> &'static str {
    match precision {
        Precision::Single => "",
        Precision::Double => " · double",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_comes_back_under_its_name() {
        let mut settings = MethodSettings::default();
        for name in MethodName::ALL {
            let method = settings.method(name);
            assert_eq!(settings.take(&method), Some(name));
        }
        assert_eq!(settings.take(&ImageMethod::Restore), None);
    }
}
