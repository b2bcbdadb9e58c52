//! Numbers to pixels.
//!
//! A [`MapArray`] holds the values of one map or of an atlas of maps, a [`View`] says which part of it lies where on
//! the screen, and a [`MapStyle`] how a value becomes a colour. [`HeatmapPainter`] draws them with wgpu through the
//! shaders in `shaders/`; [`cpu::draw`] is its twin and gives the same pixels without a GPU.
//!
//! This room knows fields and wgpu. It must never know candle, egui or any widget.

pub mod array;
pub mod axis;
pub mod cell_text;
pub mod colour_map;
pub mod cpu;
pub mod error;
pub mod from_field;
pub mod gpu_map;
pub mod gpu_view;
pub mod head_painter;
pub mod looks;
pub mod offscreen;
pub mod outline;
pub mod painter;
pub mod pyramid;
pub mod shader_source;
pub mod style;
pub mod theme;
pub mod view;

pub use array::{Cell, MapArray, MapShape, ValueRange, flag};
pub use cell_text::{cell_number, readable_on};
pub use colour_map::ColourMap;
pub use cpu::Image;
pub use error::PaintError;
pub use gpu_map::GpuMap;
pub use gpu_view::GpuView;
pub use head_painter::{GpuHead, HeadPainter, HeadPart};
pub use outline::{Edge, edges_of};
pub use painter::HeatmapPainter;
pub use pyramid::Pyramid;
pub use style::{MapStyle, Reduction, colour_of, gradient_strip};
pub use theme::{Colour, Theme};
pub use view::{PixelRect, View};
