//! Zoom, range and choices of the maps, kept by the window between frames.

use egui::Rect;

use super::images::EffectViews;
use super::selection::Selection;
use crate::maps::attention_atlas::AtlasState;
use crate::maps::field_grid::FieldGridState;
use crate::maps::head_view::HeadState;
use crate::maps::look::Linked;
use crate::maps::tile_shelf::TileShelf;
use crate::maps::token_lines::TokenLinesState;
use crate::maps::trace_grid::{TraceCell, TraceState};
use crate::maps::{Cell, ColourRange, EffectRange, HeatmapView};

#[derive(Debug, Default)]
pub(crate) struct MapStates {
    pub(crate) atlas: AtlasState,
    pub(crate) head: HeadState,
    /// Parts of long patterns that have been looked at.
    pub(crate) tiles: TileShelf,
    pub(crate) lines: TokenLinesState,
    pub(crate) trace: TraceState,
    /// Effects of another program.
    pub(crate) field: FieldGridState,
    /// Linked over all pictures and their maps.
    pub(crate) pictures: EffectViews,
    /// Of two runs that are compared.
    pub(crate) compared: ComparedViews,
    /// The map used last, which is the one that is copied.
    pub(crate) last: LastMap,
    /// What is pointed at, and on which map (`None`: among the tokens of the prompt).
    pub(crate) pointed: Option<(Option<LastMap>, Linked)>,
    /// Where each panel's map was drawn, for pictures of it.
    pub(crate) places: [Option<Rect>; 7],
}

/// Zoom, range and selected cells of two runs that are compared; linked, so that one place stands in both.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ComparedViews {
    pub(crate) trace: TraceState,
    pub(crate) cell: Option<TraceCell>,
    pub(crate) view: HeatmapView,
    pub(crate) block: Option<Cell>,
    /// Of the differences of two traces: which grid, and where.
    pub(crate) difference: Option<(usize, Cell)>,
    pub(crate) range: EffectRange,
    pub(crate) difference_range: EffectRange,
    /// Of each run, where their numbers are of unlike kinds and have no range in common.
    pub(crate) own_traces: [ColourRange; 2],
    pub(crate) own_maps: [EffectRange; 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LastMap {
    Atlas,
    Head,
    #[default]
    Trace,
    Lines,
    Effects,
    Output,
    Field,
}

impl LastMap {
    pub(crate) fn title(self) -> &'static str {
        match self {
            LastMap::Atlas => "attention atlas",
            LastMap::Head => "head",
            LastMap::Trace => "causal trace",
            LastMap::Lines => "token lines",
            LastMap::Effects => "effect map",
            LastMap::Output => "output",
            LastMap::Field => "map",
        }
    }
}

impl MapStates {
    /// Shows every map whole again.
    pub(crate) fn fit_all(&mut self) {
        self.atlas.view.fit();
        self.head.view.fit();
        self.trace.view.fit();
        self.field.view.fit();
        self.lines.view.fit();
    }

    pub(crate) fn place(&mut self, map: LastMap, rect: Rect) {
        self.places[map as usize] = Some(rect);
    }

    /// Notes what is pointed at on `map`, so that the other views can show the same place.
    pub(crate) fn point(&mut self, map: Option<LastMap>, at: Option<Linked>) {
        match (at, self.pointed) {
            (Some(at), _) => self.pointed = Some((map, at)),
            (None, Some((from, _))) if from == map => self.pointed = None,
            (None, _) => {}
        }
    }

    /// What `map` echoes: the place pointed at elsewhere, or else the selected one.
    pub(crate) fn linked(&self, map: Option<LastMap>, selection: &Selection) -> Linked {
        match self.pointed {
            Some((from, at)) if from != map => at,
            _ => Linked {
                token: selection.token,
                layer: selection.layer,
            },
        }
    }
}
