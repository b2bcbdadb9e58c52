//! The whole output, in one pass or, where memory does not do for that, tile by tile.

use std::time::Instant;

use candle_core::{Device, Tensor};
use whyfinder_model::network::{Network, Rect, forward, forward_region, region_cost};

use super::eight_bit::EightBit;
use super::restore::Output;
use super::scene::Scene;
use crate::error::{InstrumentError, Result};
use crate::memory::Budget;
use crate::report::{Observer, Progress, Report};
use crate::watch::Watch;

/// Tiles smaller than this are mostly margin.
const SMALLEST_TILE: usize = 16;

/// How the output is cut up.
#[derive(Clone, Debug)]
pub(crate) struct Tiling {
    tiles: Vec<Rect>,
    /// Held at once, beside fields and weights.
    pub(crate) bytes: u64,
    pub(crate) flops: f64,
}

impl Tiling {
    /// As few tiles as fit beside `held` bytes.
    ///
    /// # Errors
    /// If even small ones do not, or the picture does not suit the network.
    pub(crate) fn of(network: &Network, scene: &Scene, held: u64, budget: &Budget) -> Result<Self> {
        let (height, width) = scene.output_size();
        let cost = |tile: &Rect| region_cost(network, scene.input.height, scene.input.width, tile);
        let fits = |bytes: u64| held.saturating_add(bytes) <= budget.bytes;
        let (mut down, mut along) = (1, 1);
        loop {
            let tiles = tiles(height, width, down, along);
            // The margin is widest in the middle; the others are only asked if that one fits.
            let mut bytes = cost(&tiles[tiles.len() / 2])?.bytes;
            if fits(bytes) {
                let costs = tiles
                    .iter()
                    .map(cost)
                    .collect::<std::result::Result<Vec<_>, _>>()?;
                bytes = costs.iter().map(|cost| cost.bytes).max().unwrap_or(bytes);
                if fits(bytes) {
                    return Ok(Self {
                        tiles,
                        bytes,
                        flops: costs.iter().map(|cost| cost.flops).sum(),
                    });
                }
            }
            let (tall, wide) = (height.div_ceil(down), width.div_ceil(along));
            if tall.max(wide) <= SMALLEST_TILE {
                return Err(InstrumentError::Memory {
                    needed_bytes: held.saturating_add(bytes),
                    available_bytes: budget.bytes,
                    advice: "use a smaller image or a smaller network",
                });
            }
            if tall >= wide {
                down *= 2;
            } else {
                along *= 2;
            }
        }
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
        let input = scene.input.tensor(&device_of(network))?;
        let noise = scene.noise();
        let channels = scene.input.channels;
        let values = match self.tiles.as_slice() {
            [_] => {
                let mut watch = Watch::new(observer);
                let output = forward(network, &input, noise, &mut watch);
                to_host(&watch.settle(output)?)?
            }
            tiles => {
                let mut values = vec![0.0; height * width * channels];
                for (done, tile) in tiles.iter().enumerate() {
                    let part = to_host(&forward_region(network, &input, noise, tile)?)?;
                    let stride = tile.width() * channels;
                    for (row, part) in tile.rows.clone().zip(part.chunks_exact(stride)) {
                        let first = (row * width + tile.columns.start) * channels;
                        values[first..first + stride].copy_from_slice(part);
                    }
                    observer.report(Report::Progress(Progress {
                        done: done + 1,
                        total: tiles.len(),
                        seconds_left: None,
                    }));
                    if observer.cancelled() {
                        return Err(InstrumentError::Cancelled);
                    }
                }
                values
            }
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
    use super::*;

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
