//! The whole output, in one pass or, where memory does not do for that, tile by tile.

use std::time::Instant;

use candle_core::{Device, Tensor};
use whyfinder_model::network::{Network, Rect, forward, region_cost};

use super::eight_bit::EightBit;
use super::node_by_node::{OutputAlone, node_by_node};
use super::restore::Output;
use super::scene::Scene;
use super::tile_by_tile::tile_by_tile;
use crate::error::{InstrumentError, Result};
use crate::memory::Budget;
use crate::report::Observer;

/// Tiles smaller than this are mostly margin.
const SMALLEST_TILE: usize = 16;

/// Larger tiles leave the caches and the memory that is kept between passes, bytes.
const COMFORT: u64 = 128 << 20;
/// Times the arithmetic that smaller tiles may take for their margins.
const MARGINS: f64 = 1.25;

/// How the output is cut up.
#[derive(Clone, Debug)]
pub(crate) struct Tiling {
    tiles: Vec<Rect>,
    /// Held at once, beside fields and weights.
    pub(crate) bytes: u64,
    pub(crate) flops: f64,
}

impl Tiling {
    /// Tiles that fit beside `held` bytes: as few of them, unless more are quicker.
    ///
    /// # Errors
    /// If even small ones do not, or the picture does not suit the network.
    pub(crate) fn of(network: &Network, scene: &Scene, held: u64, budget: &Budget) -> Result<Self> {
        let (height, width) = scene.output_size();
        let fits = |bytes: u64| held.saturating_add(bytes) <= budget.bytes;
        let mut cut = Cut::default();
        let mut few = loop {
            // The margin is widest in the middle; the others are only asked if that one fits.
            let mut bytes = cut.middle_bytes(network, scene)?;
            if fits(bytes) {
                let tiling = cut.tiling(network, scene)?;
                if fits(tiling.bytes) {
                    break tiling;
                }
                bytes = tiling.bytes;
            }
            let Some(finer) = cut.finer(height, width) else {
                return Err(InstrumentError::Memory {
                    needed_bytes: held.saturating_add(bytes),
                    available_bytes: budget.bytes,
                    advice: "use a smaller image or a smaller network",
                });
            };
            cut = finer;
        };
        let most_flops = MARGINS * few.flops;
        while few.bytes > COMFORT
            && let Some(finer) = cut.finer(height, width)
        {
            cut = finer;
            let more = cut.tiling(network, scene)?;
            if more.flops > most_flops || more.bytes >= few.bytes {
                break;
            }
            few = more;
        }
        Ok(few)
    }

    /// # Errors
    /// [`InstrumentError::Cancelled`] if the observer says so; a sentence if the network gives no numbers.
    pub(crate) fn run(
        &self,
        network: &Network,
        scene: &Scene,
        observer: &mut dyn Observer,
    ) -> Result<Output> {
        let (height, width) = scene.output_size();
        let channels = scene.input.channels;
        let values = match self.tiles.as_slice() {
            [_] => {
                let input = scene.input.tensor(&device_of(network))?;
                let noise = scene.noise();
                to_host(&node_by_node(network, &input, noise, &OutputAlone, observer)?.0)?
            }
            tiles => tile_by_tile(network, scene, tiles, observer)?,
        };
        if values.iter().any(|v| !v.is_finite()) {
            return Err(InstrumentError::unfit(
                "The network's output is not a picture: some of its values are not numbers. Its weights may be damaged.",
            ));
        }
        Ok(Output {
            height,
            width,
            channels,
            values,
        })
    }
}

/// Into how many parts the sides are cut.
#[derive(Clone, Copy, Debug)]
struct Cut {
    down: usize,
    along: usize,
}

impl Default for Cut {
    fn default() -> Self {
        Self { down: 1, along: 1 }
    }
}

impl Cut {
    /// Twice as many tiles; none where they are small already.
    fn finer(self, height: usize, width: usize) -> Option<Self> {
        let (tall, wide) = (height.div_ceil(self.down), width.div_ceil(self.along));
        if tall.max(wide) <= SMALLEST_TILE {
            return None;
        }
        Some(if tall >= wide {
            Self {
                down: 2 * self.down,
                ..self
            }
        } else {
            Self {
                along: 2 * self.along,
                ..self
            }
        })
    }

    fn tiles(self, scene: &Scene) -> Vec<Rect> {
        let (height, width) = scene.output_size();
        tiles(height, width, self.down, self.along)
    }

    fn middle_bytes(self, network: &Network, scene: &Scene) -> Result<u64> {
        let tiles = self.tiles(scene);
        let (height, width) = (scene.input.height, scene.input.width);
        Ok(region_cost(network, height, width, &tiles[tiles.len() / 2])?.bytes)
    }

    fn tiling(self, network: &Network, scene: &Scene) -> Result<Tiling> {
        let tiles = self.tiles(scene);
        let (height, width) = (scene.input.height, scene.input.width);
        let (mut bytes, mut flops) = (0, 0.0);
        for tile in &tiles {
            let cost = region_cost(network, height, width, tile)?;
            bytes = cost.bytes.max(bytes);
            flops += cost.flops;
        }
        Ok(Tiling {
            tiles,
            bytes,
            flops,
        })
    }
}

fn tiles(height: usize, width: usize, down: usize, along: usize) -> Vec<Rect> {
    let spans = |length: usize, parts: usize| {
        let side = length.div_ceil(parts);
        (0..length)
            .step_by(side)
            .map(move |start| start..(start + side).min(length))
    };
    spans(height, down)
        .flat_map(|rows| spans(width, along).map(move |columns| Rect::new(rows.clone(), columns)))
        .collect()
}

/// Seconds per floating-point operation of this network on this machine, from a small pass that is run now.
pub(crate) fn probe_seconds(network: &Network, scene: &Scene) -> Result<f64> {
    const SIDE: usize = 48;
    let part = scene.input.top_left(SIDE, SIDE);
    let flops = whole_flops(network, &part)?;
    let input = part.tensor(&device_of(network))?;
    let mut seconds = f64::INFINITY;
    // The first pass may still be bringing the weights into memory.
    for _ in 0..2 {
        let began = Instant::now();
        to_host(&forward(
            network,
            &input,
            scene.noise(),
            &mut whyfinder_model::network::NoNodeProbe,
        )?)?;
        seconds = seconds.min(began.elapsed().as_secs_f64());
    }
    Ok(seconds / flops.max(1.0))
}

fn whole_flops(network: &Network, input: &EightBit) -> Result<f64> {
    let whole = Rect::whole(input.height * network.scale, input.width * network.scale);
    Ok(region_cost(network, input.height, input.width, &whole)?.flops)
}

/// Where the network's weights are.
pub(crate) fn device_of(network: &Network) -> Device {
    network
        .nodes
        .iter()
        .find_map(|node| Some(node.operation.weights().first()?.device().clone()))
        .unwrap_or(Device::Cpu)
}

/// All values in main memory.
pub(crate) fn to_host(values: &Tensor) -> Result<Vec<f32>> {
    Ok(values.flatten_all()?.to_vec1()?)
}

#[cfg(test)]
mod tests {
    use whyfinder_experiment::ImageTask;
    use whyfinder_model::network::open_network;
    use whyfinder_model::open::OpenOptions;

    use super::*;

    fn tiling_of(reference: &str, side: usize) -> (Tiling, f64) {
        let model = open_network(reference, &OpenOptions::default()).expect("a bundled network");
        let scale = model.network.scale;
        let scene = Scene {
            input: EightBit::new(side, side, 3, vec![0; 3 * side * side]),
            truth: None,
            region: None,
            task: ImageTask::Denoise,
            sigma: None,
            scale,
            rain: None,
            notices: Vec::new(),
        };
        let whole = Rect::whole(side * scale, side * scale);
        let cost = region_cost(&model.network, side, side, &whole).expect("inside");
        let tiling = Tiling::of(&model.network, &scene, 0, &Budget::UNLIMITED).expect("fits");
        (tiling, cost.flops)
    }

    #[test]
    fn large_pictures_are_cut_where_that_costs_little() {
        let (small, _) = tiling_of("demo:denoise", 256);
        assert_eq!(small.tiles.len(), 1);
        let (large, whole) = tiling_of("demo:denoise", 1500);
        assert!(large.tiles.len() > 4 && large.bytes <= COMFORT);
        assert!(large.flops <= MARGINS * whole && large.flops >= whole);
        // Each tile of a network that pools over the picture would need all of it.
        let (pooled, _) = tiling_of("demo:sr-channel", 300);
        assert!(pooled.tiles.len() == 1 && pooled.bytes > COMFORT);
    }

    #[test]
    fn tiles_cover_every_pixel_once() {
        for (height, width, down, along) in [(7, 5, 1, 1), (7, 5, 2, 4), (1, 9, 1, 8), (8, 8, 4, 2)]
        {
            let mut seen = vec![0; height * width];
            for tile in tiles(height, width, down, along) {
                for row in tile.rows.clone() {
                    for column in tile.columns.clone() {
                        seen[row * width + column] += 1;
                    }
                }
            }
            assert!(
                seen.iter().all(|&n| n == 1),
                "{height} {width} {down} {along}"
            );
        }
    }
}
