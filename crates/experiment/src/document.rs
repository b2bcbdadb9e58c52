//! The shape of an experiment on disk: the same sections in TOML and in JSON.

use serde::{Deserialize, Serialize};

use crate::image_experiment::{
    FaithfulnessSettings, GradientSettings, ImageMethod, IntegratedGradientsSettings,
    InterventionSettings, LamSettings, OcclusionSettings, ReceptiveFieldSettings, RiseSettings,
    WindowAttentionSettings,
};
use crate::input_section::InputSection;
use crate::{
    Corruption, Experiment, ExperimentError, ImportSettings, Input, InstrumentSettings,
    RunSettings, TraceSettings, schema,
};

/// An instrument's name as written in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InstrumentName {
    Run,
    CausalTrace,
    CausalEffectMap,
    Lam,
    Gradient,
    IntegratedGradients,
    Occlusion,
    Rise,
    ReceptiveField,
    WindowAttention,
    Faithfulness,
    Restore,
    Import,
}

/// An experiment with each section in its own place, in the order in which it is written.
///
/// Settings that serde would have to flatten cannot refuse unknown keys; sections can.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(default = "current")]
    schema: u32,
    /// Who wrote the file; no part of the experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    instrument: InstrumentName,
    model: String,
    #[serde(default)]
    seed: u32,
    #[serde(default)]
    input: InputSection,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<RunSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    corruption: Option<Corruption>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<TraceSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intervention: Option<InterventionSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lam: Option<LamSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gradient: Option<GradientSettings>,
    #[serde(
        default,
        rename = "integrated-gradients",
        skip_serializing_if = "Option::is_none"
    )]
    integrated_gradients: Option<IntegratedGradientsSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    occlusion: Option<OcclusionSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rise: Option<RiseSettings>,
    #[serde(
        default,
        rename = "receptive-field",
        skip_serializing_if = "Option::is_none"
    )]
    receptive_field: Option<ReceptiveFieldSettings>,
    #[serde(
        default,
        rename = "window-attention",
        skip_serializing_if = "Option::is_none"
    )]
    window_attention: Option<WindowAttentionSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    faithfulness: Option<FaithfulnessSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    import: Option<ImportSettings>,
}

fn current() -> u32 {
    schema::EXPERIMENT
}

impl Document {
    /// The same with the name of this program, as files carry it.
    pub(crate) fn signed(self) -> Self {
        Self {
            program: Some(schema::PROGRAM.to_string()),
            ..self
        }
    }

    fn of(instrument: InstrumentName, model: String, seed: u32, input: InputSection) -> Self {
        Self {
            schema: schema::EXPERIMENT,
            program: None,
            instrument,
            model,
            seed,
            input,
            run: None,
            corruption: None,
            trace: None,
            intervention: None,
            lam: None,
            gradient: None,
            integrated_gradients: None,
            occlusion: None,
            rise: None,
            receptive_field: None,
            window_attention: None,
            faithfulness: None,
            import: None,
        }
    }

    /// The first section that is there.
    fn any_section(&self) -> Option<&'static str> {
        [
            ("run", self.run.is_some()),
            ("corruption", self.corruption.is_some()),
            ("trace", self.trace.is_some()),
            ("intervention", self.intervention.is_some()),
            ("lam", self.lam.is_some()),
            ("gradient", self.gradient.is_some()),
            ("integrated-gradients", self.integrated_gradients.is_some()),
            ("occlusion", self.occlusion.is_some()),
            ("rise", self.rise.is_some()),
            ("receptive-field", self.receptive_field.is_some()),
            ("window-attention", self.window_attention.is_some()),
            ("faithfulness", self.faithfulness.is_some()),
            ("import", self.import.is_some()),
        ]
        .into_iter()
        .find_map(|(name, there)| there.then_some(name))
    }

    /// Takes the settings of the instrument out of their sections.
    fn take_method(&mut self) -> Method {
        use ImageMethod as M;
        let image = match self.instrument {
            InstrumentName::Run => {
                return Method::Language(InstrumentSettings::Run {
                    run: self.run.take().unwrap_or_default(),
                });
            }
            InstrumentName::Import => {
                return Method::Language(InstrumentSettings::Import {
                    import: self.import.take().unwrap_or_default(),
                });
            }
            InstrumentName::CausalTrace => {
                return Method::Language(InstrumentSettings::CausalTrace {
                    corruption: self.corruption.take().unwrap_or_default(),
                    trace: self.trace.take().unwrap_or_default(),
                });
            }
            InstrumentName::CausalEffectMap => {
                M::CausalEffectMap(self.intervention.take().unwrap_or_default())
            }
            InstrumentName::Lam => M::Lam(self.lam.take().unwrap_or_default()),
            InstrumentName::Gradient => M::Gradient(self.gradient.take().unwrap_or_default()),
            InstrumentName::IntegratedGradients => {
                M::IntegratedGradients(self.integrated_gradients.take().unwrap_or_default())
            }
            InstrumentName::Occlusion => M::Occlusion(self.occlusion.take().unwrap_or_default()),
            InstrumentName::Rise => M::Rise(self.rise.take().unwrap_or_default()),
            InstrumentName::ReceptiveField => {
                M::ReceptiveField(self.receptive_field.take().unwrap_or_default())
            }
            InstrumentName::WindowAttention => {
                M::WindowAttention(self.window_attention.take().unwrap_or_default())
            }
            InstrumentName::Faithfulness => {
                M::Faithfulness(self.faithfulness.take().unwrap_or_default())
            }
            InstrumentName::Restore => M::Restore,
        };
        Method::Image(image)
    }
}

enum Method {
    Language(InstrumentSettings),
    Image(ImageMethod),
}

impl From<Experiment> for Document {
    fn from(experiment: Experiment) -> Self {
        let Experiment {
            model,
            seed,
            input,
            instrument,
        } = experiment;
        let words = InputSection::from;
        match instrument {
            InstrumentSettings::Run { run } => Self {
                run: Some(run),
                ..Self::of(InstrumentName::Run, model, seed, words(input))
            },
            InstrumentSettings::CausalTrace { corruption, trace } => Self {
                corruption: Some(corruption),
                trace: Some(trace),
                ..Self::of(InstrumentName::CausalTrace, model, seed, words(input))
            },
            InstrumentSettings::Import { import } => Self {
                import: Some(import),
                ..Self::of(InstrumentName::Import, model, seed, words(input))
            },
            InstrumentSettings::Image { input, method } => {
                let of = |name| Self::of(name, model, seed, input.into());
                match method {
                    ImageMethod::CausalEffectMap(settings) => Self {
                        intervention: Some(settings),
                        ..of(InstrumentName::CausalEffectMap)
                    },
                    ImageMethod::Lam(settings) => Self {
                        lam: Some(settings),
                        ..of(InstrumentName::Lam)
                    },
                    ImageMethod::Gradient(settings) => Self {
                        gradient: Some(settings),
                        ..of(InstrumentName::Gradient)
                    },
                    ImageMethod::IntegratedGradients(settings) => Self {
                        integrated_gradients: Some(settings),
                        ..of(InstrumentName::IntegratedGradients)
                    },
                    ImageMethod::Occlusion(settings) => Self {
                        occlusion: Some(settings),
                        ..of(InstrumentName::Occlusion)
                    },
                    ImageMethod::Rise(settings) => Self {
                        rise: Some(settings),
                        ..of(InstrumentName::Rise)
                    },
                    ImageMethod::ReceptiveField(settings) => Self {
                        receptive_field: Some(settings),
                        ..of(InstrumentName::ReceptiveField)
                    },
                    ImageMethod::WindowAttention(settings) => Self {
                        window_attention: Some(settings),
                        ..of(InstrumentName::WindowAttention)
                    },
                    ImageMethod::Faithfulness(settings) => Self {
                        faithfulness: Some(settings),
                        ..of(InstrumentName::Faithfulness)
                    },
                    ImageMethod::Restore => of(InstrumentName::Restore),
                }
            }
        }
    }
}

impl TryFrom<Document> for Experiment {
    type Error = ExperimentError;

    fn try_from(mut document: Document) -> Result<Self, Self::Error> {
        let method = document.take_method();
        let name = match &method {
            Method::Language(settings) => settings.name(),
            Method::Image(method) => method.name(),
        };
        if let Some(section) = document.any_section() {
            return Err(ExperimentError::invalid(format!(
                "The section [{section}] does not belong to the instrument \"{name}\"; remove it or change the \
                 instrument."
            )));
        }
        let (words, image) = document.input.split();
        let (input, instrument) = match method {
            Method::Language(settings) if image == Default::default() => (words, settings),
            Method::Image(method) if words == Input::default() => (
                Input::default(),
                InstrumentSettings::Image {
                    input: image,
                    method,
                },
            ),
            _ => {
                return Err(ExperimentError::invalid(format!(
                    "The section [input] holds keys that do not belong to the instrument \"{name}\"; it is about {}.",
                    if matches!(method, Method::Image(_)) {
                        "an image, not a prompt"
                    } else {
                        "a prompt, not an image"
                    }
                )));
            }
        };
        Ok(Experiment {
            model: document.model,
            seed: document.seed,
            input,
            instrument,
        })
    }
}
