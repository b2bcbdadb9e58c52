//! A whole picture through a network.

use candle_core::Tensor;

use super::evaluate::{Argument, evaluate};
use super::extent::Extent;
use super::node::{Network, NodeId};
use super::rect::Rect;
use crate::error::{ModelError, Result};

/// What a pass shows the values of nodes to.
pub trait NodeProbe {
    /// Whether [`NodeProbe::at`] is to be called for this node.
    fn wants(&self, node: NodeId) -> bool;

    /// Sees a node's value and gives back the value to go on with, in the same shape.
    ///
    /// # Errors
    /// As the probe decides; they end the pass.
    fn at(&mut self, node: NodeId, value: Tensor) -> Result<Tensor>;
}

/// Wants nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoNodeProbe;

impl NodeProbe for NoNodeProbe {
    fn wants(&self, _node: NodeId) -> bool {
        false
    }

    fn at(&mut self, _node: NodeId, value: Tensor) -> Result<Tensor> {
        Ok(value)
    }
}

/// Pictures `[N, H, W, C]` in 0..=1 to restored pictures `[N, H scale, W scale, C]`, not clipped.
///
/// `noise` is the noise's standard deviation (0..=1); only networks with a noise-level input read it. Gradients flow
/// to the pictures and to weights that are variables.
///
/// # Errors
/// If the pictures have other channels than the network takes, or are too small for it.
pub fn forward(
    network: &Network,
    pictures: &Tensor,
    noise: f32,
    probe: &mut dyn NodeProbe,
) -> Result<Tensor> {
    let (_, height, width, channels) = pictures.dims4()?;
    if channels != network.channels() {
        return Err(ModelError::Input(format!(
            "The picture has {channels} channels, but the network takes {}.",
            network.channels()
        )));
    }
    let extents = network.extents(height, width)?;
    let last_use = last_uses(network);
    let mut values: Vec<Option<Tensor>> = vec![None; network.nodes.len()];
    for (id, node) in network.nodes.iter().enumerate() {
        if last_use[id] == 0 && id != network.output {
            continue;
        }
        let mut value = if id == 0 {
            pictures.clone()
        } else {
            let arguments: Vec<Argument<'_>> = node
                .inputs
                .iter()
                .map(|&input| argument(&values, &extents, input))
                .collect::<Result<_>>()?;
            let extent = extents[id];
            let whole = Rect::whole(extent.height, extent.width);
            evaluate(node, &arguments, extent, &whole, noise)?
        };
        if probe.wants(id) {
            let shape = value.shape().clone();
            value = probe.at(id, value)?;
            if value.shape() != &shape {
                return Err(ModelError::Input(format!(
                    "The value put at {} has shape {:?}, but the node has {:?}.",
                    node.name,
                    value.dims(),
                    shape.dims()
                )));
            }
        }
        values[id] = Some(value);
        for &input in &node.inputs {
            if last_use[input] == id && input != network.output {
                values[input] = None;
            }
        }
    }
    values
        .get_mut(network.output)
        .and_then(Option::take)
        .ok_or_else(|| ModelError::Unusable("The network has no output.".into()))
}

fn argument<'a>(
    values: &'a [Option<Tensor>],
    extents: &[Extent],
    input: NodeId,
) -> Result<Argument<'a>> {
    let extent = extents[input];
    Ok(Argument {
        value: values[input]
            .as_ref()
            .ok_or_else(|| ModelError::Unusable("The network reads a value too late.".into()))?,
        at: Rect::whole(extent.height, extent.width),
        extent,
    })
}

/// The last node that reads each node, or 0 if none does.
pub(super) fn last_uses(network: &Network) -> Vec<NodeId> {
    let mut last = vec![0; network.nodes.len()];
    for (id, node) in network.nodes.iter().enumerate() {
        for &input in &node.inputs {
            last[input] = id;
        }
    }
    last
}
