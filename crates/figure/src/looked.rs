//! How the window showed what a figure was made from: not drawn, but brought back with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::FigureError;

/// Zoom, ranges and switches of the window's maps; what is not said is as the window has it at first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Looked {
    /// By the map's name in the window: `trace`, `atlas`, `head`, `lines`, `field`, `pictures`, `differences`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub maps: BTreeMap<String, MapLooked>,
    /// Several weights within one pixel are shown by their mean, not by the largest.
    #[serde(skip_serializing_if = "is_false")]
    pub mean: bool,
    /// Each head of the atlas has its own range of colours.
    #[serde(skip_serializing_if = "is_false")]
    pub per_head: bool,
    /// Cells of traces carry a mark as long as their standard error.
    #[serde(skip_serializing_if = "is_false")]
    pub error_marks: bool,
    /// Weights from which on lines between tokens are drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// Where the divider between two pictures stands, as a share of their width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swipe: Option<f32>,
    /// Blue helps and red harms. Panels are drawn so where they say it, too.
    #[serde(skip_serializing_if = "is_false")]
    pub flipped: bool,
    /// Maps of other networks are shown as differences from the active one's.
    #[serde(skip_serializing_if = "is_false")]
    pub differences: bool,
    /// Which of the networks is read out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<usize>,
    /// Which part of the method's answer is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<usize>,
    /// Which map of several in a file of another program is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<usize>,
    /// The pixel whose window attention stays in place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<Pixel>,
    /// Regions beside the one that is asked about: x, y, width, height.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<[usize; 4]>,
}

/// A pixel of a network's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pixel {
    /// Reference of the network.
    pub network: String,
    /// x and y.
    pub at: [usize; 2],
}

/// One map as it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MapLooked {
    /// 1 shows the whole map.
    pub zoom: f32,
    /// The part of the map to the left of what shows, and above it, of the map's width and height.
    pub origin: [f32; 2],
    /// Values of the first and the last colour, where a person has set them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<[f32; 2]>,
}

impl Default for MapLooked {
    fn default() -> Self {
        Self {
            zoom: 1.0,
            origin: [0.0; 2],
            range: None,
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// No map is zoomed further.
const MOST_ZOOM: f32 = 1e6;
/// Sides of pictures are shorter, pixels.
const MOST_PIXELS: usize = 1 << 24;
const MOST_REGIONS: usize = 64;

impl Looked {
    /// # Errors
    /// A sentence if it is no view that a window can have.
    pub(crate) fn check(&self) -> Result<(), FigureError> {
        let within = |value: f32| (0.0..=1.0).contains(&value);
        let whole = self.maps.values().all(|map| {
            let rising = |[low, high]: [f32; 2]| low.is_finite() && high.is_finite() && low < high;
            (1.0..=MOST_ZOOM).contains(&map.zoom)
                && map.origin.into_iter().all(within)
                && map.range.is_none_or(rising)
        });
        let pixels = self.pinned.iter().flat_map(|p| p.at);
        let pixels = pixels.chain(self.regions.iter().flatten().copied());
        let near = pixels.into_iter().all(|n| n < MOST_PIXELS)
            && self.regions.iter().all(|r| r[2] > 0 && r[3] > 0)
            && self.regions.len() <= MOST_REGIONS;
        let shares = [self.threshold, self.swipe];
        if whole && near && shares.into_iter().flatten().all(within) {
            return Ok(());
        }
        Err(FigureError::Asked(
            "The figure says how its maps were looked at, but not in a way that a window can show"
                .into(),
        ))
    }
}
