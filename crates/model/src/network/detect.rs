//! Which network a weights file holds, told from the names and shapes of its tensors.

use candle_core::Device;

use super::node::Network;
use crate::error::{ModelError, Result};
use crate::state_dict::StateDict;

/// A network that was recognised.
#[derive(Clone, Debug)]
pub struct Recognised {
    /// Family in words, such as `SwinIR`.
    pub family: &'static str,
    /// Sizes in words.
    pub details: String,
    pub network: Network,
}

/// Builds the network of these weights on a device.
///
/// # Errors
/// If the network is not known, a tensor is missing, or shapes do not fit each other.
pub fn build(state: &StateDict, _device: &Device) -> Result<Recognised> {
    Err(ModelError::file(
        state.path(),
        "The weights belong to no network that is known here",
    ))
}
