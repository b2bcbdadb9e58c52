use super::{
    Detector, FaithfulnessSettings, GradientSettings, IntegratedGradientsSettings,
    InterventionSettings, LamSettings, OcclusionSettings, ReceptiveFieldSettings, RiseSettings,
    WindowAttentionSettings,
};

/// How the question about an image is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageMethod {
    CausalEffectMap(InterventionSettings),
    Lam(LamSettings),
    Gradient(GradientSettings),
    IntegratedGradients(IntegratedGradientsSettings),
    Occlusion(OcclusionSettings),
    Rise(RiseSettings),
    ReceptiveField(ReceptiveFieldSettings),
    WindowAttention(WindowAttentionSettings),
    Faithfulness(FaithfulnessSettings),
    /// One pass: the output and its PSNR.
    Restore,
}

impl ImageMethod {
    /// The name used in files and in the window.
    pub fn name(&self) -> &'static str {
        match self {
            ImageMethod::CausalEffectMap(_) => "causal-effect-map",
            ImageMethod::Lam(_) => "lam",
            ImageMethod::Gradient(_) => "gradient",
            ImageMethod::IntegratedGradients(_) => "integrated-gradients",
            ImageMethod::Occlusion(_) => "occlusion",
            ImageMethod::Rise(_) => "rise",
            ImageMethod::ReceptiveField(_) => "receptive-field",
            ImageMethod::WindowAttention(_) => "window-attention",
            ImageMethod::Faithfulness(_) => "faithfulness",
            ImageMethod::Restore => "restore",
        }
    }

    /// Whether it asks about a region of the output.
    pub fn needs_region(&self) -> bool {
        match self {
            ImageMethod::Restore => false,
            ImageMethod::WindowAttention(settings) => settings.pixel.is_none(),
            _ => true,
        }
    }

    /// Whether it compares the output with the truth.
    pub fn needs_truth(&self) -> bool {
        match self {
            ImageMethod::CausalEffectMap(_)
            | ImageMethod::Occlusion(_)
            | ImageMethod::Rise(_)
            | ImageMethod::Faithfulness(_) => true,
            ImageMethod::Lam(LamSettings { detector, .. })
            | ImageMethod::Gradient(GradientSettings { detector, .. })
            | ImageMethod::IntegratedGradients(IntegratedGradientsSettings { detector, .. }) => {
                *detector == Detector::Psnr
            }
            ImageMethod::ReceptiveField(_)
            | ImageMethod::WindowAttention(_)
            | ImageMethod::Restore => false,
        }
    }
}
