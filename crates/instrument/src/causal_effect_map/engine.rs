//! From patches to the region's outputs: through the lens, or by a whole pass for each.

use std::time::Instant;

use candle_core::Tensor;
use whyfinder_experiment::Engine;
use whyfinder_model::network::{
    Held, Lens, Network, NoNodeProbe, NodeId, NodeProbe, Rect, forward, region_cost,
};

use crate::error::Result;
use crate::image::eight_bit::unit;
use crate::image::scene::Scene;
use crate::image::whole_output::{device_of, to_host};

/// Runs interventions on one picture.
#[derive(Debug)]
pub(super) struct Runner<'a> {
    network: &'a Network,
    region: Rect,
    noise: f32,
    way: Way<'a>,
    channels: usize,
    /// Floating-point operations of a whole pass.
    whole: f64,
    /// Bytes of a whole pass.
    whole_bytes: u64,
}

#[derive(Debug)]
enum Way<'a> {
    Lens(Box<Lens<'a>>),
    Whole {
        height: usize,
        width: usize,
        /// `[height, width, channels]`, 0 to 1.
        picture: Vec<f32>,
        /// The region's output, untouched.
        base: Vec<f32>,
        /// What was pooled over the whole picture in the base run, by node.
        pooled: Vec<Option<Tensor>>,
    },
}

impl<'a> Runner<'a> {
    pub(super) fn new(network: &'a Network, scene: &Scene, engine: Engine) -> Result<Self> {
        let device = device_of(network);
        let region = scene.region();
        let input = scene.input.tensor(&device)?;
        let noise = scene.noise();
        let (height, width) = (scene.input.height, scene.input.width);
        let (out_height, out_width) = scene.output_size();
        let cost = region_cost(network, height, width, &Rect::whole(out_height, out_width))?;
        let way = match engine {
            Engine::Exact => Way::Lens(Box::new(Lens::new(network, &input, noise, &region)?)),
            Engine::Plain => {
                let mut probe = Pooled::keeping(network);
                let output = forward(network, &input, noise, &mut probe)?;
                Way::Whole {
                    height,
                    width,
                    picture: unit(&scene.input.values),
                    base: to_host(&cut(&output, &region)?)?,
                    pooled: probe.kept,
                }
            }
        };
        Ok(Self {
            network,
            region,
            noise,
            way,
            channels: scene.input.channels,
            whole: cost.flops,
            whole_bytes: cost.bytes,
        })
    }

    /// The region's output, untouched.
    pub(super) fn base(&self) -> Result<Vec<f32>> {
        match &self.way {
            Way::Lens(lens) => to_host(lens.output()?),
            Way::Whole { base, .. } => Ok(base.clone()),
        }
    }

    /// The region's outputs, one after the other, for `count` patches at a place of the input.
    pub(super) fn outputs(
        &self,
        at: &Rect,
        patches: &[u8],
        count: usize,
        held: Held,
    ) -> Result<Vec<f32>> {
        let device = device_of(self.network);
        let patches = unit(patches);
        match &self.way {
            Way::Lens(lens) => {
                let shape = (count, at.height(), at.width(), self.channels);
                let patches = Tensor::from_vec(patches, shape, &device)?;
                to_host(&lens.with_patches(at, &patches, held)?)
            }
            Way::Whole {
                height,
                width,
                picture,
                pooled,
                ..
            } => {
                let mut pictures = picture.repeat(count);
                let stride = at.width() * self.channels;
                let one = at.height() * stride;
                for (picture, patch) in pictures
                    .chunks_exact_mut(picture.len())
                    .zip(patches.chunks_exact(one))
                {
                    for (row, values) in at.rows.clone().zip(patch.chunks_exact(stride)) {
                        let first = (row * width + at.columns.start) * self.channels;
                        picture[first..first + stride].copy_from_slice(values);
                    }
                }
                let shape = (count, *height, *width, self.channels);
                let pictures = Tensor::from_vec(pictures, shape, &device)?;
                let output = match held {
                    Held::Nothing => {
                        forward(self.network, &pictures, self.noise, &mut NoNodeProbe)?
                    }
                    Held::Pooled => {
                        let mut probe = Pooled::holding(self.network, pooled.clone());
                        forward(self.network, &pictures, self.noise, &mut probe)?
                    }
                };
                to_host(&cut(&output, &self.region)?)
            }
        }
    }

    /// Floating-point operations of one patch.
    pub(super) fn flops(&self, at: &Rect) -> f64 {
        match &self.way {
            Way::Lens(lens) => lens.flops(at, Held::Nothing).0,
            Way::Whole { .. } => self.whole,
        }
    }

    pub(super) fn whole_flops(&self) -> f64 {
        self.whole
    }

    /// Bytes that one patch takes at once.
    pub(super) fn bytes_per_patch(&self, at: &Rect) -> u64 {
        match &self.way {
            Way::Lens(lens) => lens.bytes_per_patch(at, Held::Nothing),
            Way::Whole { .. } => self.whole_bytes,
        }
    }

    /// Bytes of the base run and of one intervention, about.
    pub(super) fn bytes(&self) -> u64 {
        match &self.way {
            Way::Lens(lens) => lens.bytes().saturating_mul(2),
            Way::Whole { .. } => self.whole_bytes,
        }
    }

    /// Seconds per floating-point operation, from an intervention that is run now.
    pub(super) fn probe_seconds(&self, scene: &Scene, at: &Rect) -> Result<f64> {
        let patch = scene.input.part(at);
        let mut seconds = f64::INFINITY;
        for _ in 0..2 {
            let began = Instant::now();
            self.outputs(at, &patch, 1, Held::Nothing)?;
            seconds = seconds.min(began.elapsed().as_secs_f64());
        }
        Ok(seconds / self.flops(at).max(1.0))
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
