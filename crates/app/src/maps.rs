//! Maps drawn on screen: widgets over plain data, without knowledge of the worker.
//!
//! Each widget fills the room its `Ui` has left, takes its data, a [`MapLook`] and a small state that the caller keeps
//! (zoom, range), and returns what was pointed at and what was picked. Selection goes in and out as plain indices, so
//! that one selection serves every view.

pub(crate) mod accessible;
pub mod attention_atlas;
pub mod axis_labels;
pub(crate) mod cell_ink;
pub mod colour_bar;
pub mod counts_pie;
pub mod curves_plot;
pub mod distribution_bars;
pub mod effect_bar;
pub mod effect_map;
pub mod estimate_scatter;
pub mod field_grid;
pub(crate) mod grid_input;
pub mod head_view;
pub mod heatmap_view;
pub mod histogram;
pub mod look;
pub(crate) mod painted_map;
pub mod picture_frame;
pub mod picture_strip;
pub mod picture_view;
pub mod raster;
pub mod raster_paint;
pub mod reach_contour;
pub(crate) mod readout;
pub(crate) mod recorded_atlas;
pub mod region;
pub mod region_box;
pub mod sample_strip;
pub(crate) mod signed_grid;
pub mod swipe;
pub mod tile_shelf;
pub(crate) mod tiled_head;
pub mod token_lines;
pub(crate) mod token_strokes;
pub mod token_text;
pub(crate) mod trace_cells;
pub mod trace_grid;
pub mod weights;

pub use attention_atlas::{
    AtlasData, AtlasResponse, AtlasState, Head, StrongestPair, atlas_switches, attention_atlas,
    strongest_pair,
};
pub use axis_labels::AxisText;
pub use colour_bar::{ColourBar, ColourBarResponse, ColourRange, Mark, colour_bar};
pub use counts_pie::{Share, counts_pie};
pub use curves_plot::{Curve, CurvesPlot, curves_plot};
pub use distribution_bars::{BarsResponse, TokenBars, distribution_bars};
pub use effect_bar::{EffectBar, EffectBarResponse, EffectRange, effect_bar};
pub use effect_map::{EffectMap, EffectResponse, EffectScale, effect_map};
pub use estimate_scatter::{EstimateScatter, estimate_scatter};
pub use field_grid::{FieldGrid, FieldGridResponse, FieldGridState, field_grid};
pub use head_view::{HeadData, HeadState, head_view};
pub use heatmap_view::{GridFrame, HeatmapView};
pub use histogram::{Histogram, histogram};
pub use look::{Cell, DataKey, Linked, MapGpu, MapLook, MapResponse};
pub use picture_frame::PictureFrame;
pub use picture_strip::{SmallPicture, SmallWeights, picture_strip, weights_strip};
pub use picture_view::{
    Named, PictureResponse, PictureState, PictureView, picture_thumbnail, picture_view,
};
pub use raster::Raster;
pub use raster_paint::{Treatment, paint_raster};
pub use region::{Region, Sides};
pub use region_box::{RegionResponse, region_box, region_outline};
pub use sample_strip::{SampleStrip, sample_strip};
pub use tile_shelf::TileShelf;
pub use token_lines::{TokenLinesResponse, TokenLinesState, TokenSide, token_lines};
pub use token_text::{read_number, short_number, signed_number, visible_token, with_error};
pub use trace_grid::{
    TraceCell, TraceGrid, TraceKind, TracePanel, TraceResponse, TraceState, trace_grid,
};
pub use weights::{AtlasWeights, HeadWeights, RecordedHead};
