//! One pass over a whole picture, kept against an interruption: the values that are still read behind a node.

use std::collections::{BTreeMap, BTreeSet};

use candle_core::Tensor;
use whyfinder_model::ModelError;
use whyfinder_model::network::{
    Extent, Network, NodeId, NodeProbe, Operation, Paused, forward_behind, living_behind,
};

use super::whole_output::to_host;
use crate::error::{InstrumentError, Result};
use crate::report::{Observer, Stage};

/// The node behind which the values are read.
const AFTER: Stage<'static> = Stage::only("pass");
const VALUES: Stage<'static> = Stage::only("pass, values");
const READ: Stage<'static> = Stage::only("pass, read");

/// What was read of nodes.
pub(crate) type Read = BTreeMap<NodeId, Vec<f32>>;

/// What is read of a pass on its way.
pub(crate) trait Reader {
    /// How many numbers are read of a node; `None` of those that are passed over.
    fn count(&self, node: NodeId) -> Option<usize>;

    /// # Errors
    /// If the value has not the shape of its node.
    fn read(&self, node: NodeId, value: &Tensor) -> whyfinder_model::Result<Vec<f32>>;
}

/// Reads nothing but the output.
pub(crate) struct OutputAlone;

impl Reader for OutputAlone {
    fn count(&self, _node: NodeId) -> Option<usize> {
        None
    }

    fn read(&self, _node: NodeId, _value: &Tensor) -> whyfinder_model::Result<Vec<f32>> {
        Ok(Vec::new())
    }
}

/// The output for a picture `[1, H, W, C]`, and what is read of the nodes.
///
/// # Errors
/// [`InstrumentError::Cancelled`] if the observer says so.
pub(crate) fn node_by_node(
    network: &Network,
    picture: &Tensor,
    noise: f32,
    reader: &dyn Reader,
    observer: &mut dyn Observer,
) -> Result<(Tensor, Read)> {
    let (_, height, width, _) = picture.dims4()?;
    let extents = network.extents(height, width)?;
    let taken_up = taken_up(network, &extents, picture, reader, observer)?;
    let (paused, read) = taken_up.map_or((None, BTreeMap::new()), |(p, r)| (Some(p), r));
    let mut keeping = Keeping {
        network,
        reader,
        observer,
        cancelled: false,
        after: paused.as_ref().map_or(0, |p| p.after),
        living: paused
            .iter()
            .flat_map(|p| p.living.iter().cloned())
            .collect(),
        kept: paused
            .iter()
            .flat_map(|p| p.living.iter().map(|(id, _)| *id))
            .collect(),
        kept_read: read.keys().copied().collect(),
        read,
        ended: false,
    };
    let output = forward_behind(network, picture, noise, paused, &mut keeping);
    if keeping.cancelled {
        keeping.keep()?;
        return Err(InstrumentError::Cancelled);
    }
    let output = output?;
    if !keeping.kept.is_empty() {
        // It took so long that what follows need not wait for it again.
        keeping.keep()?;
    }
    Ok((output, keeping.read))
}

/// Where an interrupted pass is gone on with, and what was read of it; `None` if it begins anew.
fn taken_up(
    network: &Network,
    extents: &[Extent],
    picture: &Tensor,
    reader: &dyn Reader,
    observer: &dyn Observer,
) -> Result<Option<(Paused, Read)>> {
    let Some(&[after]) = observer.known_part(AFTER, 0, 1).as_deref() else {
        return Ok(None);
    };
    let after = after as usize;
    if after >= network.nodes.len() {
        return Ok(None);
    }
    let mut living = Vec::new();
    for id in living_behind(network, after) {
        let shape = shape_of(network, extents, id);
        let Some(values) = observer.known_part(VALUES, id, shape.iter().product()) else {
            return Ok(None);
        };
        living.push((id, Tensor::from_vec(values, &shape[..], picture.device())?));
    }
    let mut read = BTreeMap::new();
    for id in 0..network.nodes.len().min(after + 1) {
        let Some(count) = reader.count(id) else {
            continue;
        };
        let Some(numbers) = observer.known_part(READ, id, count) else {
            return Ok(None);
        };
        read.insert(id, numbers);
    }
    Ok(Some((Paused { after, living }, read)))
}

/// The shape of a node's value for one picture.
fn shape_of(network: &Network, extents: &[Extent], id: NodeId) -> [usize; 4] {
    let extent = extents[id];
    match &network.nodes[id].operation {
        Operation::WindowPattern(window) => [
            (extent.height / window.size) * (extent.width / window.size),
            window.heads,
            window.size * window.size,
            window.key_size * window.key_size,
        ],
        _ => [1, extent.height, extent.width, extent.channels],
    }
}

struct Keeping<'a> {
    network: &'a Network,
    reader: &'a dyn Reader,
    observer: &'a mut dyn Observer,
    cancelled: bool,
    /// The last node that is computed, and what is still read behind it; the picture apart.
    after: NodeId,
    living: BTreeMap<NodeId, Tensor>,
    read: Read,
    /// What of both is kept.
    kept: BTreeSet<NodeId>,
    kept_read: BTreeSet<NodeId>,
    /// A part that is missing makes the others worthless.
    ended: bool,
}

impl Keeping<'_> {
    /// Keeps what the pass can go on with, and lets go of what it no longer needs.
    fn keep(&mut self) -> Result<()> {
        if self.ended || self.after == 0 {
            return Ok(());
        }
        for (id, numbers) in &self.read {
            if self.kept_read.insert(*id) {
                self.ended |= !self.observer.keep_part(READ, *id, &[numbers]);
            }
        }
        for (id, value) in &self.living {
            if !self.ended && self.kept.insert(*id) {
                self.ended |= !self.observer.keep_part(VALUES, *id, &[&to_host(value)?]);
            }
        }
        if self.ended || !self.observer.keep_part(AFTER, 0, &[&[self.after as f32]]) {
            self.ended = true;
        } else {
            // Only now is the former place given up.
            let dead: Vec<NodeId> = self
                .kept
                .iter()
                .filter(|id| !self.living.contains_key(id))
                .copied()
                .collect();
            for id in dead {
                self.observer.drop_part(VALUES, id);
                self.kept.remove(&id);
            }
        }
        Ok(())
    }
}

impl NodeProbe for Keeping<'_> {
    fn wants(&self, _node: NodeId) -> bool {
        // Every operation is an occasion to hear that the run is cancelled.
        true
    }

    fn at(&mut self, id: NodeId, value: Tensor) -> whyfinder_model::Result<Tensor> {
        if self.observer.cancelled() {
            self.cancelled = true;
            return Err(ModelError::Input("The run was cancelled.".into()));
        }
        if self.reader.count(id).is_some() {
            self.read.insert(id, self.reader.read(id, &value)?);
        }
        self.after = id;
        if id > 0 {
            self.living.insert(id, value.clone());
        }
        let behind = living_behind(self.network, id);
        self.living.retain(|id, _| behind.contains(id));
        if self.observer.wants_parts() {
            self.keep().map_err(|e| ModelError::Input(e.to_string()))?;
        }
        Ok(value)
    }
}
