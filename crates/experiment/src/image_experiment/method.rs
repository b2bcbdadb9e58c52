use super::{
    GradientSettings, IntegratedGradientsSettings, InterventionSettings, LamSettings,
    OcclusionSettings, ReceptiveFieldSettings, RiseSettings,
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
            ImageMethod::Restore => "restore",
        }
    }

    /// Whether it asks about a region of the output.
    pub fn needs_region(&self) -> bool {
        !matches!(self, ImageMethod::Restore)
    }

    /// Whether it compares the output with the truth.
    pub fn needs_truth(&self) -> bool {
        matches!(self, ImageMethod::CausalEffectMap(_))
    }
}
