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
    forward_behind(network, pictures, noise, None, probe)
}

/// A pass that was left behind a node.
#[derive(Clone, Debug)]
pub struct Paused {
    pub after: NodeId,
    /// The values of all nodes that [`living_behind`] names.
    pub living: Vec<(NodeId, Tensor)>,
}

/// As [`forward`], going on where a pass over the same pictures was left: what it had computed is not computed, and not
/// shown, again.
///
/// # Errors
/// As [`forward`]; or if a value is missing.
pub fn forward_behind(
    network: &Network,
    pictures: &Tensor,
    noise: f32,
    paused: Option<Paused>,
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
    let first = paused.as_ref().map_or(0, |paused| paused.after + 1);
    if first > 0 {
        values[0] = Some(pictures.clone());
    }
    for (id, value) in paused.into_iter().flat_map(|paused| paused.living) {
        if let Some(place) = values.get_mut(id) {
            *place = Some(value);
        }
    }
    for (id, node) in network.nodes.iter().enumerate().skip(first) {
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

/// The nodes up to `after` whose values are still read behind it, the picture apart, and the output.
pub fn living_behind(network: &Network, after: NodeId) -> Vec<NodeId> {
    let last_use = last_uses(network);
    (1..network.nodes.len().min(after + 1))
        .filter(|&id| last_use[id] > after || id == network.output)
        .collect()
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

#[cfg(test)]
mod tests {
    use super::super::testing::{networks, picture};
    use super::*;

    /// Holds the values of all nodes.
    #[derive(Default)]
    struct All(Vec<(NodeId, Tensor)>);

    impl NodeProbe for All {
        fn wants(&self, _node: NodeId) -> bool {
            true
        }

        fn at(&mut self, node: NodeId, value: Tensor) -> Result<Tensor> {
            self.0.push((node, value.clone()));
            Ok(value)
        }
    }

    #[test]
    fn a_pass_goes_on_behind_any_node_with_the_same_bits() {
        for (name, network) in networks(4) {
            let pictures = picture([1, 17, 14, network.channels()], 3);
            let mut all = All::default();
            let whole = forward(&network, &pictures, 0.1, &mut all).expect("runs");
            let values = |y: &Tensor| y.flatten_all().and_then(|y| y.to_vec1::<f32>());
            for after in 0..network.nodes.len() {
                let living = living_behind(&network, after);
                let held = all.0.iter().filter(|(id, _)| living.contains(id)).cloned();
                let paused = Paused {
                    after,
                    living: held.collect(),
                };
                let mut rest = All::default();
                let on = forward_behind(&network, &pictures, 0.1, Some(paused), &mut rest);
                let on = on.expect("goes on");
                assert_eq!(
                    values(&on).expect("values"),
                    values(&whole).expect("values"),
                    "{name} behind {after}"
                );
                assert!(rest.0.iter().all(|(id, _)| *id > after), "{name}");
            }
        }
    }
}
