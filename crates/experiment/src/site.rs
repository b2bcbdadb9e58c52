//! Named places in a forward pass, spelled as researchers already type them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ExperimentError;

/// What is found at a site. Shapes use B batch, T position, D model width, H query heads, G key-value heads,
/// d head width, F inner width of the MLP, V vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Token embedding before positions are added, `[B, T, D]`.
    Embed,
    /// Learned position embedding, `[B, T, D]`.
    PosEmbed,
    /// Cosines of the rotary table, `[B, T, rotary/2]`.
    RotaryCos,
    /// Sines of the rotary table, `[B, T, rotary/2]`.
    RotarySin,
    /// Residual stream entering the block (the input of its first norm), `[B, T, D]`.
    ResidPre,
    /// The divisor of the first norm, `[B, T, 1]`.
    Ln1Scale,
    /// Output of the first norm, `[B, T, D]`.
    Ln1Normalized,
    /// Queries before rotation, `[B, T, H, d]`.
    Q,
    /// Keys before rotation, `[B, T, G, d]`.
    K,
    /// Values, `[B, T, G, d]`.
    V,
    /// Queries after query norm and rotation, `[B, T, H, d]`.
    RotQ,
    /// Keys after key norm and rotation, `[B, T, G, d]`.
    RotK,
    /// Rotated keys repeated for each query head, `[B, T, H, d]`.
    KExpanded,
    /// Values repeated for each query head, `[B, T, H, d]`.
    VExpanded,
    /// Scores before the mask, after scale and soft cap, `[B, H, Tq, Tk]`.
    AttnScoresUnmasked,
    /// Scores after the mask (masked entries are -inf), `[B, H, Tq, Tk]`.
    AttnScores,
    /// Softmax of the scores, `[B, H, Tq, Tk]`.
    Pattern,
    /// Weighted values per head before the output projection, `[B, T, H, d]`.
    Z,
    /// Output of each head after its slice of the output projection, without bias, `[B, T, H, D]`.
    AttnResult,
    /// What attention adds to the residual stream, after its post norm where there is one, `[B, T, D]`.
    AttnOut,
    /// The divisor of the norm behind attention (Gemma), `[B, T, 1]`.
    Ln1PostScale,
    /// Residual stream between attention and MLP, `[B, T, D]`; absent in parallel blocks.
    ResidMid,
    /// The divisor of the second norm, `[B, T, 1]`.
    Ln2Scale,
    /// Output of the second norm, `[B, T, D]`.
    Ln2Normalized,
    /// MLP before its non-linearity (the gate's input in gated MLPs), `[B, T, F]`.
    MlpPre,
    /// The linear branch of a gated MLP, `[B, T, F]`.
    MlpPreLinear,
    /// Neurons: the input of the down projection, `[B, T, F]`.
    MlpPost,
    /// What the MLP adds to the residual stream, after its post norm where there is one, `[B, T, D]`.
    MlpOut,
    /// The divisor of the norm behind the MLP (Gemma), `[B, T, 1]`.
    Ln2PostScale,
    /// Residual stream leaving the block, `[B, T, D]`.
    ResidPost,
    /// The divisor of the final norm, `[B, T, 1]`.
    FinalScale,
    /// Output of the final norm, `[B, T, D]`.
    FinalNormalized,
    /// Logits over the vocabulary, `[B, T, V]`.
    Logits,
}

/// Every part: (part, lives in a block, our spelling without `blocks.N.`, other spellings).
///
/// The first spelling is the one TransformerLens made common; the others are its canonical bridge names and ours
/// without `hook_`.
type Spelling = (Part, bool, &'static str, &'static [&'static str]);

const SPELLINGS: &[Spelling] = &[
    (
        Part::Embed,
        false,
        "hook_embed",
        &["embed", "embed.hook_out"],
    ),
    (
        Part::PosEmbed,
        false,
        "hook_pos_embed",
        &["pos_embed", "pos_embed.hook_out"],
    ),
    (Part::RotaryCos, false, "rotary.hook_cos", &["rotary.cos"]),
    (Part::RotarySin, false, "rotary.hook_sin", &["rotary.sin"]),
    (
        Part::ResidPre,
        true,
        "hook_resid_pre",
        &["resid_pre", "hook_in"],
    ),
    (Part::Ln1Scale, true, "ln1.hook_scale", &["ln1.scale"]),
    (
        Part::Ln1Normalized,
        true,
        "ln1.hook_normalized",
        &["ln1.normalized", "ln1.hook_out"],
    ),
    (Part::Q, true, "attn.hook_q", &["attn.q", "attn.q.hook_out"]),
    (Part::K, true, "attn.hook_k", &["attn.k", "attn.k.hook_out"]),
    (Part::V, true, "attn.hook_v", &["attn.v", "attn.v.hook_out"]),
    (Part::RotQ, true, "attn.hook_rot_q", &["attn.rot_q"]),
    (Part::RotK, true, "attn.hook_rot_k", &["attn.rot_k"]),
    (
        Part::KExpanded,
        true,
        "attn.hook_k_expanded",
        &["attn.k_expanded"],
    ),
    (
        Part::VExpanded,
        true,
        "attn.hook_v_expanded",
        &["attn.v_expanded"],
    ),
    (
        Part::AttnScoresUnmasked,
        true,
        "attn.hook_attn_scores_unmasked",
        &["attn.attn_scores_unmasked", "attn.scores_unmasked"],
    ),
    (
        Part::AttnScores,
        true,
        "attn.hook_attn_scores",
        &["attn.attn_scores", "attn.scores"],
    ),
    (Part::Pattern, true, "attn.hook_pattern", &["attn.pattern"]),
    (Part::Z, true, "attn.hook_z", &["attn.z", "attn.o.hook_in"]),
    (Part::AttnResult, true, "attn.hook_result", &["attn.result"]),
    (
        Part::AttnOut,
        true,
        "hook_attn_out",
        &["attn_out", "attn.hook_out"],
    ),
    (
        Part::Ln1PostScale,
        true,
        "ln1_post.hook_scale",
        &["ln1_post.scale"],
    ),
    (Part::ResidMid, true, "hook_resid_mid", &["resid_mid"]),
    (Part::Ln2Scale, true, "ln2.hook_scale", &["ln2.scale"]),
    (
        Part::Ln2Normalized,
        true,
        "ln2.hook_normalized",
        &["ln2.normalized", "ln2.hook_out"],
    ),
    (
        Part::MlpPre,
        true,
        "mlp.hook_pre",
        &["mlp.pre", "mlp.in.hook_out", "mlp.gate.hook_out"],
    ),
    (
        Part::MlpPreLinear,
        true,
        "mlp.hook_pre_linear",
        &["mlp.pre_linear"],
    ),
    (
        Part::MlpPost,
        true,
        "mlp.hook_post",
        &["mlp.post", "mlp.out.hook_in"],
    ),
    (
        Part::MlpOut,
        true,
        "hook_mlp_out",
        &["mlp_out", "mlp.hook_out"],
    ),
    (
        Part::Ln2PostScale,
        true,
        "ln2_post.hook_scale",
        &["ln2_post.scale"],
    ),
    (
        Part::ResidPost,
        true,
        "hook_resid_post",
        &["resid_post", "hook_out"],
    ),
    (
        Part::FinalScale,
        false,
        "ln_final.hook_scale",
        &["ln_final.scale"],
    ),
    (
        Part::FinalNormalized,
        false,
        "ln_final.hook_normalized",
        &["ln_final.normalized", "ln_final.hook_out"],
    ),
    (
        Part::Logits,
        false,
        "logits",
        &["hook_logits", "unembed.hook_out"],
    ),
];

impl Part {
    /// Every part, in the order of the forward pass.
    pub fn all() -> impl Iterator<Item = Part> {
        SPELLINGS.iter().map(|s| s.0)
    }

    /// Whether the part belongs to a block (and its site carries a layer).
    pub fn in_block(self) -> bool {
        self.spelling().1
    }

    fn spelling(self) -> &'static Spelling {
        SPELLINGS
            .iter()
            .find(|s| s.0 == self)
            .unwrap_or(&SPELLINGS[0])
    }
}

/// A named place in a forward pass, such as `blocks.3.attn.hook_pattern`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The block, 0-based; `None` for the sites outside the blocks.
    pub layer: Option<usize>,
    pub part: Part,
}

impl Site {
    /// A site inside block `layer`.
    pub fn block(layer: usize, part: Part) -> Self {
        Self {
            layer: Some(layer),
            part,
        }
    }

    /// A site outside the blocks: embeddings, final norm, logits.
    pub fn outside(part: Part) -> Self {
        Self { layer: None, part }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.part.spelling().2;
        match self.layer {
            Some(layer) => write!(f, "blocks.{layer}.{name}"),
            None => f.write_str(name),
        }
    }
}

impl FromStr for Site {
    type Err = ExperimentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pattern: SitePattern = text.parse()?;
        match pattern.layer {
            LayerPattern::One(layer) => Ok(Site::block(layer, pattern.part)),
            LayerPattern::None => Ok(Site::outside(pattern.part)),
            LayerPattern::Every => Err(ExperimentError::UnknownSite { name: text.into() }),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LayerPattern {
    None,
    One(usize),
    Every,
}

/// A site, or the same site of every block: `blocks.*.attn.hook_pattern`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SitePattern {
    layer: LayerPattern,
    pub part: Part,
}

impl SitePattern {
    /// Whether `site` is one of those meant.
    pub fn matches(&self, site: Site) -> bool {
        self.part == site.part
            && match self.layer {
                LayerPattern::None => site.layer.is_none(),
                LayerPattern::One(layer) => site.layer == Some(layer),
                LayerPattern::Every => site.layer.is_some(),
            }
    }

    /// The sites meant, in a model with `layers` blocks; empty if the layer named is beyond them.
    pub fn sites(&self, layers: usize) -> Vec<Site> {
        match self.layer {
            LayerPattern::None => vec![Site::outside(self.part)],
            LayerPattern::One(layer) if layer < layers => vec![Site::block(layer, self.part)],
            LayerPattern::One(_) => Vec::new(),
            LayerPattern::Every => (0..layers).map(|l| Site::block(l, self.part)).collect(),
        }
    }
}

impl From<Site> for SitePattern {
    fn from(site: Site) -> Self {
        Self {
            layer: site.layer.map_or(LayerPattern::None, LayerPattern::One),
            part: site.part,
        }
    }
}

impl fmt::Display for SitePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.part.spelling().2;
        match self.layer {
            LayerPattern::None => f.write_str(name),
            LayerPattern::One(layer) => write!(f, "blocks.{layer}.{name}"),
            LayerPattern::Every => write!(f, "blocks.*.{name}"),
        }
    }
}

impl FromStr for SitePattern {
    type Err = ExperimentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || ExperimentError::UnknownSite { name: text.into() };
        let text = text.trim();
        let (layer, name) = match text.strip_prefix("blocks.") {
            Some(rest) => {
                let (layer, name) = rest.split_once('.').ok_or_else(unknown)?;
                let layer = match layer {
                    "*" => LayerPattern::Every,
                    n => LayerPattern::One(n.parse().map_err(|_| unknown())?),
                };
                (layer, name)
            }
            None => (LayerPattern::None, text),
        };
        let in_block = layer != LayerPattern::None;
        SPELLINGS
            .iter()
            .find(|(_, block, first, others)| {
                *block == in_block && (*first == name || others.contains(&name))
            })
            .map(|(part, ..)| SitePattern { layer, part: *part })
            .ok_or_else(unknown)
    }
}

macro_rules! serde_as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

serde_as_text!(Site);
serde_as_text!(SitePattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_every_part_parses_and_prints_the_first() {
        for (part, in_block, first, others) in SPELLINGS {
            for name in std::iter::once(first).chain(*others) {
                let text = if *in_block {
                    format!("blocks.7.{name}")
                } else {
                    (*name).to_string()
                };
                let site: Site = text.parse().expect("every listed spelling parses");
                assert_eq!(site.part, *part, "{text}");
                assert_eq!(site.layer, in_block.then_some(7));
                assert!(site.to_string().ends_with(first));
                assert_eq!(
                    site.to_string()
                        .parse::<Site>()
                        .expect("printed names parse"),
                    site
                );
            }
        }
    }

    #[test]
    fn no_two_parts_share_a_spelling() {
        let mut seen = std::collections::HashSet::new();
        for (_, in_block, first, others) in SPELLINGS {
            for name in std::iter::once(first).chain(*others) {
                assert!(seen.insert((in_block, name)), "{name} is listed twice");
            }
        }
    }

    #[test]
    fn a_star_means_every_block() {
        let pattern: SitePattern = "blocks.*.attn.pattern".parse().expect("parses");
        assert_eq!(pattern.sites(3).len(), 3);
        assert!(pattern.matches(Site::block(2, Part::Pattern)));
        assert!(!pattern.matches(Site::block(2, Part::Z)));
        assert!("blocks.*.attn.pattern".parse::<Site>().is_err());
    }

    #[test]
    fn unknown_names_are_refused_with_the_name() {
        for name in [
            "",
            "blocks.",
            "blocks.x.attn.hook_q",
            "blocks.-1.attn.hook_q",
            "hook_q",
            "blocks.0.hook_embed",
        ] {
            let message = name.parse::<Site>().expect_err(name).to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
