//! Pixels to paper.
//!
//! A [`Description`] says what a figure shows and how; a [`Figure`] is made from it and the results, and can be written
//! as SVG and PDF with text as text, as PNG, as PGFPlots, and as tables of its numbers. SVG, PDF and PNG carry their
//! [`Origin`]: the experiment, the view, and a digest of the numbers. [`read_origin`] finds it again in any file.
//!
//! This room knows outcomes and the paint room's colours. It must never know candle or egui.

mod colour_bar;
mod crop;
pub mod description;
mod draw_attention;
mod draw_image;
mod draw_scores;
mod draw_trace;
mod draw_window_attention;
pub mod drawing;
pub mod error;
mod fallback;
pub mod figure;
mod fonts;
pub mod format;
mod hatch;
mod layout;
pub mod length;
pub mod looked;
mod numbers;
pub mod origin;
mod pdf;
mod pen;
mod pgfplots;
mod picture;
mod picture_numbers;
mod plot_bars;
mod plot_grid;
mod plot_lines;
mod plot_over;
mod plot_tiles;
mod png_text;
mod raster;
mod runs;
pub mod save;
mod scene;
mod svg;
mod svg_fonts;
mod tables;
mod token_text;
mod typeset;
pub mod view;

pub use description::{Description, Panel, Part, Selected};
pub use drawing::{Content, Drawing};
pub use error::FigureError;
pub use figure::{Figure, Source};
pub use format::Format;
pub use length::Length;
pub use looked::{Looked, MapLooked};
pub use origin::{Origin, OriginSource, may_hold_origin, open_origin, read_origin};
pub use save::save;
pub use view::{View, default_views, views_of};
