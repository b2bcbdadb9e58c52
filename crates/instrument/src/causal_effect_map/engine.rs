//! From patches to the region's outputs: through the lens, or by a whole pass for each.

use candle_core::Tensor;
use whyfinder_experiment::Engine;
use whyfinder_model::network::{Held, Lens, Network, Patched, Rect, places_at_once, region_cost};

use super::whole_passes::WholePasses;
use crate::error::Result;
use crate::image::eight_bit::unit;
use crate::image::scene::Scene;
use crate::image::whole_output::{device_of, to_host};

/// Runs interventions on one picture.
#[derive(Debug)]
pub(super) struct Runner<'a> {
    network: &'a Network,
    way: Way<'a>,
    channels: usize,
    /// Floating-point operations of a whole pass.
    whole: f64,
    /// Bytes of a whole pass.
    whole_bytes: u64,
}

/// Patches of one place that are run together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pack<'p> {
    /// In the input's pixels.
    pub(super) at: &'p Rect,
    /// `[count, h, w, C]`.
    pub(super) patches: &'p [u8],
    pub(super) count: usize,
}

#[derive(Debug)]
enum Way<'a> {
    Lens(Box<Lens<'a>>),
    Whole(WholePasses<'a>),
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
            Engine::Plain => Way::Whole(WholePasses::new(network, scene, &input)?),
        };
        Ok(Self {
            network,
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
            Way::Whole(whole) => Ok(whole.base().to_vec()),
        }
    }

    /// Packs that are worth running together.
    pub(super) fn packs_at_once(&self) -> usize {
        match &self.way {
            Way::Lens(_) => places_at_once(&device_of(self.network)),
            // A whole pass keeps all threads busy by itself.
            Way::Whole(_) => 1,
        }
    }

    /// Packs that are in the network at the same moment.
    pub(super) fn places_alive(&self) -> usize {
        match &self.way {
            // Half of those that are handed over together wait.
            Way::Lens(_) => places_at_once(&device_of(self.network)).div_ceil(2),
            Way::Whole(_) => 1,
        }
    }

    /// For each pack, the region's outputs for its patches, one after the other.
    pub(super) fn outputs(&self, packs: &[Pack<'_>], held: Held) -> Result<Vec<Vec<f32>>> {
        let device = device_of(self.network);
        match &self.way {
            Way::Lens(lens) => {
                let places = packs
                    .iter()
                    .map(|pack| {
                        let at = pack.at.clone();
                        let shape = (pack.count, at.height(), at.width(), self.channels);
                        let patches = Tensor::from_vec(unit(pack.patches), shape, &device)?;
                        Ok(Patched { at, patches })
                    })
                    .collect::<Result<Vec<_>>>()?;
                let outputs = lens.with_each(&places, held)?;
                outputs.iter().map(to_host).collect()
            }
            Way::Whole(whole) => packs.iter().map(|pack| whole.outputs(pack, held)).collect(),
        }
    }

    /// Floating-point operations of one patch.
    pub(super) fn flops(&self, at: &Rect) -> f64 {
        match &self.way {
            Way::Lens(lens) => lens.flops(at, Held::Nothing).0,
            Way::Whole(_) => self.whole,
        }
    }

    pub(super) fn whole_flops(&self) -> f64 {
        self.whole
    }

    /// Bytes that one patch takes at once.
    pub(super) fn bytes_per_patch(&self, at: &Rect) -> u64 {
        match &self.way {
            Way::Lens(lens) => lens.bytes_per_patch(at, Held::Nothing),
            Way::Whole(_) => self.whole_bytes,
        }
    }

    /// Bytes of the base run.
    pub(super) fn bytes(&self) -> u64 {
        match &self.way {
            Way::Lens(lens) => lens.bytes(),
            Way::Whole(_) => 0,
        }
    }
}
