//! Restoration networks as data: pictures in, pictures out.
//!
//! A [`Network`] is a list of operations in the order in which they are computed. What a network computes
//! ([`forward`]), which input pixels an output can depend on ([`reach`]) and how little has to be computed again after
//! a change ([`lens`]) are functions over that list, so that none of them has to be written per architecture.
//!
//! Values are f32 tensors with channels last, `[N, H, W, C]`; pictures are RGB or grey in 0..=1.

mod assembly;
mod axis;
mod build;
mod cost;
pub mod demo;
pub mod detect;
mod evaluate;
mod extent;
mod family;
pub mod forward;
pub mod image_model;
pub mod lens;
pub mod node;
pub mod reach;
pub mod rect;
pub mod region;
pub mod side_by_side;
#[cfg(test)]
mod testing;

pub use build::Builder;
pub use extent::Extent;
pub use forward::{NoNodeProbe, NodeProbe, Paused, forward, forward_behind, living_behind};
pub use image_model::{
    ImageModel, NetworkCard, is_network, network_file, network_tensors, open_network,
};
pub use lens::{Held, Lens};
pub use node::{ConvolutionWeights, Network, Node, NodeId, Nonlinearity, Operation, Window};
pub use reach::{Mask, Reach};
pub use rect::Rect;
pub use region::{RegionCost, forward_region, region_cost};
pub use side_by_side::{Patched, places_at_once};
