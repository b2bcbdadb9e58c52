//! One block's interventions as pictures: the worst, the median and the best, with the outputs that they caused.

use whyfinder_experiment::{Axis, Field, Labels};
use whyfinder_model::network::Held;

use super::draws::DrawSource;
use super::engine::{Pack, Runner};
use super::grid::{Block, Grid};
use crate::error::{InstrumentError, Result};
use crate::image::eight_bit::unit;
use crate::image::fields::channel_axis;
use crate::image::scene::Scene;

/// The one block that is run.
///
/// # Errors
/// If the grid has no such block.
pub(super) fn block_at(grid: &Grid, [row, column]: [usize; 2]) -> Result<&Block> {
    let here = |block: &&Block| block.row == row && block.column == column;
    grid.blocks.iter().find(here).ok_or_else(|| {
        InstrumentError::unfit(format!(
            "There is no block in row {row} and column {column}: the map has {} rows and {} columns, counted from 0; \
             set intervention.only to one of them.",
            grid.rows, grid.columns
        ))
    })
}

/// Values of the pictures of one block, at most.
pub(super) fn values(scene: &Scene, grid: &Grid) -> usize {
    let region = scene.region().pixels() * scene.input.channels;
    // The patch, the region that it caused, and its quality, three times.
    3 * (grid.patch_bytes() + region + 1)
}

/// Which of the effects are the largest, the one in the middle and the least; fewer where there are fewer.
fn worst_median_best(effects: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..effects.len()).collect();
    order.sort_by(|&a, &b| effects[b].total_cmp(&effects[a]));
    let mut chosen: Vec<usize> = [0, order.len() / 2, order.len().saturating_sub(1)]
        .iter()
        .filter_map(|&at| order.get(at).copied())
        .collect();
    chosen.dedup();
    chosen
}

/// What repeats interventions for their pictures.
pub(super) struct Tried<'a> {
    pub(super) runner: &'a Runner<'a>,
    /// The PSNR without an intervention, dB.
    pub(super) base: f64,
    /// Height and width of the region.
    pub(super) region: [usize; 2],
    pub(super) channels: usize,
}

impl Tried<'_> {
    /// `tried.patch` and `tried.output` over draw, y, x and channel, and `tried.psnr` over draw, dB; nothing where there
    /// are no effects.
    ///
    /// `effects` are those of the draws from `first` on.
    pub(super) fn fields(
        &self,
        source: &mut DrawSource<'_>,
        block: &Block,
        first: usize,
        effects: &[f32],
    ) -> Result<Vec<Field>> {
        let chosen = worst_median_best(effects);
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let (mut patches, mut outputs, mut qualities) = (Vec::new(), Vec::new(), Vec::new());
        for &at in &chosen {
            let patch = source.draw(block, first + at..first + at + 1);
            let pack = Pack {
                at: &block.rect,
                patches: &patch,
                count: 1,
            };
            let caused = self.runner.outputs(&[pack], Held::Nothing)?;
            outputs.extend(caused.into_iter().flatten());
            patches.extend(unit(&patch));
            qualities.push((self.base - f64::from(effects[at])) as f32);
        }
        let draws = || Axis {
            name: "draw".to_string(),
            labels: Labels::Number(chosen.iter().map(|&at| (first + at) as f64).collect()),
        };
        let pictures = |name: &str, [height, width]: [usize; 2], values: Vec<f32>| {
            let axes = vec![
                draws(),
                Axis::numbered("y", height),
                Axis::numbered("x", width),
                channel_axis(self.channels),
            ];
            Field::measured(name, axes, values)
        };
        let patch = [block.rect.height(), block.rect.width()];
        Ok(vec![
            pictures("tried.patch", patch, patches)?,
            pictures("tried.output", self.region, outputs)?,
            Field::measured("tried.psnr", vec![draws()], qualities)?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::worst_median_best;

    #[test]
    fn the_worst_has_the_largest_effect() {
        assert_eq!(worst_median_best(&[0.1, 2.0, -0.5, 0.3, 0.2]), [1, 4, 2]);
        assert_eq!(worst_median_best(&[1.0]), [0]);
        assert!(worst_median_best(&[]).is_empty());
    }
}
