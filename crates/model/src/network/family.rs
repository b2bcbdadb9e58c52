//! Families of restoration networks: how each one's tensors become a network.

mod compact;
mod denoiser;
mod distillation;
mod edsr;
mod hat;
mod msrresnet;
mod pan;
mod ranges;
mod rcan;
mod rrdb;
mod swinir;
mod windowed;

use candle_core::Device;

use super::detect::Recognised;
use crate::error::Result;
use crate::state_dict::StateDict;

/// One family. A new one is a file of its own and a line in [`FAMILIES`].
#[derive(Debug)]
pub(super) struct Family {
    /// In words, such as `RCAN`.
    pub(super) name: &'static str,
    /// Whether the tensors have the names that are this family's own.
    pub(super) marks: fn(&StateDict) -> bool,
    pub(super) build: fn(&StateDict, &Device) -> Result<Recognised>,
}

/// Asked in this order.
pub(super) const FAMILIES: &[&Family] = &[
    &denoiser::FAMILY,
    &edsr::FAMILY,
    &msrresnet::FAMILY,
    &rcan::FAMILY,
    &swinir::FAMILY,
    &hat::FAMILY,
    &rrdb::FAMILY,
    &compact::FAMILY,
    &pan::FAMILY,
    &distillation::IMDN,
    &distillation::RFDN,
];

/// `16 blocks`, `1 block`.
fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
