//! Interventions as the procedure has them: the whole picture through the network for each.

use candle_core::Tensor;
use whyfinder_model::network::{Held, Network, NoNodeProbe, NodeId, NodeProbe, Rect, forward};

use super::engine::Pack;
use crate::error::Result;
use crate::image::eight_bit::unit;
use crate::image::scene::Scene;
use crate::image::whole_output::{device_of, to_host};

#[derive(Debug)]
pub(super) struct WholePasses<'a> {
    network: &'a Network,
    region: Rect,
    noise: f32,
    height: usize,
    width: usize,
    channels: usize,
    /// `[height, width, channels]`, 0 to 1.
    picture: Vec<f32>,
    /// The region's output, untouched.
    base: Vec<f32>,
    /// What was pooled over the whole picture in the base run, by node.
    pooled: Vec<Option<Tensor>>,
}

impl<'a> WholePasses<'a> {
    /// `input` is the scene's, as a tensor.
    pub(super) fn new(network: &'a Network, scene: &Scene, input: &Tensor) -> Result<Self> {
        let (region, noise) = (scene.region(), scene.noise());
        let mut probe = Pooled::keeping(network);
        let output = forward(network, input, noise, &mut probe)?;
        Ok(Self {
            network,
            noise,
            height: scene.input.height,
            width: scene.input.width,
            channels: scene.input.channels,
            picture: unit(&scene.input.values),
            base: to_host(&cut(&output, &region)?)?,
            pooled: probe.kept,
            region,
        })
    }

    pub(super) fn base(&self) -> &[f32] {
        &self.base
    }

    /// The region's outputs for the pack's patches, one after the other.
    pub(super) fn outputs(&self, pack: &Pack<'_>, held: Held) -> Result<Vec<f32>> {
        let (at, patches) = (pack.at, unit(pack.patches));
        let mut pictures = self.picture.repeat(pack.count);
        let stride = at.width() * self.channels;
        let one = at.height() * stride;
        for (picture, patch) in pictures
            .chunks_exact_mut(self.picture.len())
            .zip(patches.chunks_exact(one))
        {
            for (row, values) in at.rows.clone().zip(patch.chunks_exact(stride)) {
                let first = (row * self.width + at.columns.start) * self.channels;
                picture[first..first + stride].copy_from_slice(values);
            }
        }
        let shape = (pack.count, self.height, self.width, self.channels);
        let pictures = Tensor::from_vec(pictures, shape, &device_of(self.network))?;
        let output = match held {
            Held::Nothing => forward(self.network, &pictures, self.noise, &mut NoNodeProbe)?,
            Held::Pooled => {
                let mut probe = Pooled::holding(self.network, self.pooled.clone());
                forward(self.network, &pictures, self.noise, &mut probe)?
            }
        };
        to_host(&cut(&output, &self.region)?)
    }
}

fn cut(output: &Tensor, region: &Rect) -> Result<Tensor> {
    Ok(output
        .narrow(1, region.rows.start, region.height())?
        .narrow(2, region.columns.start, region.width())?
        .contiguous()?)
}

/// Keeps what is pooled over the whole picture, or holds it as it was.
struct Pooled {
    nodes: Vec<NodeId>,
    kept: Vec<Option<Tensor>>,
    holds: bool,
}

impl Pooled {
    fn keeping(network: &Network) -> Self {
        Self {
            nodes: network.global_nodes().collect(),
            kept: vec![None; network.nodes.len()],
            holds: false,
        }
    }

    fn holding(network: &Network, kept: Vec<Option<Tensor>>) -> Self {
        Self {
            kept,
            holds: true,
            ..Self::keeping(network)
        }
    }
}

impl NodeProbe for Pooled {
    fn wants(&self, node: NodeId) -> bool {
        self.nodes.contains(&node)
    }

    fn at(&mut self, node: NodeId, value: Tensor) -> whyfinder_model::error::Result<Tensor> {
        match (&self.kept[node], self.holds) {
            (Some(kept), true) => Ok(kept.broadcast_as(value.shape())?.contiguous()?),
            _ => {
                self.kept[node] = Some(value.clone());
                Ok(value)
            }
        }
    }
}
