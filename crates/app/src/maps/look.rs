//! What a map takes from the theme.

use egui::{Color32, FontFamily, FontId, Id, Response};
use whyfinder_paint::{ColourMap, MapStyle, Theme};

use super::heatmap_view::GridFrame;
use super::painted_map::GpuMaps;

/// The graphics card that maps are painted on; cheap to clone, made once per window.
#[derive(Clone)]
pub struct MapGpu {
    pub(crate) maps: GpuMaps,
}

impl MapGpu {
    /// `None` where the card cannot paint maps: then the processor does, in the same colours.
    pub fn new(state: &egui_wgpu::RenderState) -> Option<Self> {
        let maps = GpuMaps::new(state);
        maps.can_paint().then_some(Self { maps })
    }
}

impl std::fmt::Debug for MapGpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MapGpu").finish_non_exhaustive()
    }
}

/// Colours and fonts of the theme, and where maps are painted.
///
/// Colours are opaque sRGB.
#[derive(Clone, Debug)]
pub struct MapLook {
    pub theme: Theme,
    /// Behind views.
    pub background: Color32,
    /// Bars and side panels.
    pub panel: Color32,
    /// Chips, fields, tracks of bars.
    pub raised: Color32,
    /// Separators, one pixel wide.
    pub line: Color32,
    pub text: Color32,
    pub muted: Color32,
    /// For decoration only: too pale to carry meaning.
    pub faint: Color32,
    /// The subject and the primary action.
    pub accent: Color32,
    /// The one selected cell, edge or token.
    pub selection: Color32,
    pub helps: Color32,
    pub harms: Color32,
    /// The outline of a region that is asked about.
    pub region: Color32,
    /// Words.
    pub text_font: FontId,
    /// Short headings over a map.
    pub heading_font: FontId,
    /// Tokens, numbers and sites.
    pub mono_font: FontId,
    /// Axis labels and numbers inside cells.
    pub small_font: FontId,
    /// `None` paints with the processor into a texture, in the same colours.
    pub gpu: Option<MapGpu>,
}

impl MapLook {
    /// The dark palette with egui's two font families.
    pub fn dark() -> Self {
        Self {
            theme: Theme::Dark,
            background: Color32::from_rgb(0x12, 0x14, 0x17),
            panel: Color32::from_rgb(0x19, 0x1c, 0x21),
            raised: Color32::from_rgb(0x21, 0x25, 0x2c),
            line: Color32::from_rgb(0x2b, 0x30, 0x38),
            text: Color32::from_rgb(0xe8, 0xea, 0xed),
            muted: Color32::from_rgb(0x98, 0xa1, 0xad),
            faint: Color32::from_rgb(0x63, 0x6c, 0x78),
            accent: Color32::from_rgb(0xf2, 0xb3, 0x5c),
            selection: Color32::from_rgb(0x7c, 0xc4, 0xff),
            helps: Color32::from_rgb(0xe5, 0x60, 0x4d),
            harms: Color32::from_rgb(0x5a, 0xa2, 0xff),
            region: Color32::from_rgb(0x6f, 0xf2, 0x86),
            text_font: FontId::new(13.0, FontFamily::Proportional),
            heading_font: FontId::new(12.5, FontFamily::Proportional),
            mono_font: FontId::new(11.5, FontFamily::Monospace),
            small_font: FontId::new(10.5, FontFamily::Monospace),
            gpu: None,
        }
    }

    /// The light palette with egui's two font families.
    pub fn light() -> Self {
        Self {
            theme: Theme::Light,
            background: Color32::from_rgb(0xf4, 0xf5, 0xf7),
            panel: Color32::from_rgb(0xff, 0xff, 0xff),
            raised: Color32::from_rgb(0xf0, 0xf2, 0xf5),
            line: Color32::from_rgb(0xdf, 0xe3, 0xe8),
            text: Color32::from_rgb(0x1b, 0x1f, 0x24),
            muted: Color32::from_rgb(0x5b, 0x65, 0x70),
            faint: Color32::from_rgb(0x8b, 0x95, 0xa1),
            accent: Color32::from_rgb(0xb8, 0x6e, 0x00),
            selection: Color32::from_rgb(0x0a, 0x66, 0xc2),
            helps: Color32::from_rgb(0xb2, 0x18, 0x2b),
            harms: Color32::from_rgb(0x21, 0x66, 0xac),
            region: Color32::from_rgb(0x4c, 0xe0, 0x6c),
            ..Self::dark()
        }
    }

    /// Colours from `low` to `high` that start at the ground of the theme.
    ///
    /// Purples, greens and reds come in a dark and a light form; the published maps run from dark to light, so on the
    /// light theme they are turned round.
    pub fn sequential(&self, map: ColourMap, low: f32, high: f32) -> MapStyle {
        let published = matches!(
            map,
            ColourMap::Viridis | ColourMap::Magma | ColourMap::Cividis
        );
        MapStyle {
            flip: published && self.theme == Theme::Light,
            ..MapStyle::sequential(map, self.theme, low, high)
        }
    }

    /// The same look, painted on the graphics card.
    pub fn with_gpu(mut self, gpu: Option<MapGpu>) -> Self {
        self.gpu = gpu;
        self
    }
}

/// Names a map's data on the graphics card: upload happens when `version` changes, and only then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DataKey {
    /// Which map: stable over frames, different for maps shown together.
    pub id: Id,
    /// Changes whenever the values do.
    pub version: u64,
}

impl DataKey {
    pub fn new(id: impl std::hash::Hash + std::fmt::Debug, version: u64) -> Self {
        Self {
            id: Id::unique(id),
            version,
        }
    }
}

/// A cell of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    pub row: usize,
    pub col: usize,
}

impl Cell {
    pub fn new(row: usize, col: usize) -> Self {
        Self { row, col }
    }
}

/// What other views point at or have selected, echoed in this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linked {
    /// Token pointed at elsewhere.
    pub token: Option<usize>,
    /// Layer pointed at elsewhere.
    pub layer: Option<usize>,
}

/// What a person did on a map.
#[derive(Clone, Debug)]
pub struct MapResponse {
    pub response: Response,
    /// Where the cells lie.
    pub grid: GridFrame,
    /// The cell under the pointer.
    pub hovered: Option<Cell>,
    /// The cell clicked or reached with the keys in this frame: the caller's next selection.
    pub picked: Option<Cell>,
}
