//! The blocks of the input.

use whyfinder_experiment::Axis;
use whyfinder_experiment::image_experiment::{InterventionSettings, Quirk};
use whyfinder_model::network::Rect;

use super::block_axes;
use crate::error::{InstrumentError, Result};
use crate::image::scene::Scene;

#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Row-major over the grid.
    pub(super) index: usize,
    pub(super) row: usize,
    pub(super) column: usize,
    /// In the input's pixels; cut at the right and lower edges.
    pub(super) rect: Rect,
    /// Whether it covers a part of the region.
    pub(super) in_region: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Grid {
    /// Side of a block in the output's pixels.
    pub(super) block: usize,
    /// Side of a block in the input's pixels.
    pub(super) step: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Row-major.
    pub(super) blocks: Vec<Block>,
    channels: usize,
    /// Centre of the region in half pixels of the input: y, x.
    centre: [usize; 2],
}

impl Grid {
    /// # Errors
    /// If a block is no whole number of the input's pixels.
    pub(super) fn of(scene: &Scene, settings: &InterventionSettings) -> Result<Self> {
        let (scale, block) = (scene.scale, settings.block);
        if !block.is_multiple_of(scale) {
            return Err(InstrumentError::unfit(format!(
                "Blocks of {block} pixels are no whole number of the input's pixels, which are enlarged {scale} \
                 times; take blocks of a multiple of {scale}."
            )));
        }
        let step = block / scale;
        let (height, width) = (scene.input.height, scene.input.width);
        let columns = width.div_ceil(step);
        let mut rows = height.div_ceil(step);
        if settings.repeats(Quirk::SquareGrid) {
            rows = rows.min(columns);
        }
        let region = scene.region();
        let span = |at: usize, length: usize| at * step..((at + 1) * step).min(length);
        let blocks = (0..rows * columns)
            .map(|index| {
                let (row, column) = (index / columns, index % columns);
                let rect = Rect::new(span(row, height), span(column, width));
                let large = |range: &std::ops::Range<usize>| range.start * scale..range.end * scale;
                let in_output = Rect::new(large(&rect.rows), large(&rect.columns));
                Block {
                    in_region: in_output.meet(&region).is_some(),
                    index,
                    row,
                    column,
                    rect,
                }
            })
            .collect();
        let centre = |range: &std::ops::Range<usize>| (range.start + range.end) / scale;
        Ok(Self {
            block,
            step,
            rows,
            columns,
            blocks,
            channels: scene.input.channels,
            centre: [centre(&region.rows), centre(&region.columns)],
        })
    }

    pub(super) fn axes(&self) -> Vec<Axis> {
        block_axes(self.rows, self.columns)
    }

    /// Bytes of one patch.
    pub(super) fn patch_bytes(&self) -> usize {
        self.step * self.step * self.channels
    }

    /// Orders blocks by their distance from the region.
    pub(super) fn outwards(&self, blocks: &mut [&Block]) {
        let [y, x] = self.centre;
        blocks.sort_by_key(|block| {
            let far = |range: &std::ops::Range<usize>, to: usize| {
                (range.start + range.end).abs_diff(to).pow(2)
            };
            far(&block.rect.rows, y) + far(&block.rect.columns, x)
        });
    }
}
