//! Pixels to paper.
//!
//! [`trace_figure`] and [`attention_figure`] turn an outcome into an SVG with text as text, and [`svg_to_png`] turns
//! that into pixels without a display or a GPU. Both carry their whole experiment in their
//! metadata.
//!
//! This room knows outcomes and the paint room's colours. It must never know candle or egui.

pub mod attention_figure;
pub mod canvas;
pub mod cell_grid;
pub mod colour_bar;
pub mod error;
pub mod fonts;
mod image_caption;
pub mod image_figure;
pub mod numbers;
mod picture;
pub mod png_text;
pub mod raster;
pub mod save;
pub mod token_text;
pub mod trace_caption;
pub mod trace_figure;

pub use attention_figure::{attention_figure, strongest_head};
pub use canvas::Svg;
pub use error::FigureError;
pub use image_figure::image_figure;
pub use raster::svg_to_png;
pub use save::save;
pub use trace_figure::trace_figure;
