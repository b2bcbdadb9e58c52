//! Interventions of a causal effect map: through the lens, and as the full passes that they stand for.

use std::time::Instant;

use anyhow::Result;
use candle_core::{Device, Tensor};
use serde_json::json;
use whyfinder_instrument::spread::spread;
use whyfinder_model::OpenOptions;
use whyfinder_model::network::{
    Held, Lens, NoNodeProbe, Patched, Rect, forward, open_network, places_at_once,
};

use crate::Bench;
use crate::passes::{network_weights, path_text, picture};
use crate::random_weights::Draws;
use crate::shapes::{self, Shapes};
use crate::table::{Table, duration, optional};
use crate::timing::{in_turns, shortest};
use crate::torch::Order;

/// Side of a block and of the region, in the output's pixels.
const BLOCK: usize = 8;
const REGION: usize = 32;
const COARSE: usize = 3;
const FINE: usize = 50;
/// Refined are the blocks of the region and of this many pixels around it.
const RING: usize = 16;
/// Arithmetic of one batch, as the instrument counts it.
const STEP_FLOPS: f64 = 2e9;

pub(crate) fn table(bench: &mut Bench) -> Result<Table> {
    let mut table = empty();
    for (name, kind, shapes, side, scale) in [
        ("DnCNN-20", "dncnn", shapes::dncnn as fn() -> Shapes, 256, 1),
        ("EDSR-baseline x4", "edsr", shapes::edsr, 64, 4),
        ("MSRResNet x4", "msrresnet", shapes::msrresnet, 64, 4),
        ("ESRGAN x4", "rrdb", shapes::rrdb, 64, 4),
        ("RCAN x4", "rcan", shapes::rcan, 64, 4),
    ] {
        if bench.arguments.asks_for(name) {
            let weights = network_weights(bench, kind, shapes)?;
            let subject = Subject {
                name,
                kind,
                weights: &weights,
                side,
                scale,
            };
            table.push(subject.row(bench)?);
        }
    }
    Ok(table)
}

fn empty() -> Table {
    Table {
        title: "A causal effect map",
        note: format!(
            "Outputs of 256 x 256, blocks of {BLOCK}, a region of {REGION} in the middle; {COARSE} interventions on each of \
             the 1,024 blocks, {FINE} more on the 64 in and around the region. As many blocks of each stage as fit into some seconds are timed, \
             evenly spread, and scaled up. Full passes: one pass per intervention, by us (plain) and by PyTorch. \
             The difference is the largest one between lens and full pass over the largest output."
        ),
        head: vec![
            "network",
            "lens, whole map",
            "part of full passes",
            "plain",
            "PyTorch",
            "plain / lens",
            "PyTorch / lens",
            "difference",
        ],
        rows: Vec::new(),
    }
}

struct Subject<'a> {
    name: &'a str,
    kind: &'a str,
    weights: &'a std::path::Path,
    /// Of the input, pixels.
    side: usize,
    scale: usize,
}

/// A stage of the map: its blocks, and the interventions on each.
struct Stage {
    blocks: Vec<Rect>,
    draws: usize,
}

impl Subject<'_> {
    fn row(&self, bench: &mut Bench) -> Result<Vec<String>> {
        let model = open_network(path_text(self.weights)?, &OpenOptions::default())?;
        let picture = picture(self.side)?;
        let input = bench.folder.path().join("picture.safetensors");
        picture.save_safetensors("x", &input)?;
        let order = Order {
            kind: self.kind,
            weights: self.weights,
            more: json!({ "input": input }),
            seconds: bench.arguments.seconds,
            output: None,
        };
        let seconds = bench.arguments.seconds;
        let torch = &mut bench.torch;
        let full = in_turns(
            || {
                shortest(seconds, || {
                    forward(&model.network, &picture, 0.0, &mut NoNodeProbe)?;
                    Ok(())
                })
            },
            || {
                torch
                    .as_mut()
                    .map(|torch| torch.seconds(&order))
                    .transpose()
            },
        )?;
        let region = self.region();
        let lens = Lens::new(&model.network, &picture, 0.0, &region)?;
        let (mut ours, mut flops, mut whole) = (0.0, 0.0, 0.0);
        let mut passes = 0;
        for stage in self.stages() {
            let (took, share) = stage.through(&lens, 10.0 * seconds)?;
            ours += took;
            flops += share;
            passes += stage.blocks.len() * stage.draws;
            whole = lens.flops(&stage.blocks[0], Held::Nothing).1;
        }
        let difference = self.difference(&model.network, &lens, &picture, &region)?;
        let plain = full.ours * passes as f64;
        let torch = full.theirs.map(|seconds| seconds * passes as f64);
        Ok(vec![
            self.name.to_owned(),
            duration(ours),
            format!("{:.1} %", 100.0 * flops / (whole * passes as f64)),
            duration(plain),
            optional(torch.map(duration)),
            format!("{:.1}", plain / ours),
            optional(torch.map(|torch| format!("{:.1}", torch / ours))),
            format!("{difference:.1e}"),
        ])
    }

    fn region(&self) -> Rect {
        let middle = self.side * self.scale / 2;
        let range = middle - REGION / 2..middle + REGION / 2;
        Rect::new(range.clone(), range)
    }

    fn stages(&self) -> [Stage; 2] {
        let step = BLOCK / self.scale;
        let starts = || (0..self.side / step).map(move |i| i * step);
        let all: Vec<Rect> = starts()
            .flat_map(|y| starts().map(move |x| Rect::new(y..y + step, x..x + step)))
            .collect();
        let middle = self.side / 2;
        let reach = (REGION / 2 + RING) / self.scale;
        let near = middle - reach..middle + reach;
        let close =
            |rect: &&Rect| near.contains(&rect.rows.start) && near.contains(&rect.columns.start);
        let fine = all.iter().filter(close).cloned().collect();
        [
            Stage {
                blocks: all,
                draws: COARSE,
            },
            Stage {
                blocks: fine,
                draws: FINE,
            },
        ]
    }

    fn difference(
        &self,
        network: &whyfinder_model::network::Network,
        lens: &Lens<'_>,
        picture: &Tensor,
        region: &Rect,
    ) -> Result<f32> {
        let step = BLOCK / self.scale;
        let at = self.side / 2 + step;
        let rect = Rect::new(at..at + step, at - 2 * step..at - step);
        let patch = Draws::new(4).tensor(&[1, step, step, 3], 0.5, 0.5)?;
        let patched = picture.slice_assign(
            &[0..1, rect.rows.clone(), rect.columns.clone(), 0..3],
            &patch,
        )?;
        let full = forward(network, &patched, 0.0, &mut NoNodeProbe)?
            .narrow(1, region.rows.start, region.height())?
            .narrow(2, region.columns.start, region.width())?;
        let part = lens.with_patches(&rect, &patch, Held::Nothing)?;
        let largest = |x: &Tensor| -> Result<f32> { Ok(x.abs()?.max_all()?.to_scalar::<f32>()?) };
        Ok(largest(&(part - &full)?)? / largest(&full)?)
    }
}

impl Stage {
    /// Seconds and floating-point operations of the whole stage.
    fn through(&self, lens: &Lens<'_>, budget: f64) -> Result<(f64, f64)> {
        let reachable: Vec<&Rect> = self
            .blocks
            .iter()
            .filter(|rect| lens.can_change(rect, Held::Nothing))
            .collect();
        let flops: f64 = reachable
            .iter()
            .map(|rect| self.draws as f64 * lens.flops(rect, Held::Nothing).0)
            .sum();
        let (mut seconds, mut done) = (0.0, 0.0);
        let mut places = spread(reachable.len())
            .map(|place| reachable[place])
            .peekable();
        while seconds < budget && places.peek().is_some() {
            // Packs of the size, and as many at once, as the instrument takes.
            let wave = places
                .by_ref()
                .take(places_at_once(&Device::Cpu))
                .map(|rect| {
                    let one = lens.flops(rect, Held::Nothing).0;
                    let count = ((STEP_FLOPS / one) as usize).clamp(1, self.draws);
                    done += count as f64 * one;
                    let shape = [count, rect.height(), rect.width(), 3];
                    let patches = Draws::new(5).tensor(&shape, 0.5, 0.5)?;
                    let at = rect.clone();
                    Ok(Patched { at, patches })
                })
                .collect::<Result<Vec<_>>>()?;
            let began = Instant::now();
            lens.with_each(&wave, Held::Nothing)?;
            seconds += began.elapsed().as_secs_f64();
        }
        Ok((seconds * flops / done.max(1.0), flops))
    }
}
