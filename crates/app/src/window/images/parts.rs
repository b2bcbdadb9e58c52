//! What of a method's answer is drawn: most methods measure more than one map.

use super::methods::{MethodName, MethodSettings};

/// One map of a method's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapPart {
    /// The field that holds it.
    pub field: &'static str,
    /// As it stands on its chip.
    pub short: &'static str,
    /// The heading of the map.
    pub title: &'static str,
    /// What, of what, how measured.
    pub sentence: &'static str,
    /// Whether its numbers have a sign that says help or harm.
    pub signed: bool,
    pub unit: &'static str,
}

const EFFECT: MapPart = MapPart {
    field: "effect",
    short: "All",
    title: "Effect on the region",
    sentence: "PSNR lost when a block is replaced by natural patches",
    signed: true,
    unit: "dB",
};
const SPLIT: [MapPart; 4] = [
    EFFECT,
    MapPart {
        field: "effect.estimate",
        short: "Estimate",
        title: "Estimated effect",
        sentence: "what one gradient says beforehand, to first order",
        ..EFFECT
    },
    MapPart {
        field: "effect.direct",
        short: "Direct",
        title: "Direct effect",
        sentence: "with everything pooled over the picture held as it was",
        ..EFFECT
    },
    MapPart {
        field: "effect.mediated",
        short: "Mediated",
        title: "Globally mediated effect",
        sentence: "what the pooling over the whole picture adds",
        ..EFFECT
    },
];
const LAM: [MapPart; 3] = [
    MapPart {
        field: "attribution",
        short: "Pixels",
        title: "Local attribution",
        sentence: "gradient of the region along a path of less and less blur",
        signed: false,
        unit: "",
    },
    MapPart {
        field: "density",
        short: "Density",
        title: "Local attribution, density",
        sentence: "where its mass lies: a hill for each pixel, 1 at the peak",
        signed: false,
        unit: "",
    },
    MapPart {
        field: "attribution.signed",
        short: "Signed",
        title: "Local attribution, signed",
        sentence: "the sums along the path, in the detector's unit",
        signed: true,
        unit: "",
    },
];
const GRADIENT: [MapPart; 3] = [
    MapPart {
        field: "attribution",
        short: "Strength",
        title: "Gradient",
        sentence: "of the region with respect to each input pixel",
        signed: false,
        unit: "",
    },
    MapPart {
        field: "attribution.signed",
        short: "Signed",
        title: "Gradient, signed",
        sentence: "summed over the colours of each input pixel",
        signed: true,
        unit: "",
    },
    MapPart {
        field: "gradient-times-input",
        short: "× input",
        title: "Gradient times input",
        sentence: "what each pixel would give if the network were linear",
        signed: true,
        unit: "",
    },
];
const INTEGRATED: [MapPart; 2] = [
    MapPart {
        field: "attribution.signed",
        short: "Signed",
        title: "Integrated gradients",
        sentence: "along the straight path from a baseline",
        signed: true,
        unit: "",
    },
    MapPart {
        field: "attribution",
        short: "Strength",
        title: "Integrated gradients, strength",
        sentence: "without the sign, 1 at the strongest pixel",
        signed: false,
        unit: "",
    },
];
const OCCLUSION: [MapPart; 1] = [MapPart {
    field: "effect",
    short: "All",
    title: "Occlusion",
    sentence: "PSNR lost when a block is covered",
    signed: true,
    unit: "dB",
}];
const RISE: [MapPart; 1] = [MapPart {
    field: "attribution",
    short: "All",
    title: "RISE",
    sentence: "PSNR gained where random masks keep a pixel",
    signed: true,
    unit: "dB",
}];
const FIELD: [MapPart; 2] = [
    MapPart {
        field: "attribution",
        short: "Average",
        title: "Receptive field",
        sentence: "how far the region sees, averaged over inputs",
        signed: false,
        unit: "",
    },
    MapPart {
        field: "attribution.image",
        short: "This picture",
        title: "Receptive field, this picture",
        sentence: "how far the region sees in this picture",
        signed: false,
        unit: "",
    },
];

impl MethodName {
    /// The maps of its answer, the one that is shown first at the head.
    pub fn parts(self, settings: &MethodSettings) -> &'static [MapPart] {
        match self {
            MethodName::CausalEffectMap if settings.effects.mediation => &SPLIT,
            MethodName::CausalEffectMap if settings.effects.estimate => &SPLIT[..2],
            MethodName::CausalEffectMap => &SPLIT[..1],
            MethodName::Lam => &LAM,
            MethodName::Gradient => &GRADIENT,
            MethodName::IntegratedGradients => &INTEGRATED,
            MethodName::Occlusion => &OCCLUSION,
            MethodName::Rise => &RISE,
            MethodName::ReceptiveField => &FIELD,
        }
    }

    /// The map that is shown first.
    pub fn first_part(self) -> &'static MapPart {
        match self {
            MethodName::CausalEffectMap => &EFFECT,
            MethodName::Lam => &LAM[0],
            MethodName::Gradient => &GRADIENT[0],
            MethodName::IntegratedGradients => &INTEGRATED[0],
            MethodName::Occlusion => &OCCLUSION[0],
            MethodName::Rise => &RISE[0],
            MethodName::ReceptiveField => &FIELD[0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_begins_with_its_first_part_and_names_each_once() {
        let mut settings = MethodSettings::default();
        settings.effects.mediation = true;
        for method in MethodName::ALL {
            let parts = method.parts(&settings);
            assert_eq!(parts.first(), Some(method.first_part()), "{method:?}");
            let mut chips: Vec<&str> = parts.iter().map(|p| p.short).collect();
            chips.dedup();
            assert_eq!(chips.len(), parts.len(), "{method:?}");
        }
        settings.effects.mediation = false;
        assert_eq!(MethodName::CausalEffectMap.parts(&settings).len(), 2);
        settings.effects.estimate = false;
        assert_eq!(MethodName::CausalEffectMap.parts(&settings).len(), 1);
    }
}
