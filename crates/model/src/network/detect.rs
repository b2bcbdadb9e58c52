//! Which network a weights file holds, told from the names and shapes of its tensors.

use candle_core::Device;

use super::family::FAMILIES;
use super::node::Network;
use crate::error::{ModelError, Result};
use crate::state_dict::StateDict;

/// A network that was recognised.
#[derive(Clone, Debug)]
pub struct Recognised {
    /// Family in words, such as `SwinIR`.
    pub family: &'static str,
    /// Sizes in words, such as `16 blocks of 64 channels`.
    pub details: String,
    pub network: Network,
}

/// Builds the network of these weights on a device.
///
/// # Errors
/// If the network is not known, a tensor is missing or not a number, or shapes do not fit each other.
pub fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    match FAMILIES.iter().find(|family| (family.marks)(state)) {
        Some(family) => (family.build)(state, device),
        None => Err(unknown(state)),
    }
}

fn unknown(state: &StateDict) -> ModelError {
    let names: Vec<String> = state
        .names()
        .take(3)
        .map(|name| format!("\"{name}\""))
        .collect();
    let more = if state.len() > names.len() {
        " ..."
    } else {
        ""
    };
    let known: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
    ModelError::file(
        state.path(),
        format!(
            "The tensors {}{more} belong to no network that is known here ({})",
            names.join(", "),
            known.join(", ")
        ),
    )
}
