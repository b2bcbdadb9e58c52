use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Engine;

/// Causal effect map (Hu et al. 2025): each block of the input is replaced by natural patches that went through the
/// task's own degradation, and the change of the region's PSNR is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InterventionSettings {
    pub bank: Bank,
    /// Side of a block, in the output's pixels; a multiple of the network's scale.
    pub block: usize,
    /// Interventions on every block.
    pub coarse: usize,
    /// Interventions on the blocks that any coarse one moved by at least `tolerance`; 0 leaves out the second stage.
    pub fine: usize,
    /// dB. Smaller effects are zero.
    pub tolerance: f64,
    pub draws: Draws,
    /// At this confidence a block of the second stage has had enough interventions once its effect is known to within
    /// `resolution` and its sign is known too; `fine` are the most. Absent: all have `fine`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// dB, either way; a difference that no longer shows as another colour.
    pub resolution: f64,
    /// Whether one gradient pass first estimates every effect, and the blocks are visited in that order.
    pub estimate: bool,
    pub engine: Engine,
    /// Quirks of the authors' program to repeat; empty for the corrected procedure.
    #[serde(deserialize_with = "quirks")]
    pub compatible: Vec<Quirk>,
    /// Whether to split each effect into its direct part and the part that global pooling carries.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mediation: bool,
    /// Row and column of the one block that is run, some of whose interventions are kept as pictures. Absent: all
    /// blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<[usize; 2]>,
}

impl InterventionSettings {
    pub fn repeats(&self, quirk: Quirk) -> bool {
        self.compatible.contains(&quirk)
    }
}

impl Default for InterventionSettings {
    fn default() -> Self {
        Self {
            bank: Bank::Builtin,
            block: 8,
            coarse: 3,
            fine: 50,
            tolerance: 0.01,
            draws: Draws::Numpy,
            confidence: None,
            resolution: 0.1,
            estimate: true,
            engine: Engine::Exact,
            compatible: Vec::new(),
            mediation: false,
            only: None,
        }
    }
}

/// Where the patches come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Bank {
    /// The generated patches that come with the program, written `builtin`.
    #[default]
    Builtin,
    /// A `.npy` file, uint8 of `[patches, side, side, 3]`, RGB.
    File(PathBuf),
}

impl From<String> for Bank {
    fn from(text: String) -> Self {
        match text.as_str() {
            "builtin" => Bank::Builtin,
            _ => Bank::File(PathBuf::from(text)),
        }
    }
}

impl From<Bank> for String {
    fn from(bank: Bank) -> Self {
        match bank {
            Bank::Builtin => "builtin".to_string(),
            Bank::File(path) => path.display().to_string(),
        }
    }
}

/// Where the draws come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Draws {
    /// One stream for the whole map, index and noise value for value those of `numpy.random.RandomState(seed)`.
    #[default]
    Numpy,
    /// A stream for each draw of each block, so that a block's draws do not depend on which other blocks are run.
    Stream,
    /// A stream for each draw, the same for all blocks (common random numbers): blocks differ by what they are, not by
    /// what they were drawn.
    Common,
}

/// Something that the authors' published program does, beside what the procedure asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// Patches are pasted with red and blue exchanged.
    BgrPatches,
    /// The region's own blocks are counted, as positive ones.
    RegionCounted,
    /// Patches are made smaller without the smoothing that the image itself went through.
    OpencvResize,
    /// The number of blocks along the width is used for both axes.
    SquareGrid,
}

impl Quirk {
    pub const ALL: [Quirk; 4] = [
        Quirk::BgrPatches,
        Quirk::RegionCounted,
        Quirk::OpencvResize,
        Quirk::SquareGrid,
    ];

    /// The name used in files and in the window.
    pub fn name(self) -> &'static str {
        match self {
            Quirk::BgrPatches => "bgr-patches",
            Quirk::RegionCounted => "region-counted",
            Quirk::OpencvResize => "opencv-resize",
            Quirk::SquareGrid => "square-grid",
        }
    }
}

/// `authors` stands for all quirks, alone or in a list.
fn quirks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Quirk>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(String),
        List(Vec<String>),
    }
    let names = match Written::deserialize(deserializer)? {
        Written::One(name) => vec![name],
        Written::List(names) => names,
    };
    if names.iter().any(|name| name == "authors") {
        return Ok(Quirk::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            let known = Quirk::ALL.into_iter().find(|q| q.name() == name);
            known.ok_or_else(|| {
                let names: Vec<_> = Quirk::ALL.iter().map(|q| q.name()).collect();
                serde::de::Error::custom(format!(
                    "there is no quirk \"{name}\"; there are {} and, for all of them, authors",
                    names.join(", ")
                ))
            })
        })
        .collect()
}
