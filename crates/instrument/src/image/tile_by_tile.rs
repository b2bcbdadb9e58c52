//! An output that is made tile by tile, each kept against an interruption.

use std::time::Instant;

use whyfinder_model::network::{Network, Rect, forward_region};

use super::scene::Scene;
use super::whole_output::{device_of, to_host};
use crate::error::{InstrumentError, Result};
use crate::pace::Pace;
use crate::report::{Observer, Progress, Report, Stage};

/// The output's values, `[height, width, channels]`; `tiles` cover it.
///
/// # Errors
/// [`InstrumentError::Cancelled`] if the observer says so.
pub(crate) fn tile_by_tile(
    network: &Network,
    scene: &Scene,
    tiles: &[Rect],
    observer: &mut dyn Observer,
) -> Result<Vec<f32>> {
    let input = scene.input.tensor(&device_of(network))?;
    let (height, width) = scene.output_size();
    let mut canvas = Canvas::new(height, width, scene.input.channels);
    let mut keeping = Keeping::of(tiles);
    let mut pace = Pace::default();
    for (done, tile) in tiles.iter().enumerate() {
        let began = Instant::now();
        if let Some(known) = observer.known_part(keeping.stage(), done, canvas.values_in(tile)) {
            canvas.lay(tile, &known);
        } else {
            let part = forward_region(network, &input, scene.noise(), tile)?;
            canvas.lay(tile, &to_host(&part)?);
            keeping.left.push(done);
            // Tiles cost alike.
            pace.measured(1.0, began.elapsed());
        }
        let left = tiles.len() - done - 1;
        observer.report(Report::Progress(Progress {
            done: done + 1,
            total: tiles.len(),
            seconds_left: pace.seconds(left as f64),
        }));
        let cancelled = observer.cancelled();
        if cancelled || observer.wants_parts() {
            keeping.keep(tiles, &canvas, observer);
        }
        if cancelled {
            return Err(InstrumentError::Cancelled);
        }
    }
    Ok(canvas.values)
}

/// Which tiles are not kept yet.
struct Keeping {
    /// Tiles of another size are other tiles.
    name: String,
    left: Vec<usize>,
}

impl Keeping {
    fn of(tiles: &[Rect]) -> Self {
        let (height, width) = tiles.first().map_or((0, 0), |t| (t.height(), t.width()));
        Self {
            name: format!("output, {height} x {width}"),
            left: Vec::new(),
        }
    }

    fn stage(&self) -> Stage<'_> {
        Stage::only(&self.name)
    }

    fn keep(&mut self, tiles: &[Rect], canvas: &Canvas, observer: &mut dyn Observer) {
        let stage = Stage::only(&self.name);
        for index in self.left.drain(..) {
            let rows: Vec<&[f32]> = canvas.rows_of(&tiles[index]).collect();
            observer.keep_part(stage, index, &rows);
        }
    }
}

/// A picture that is put together.
struct Canvas {
    width: usize,
    channels: usize,
    values: Vec<f32>,
}

impl Canvas {
    fn new(height: usize, width: usize, channels: usize) -> Self {
        Self {
            width,
            channels,
            values: vec![0.0; height * width * channels],
        }
    }

    fn values_in(&self, tile: &Rect) -> usize {
        tile.pixels() * self.channels
    }

    fn lay(&mut self, tile: &Rect, part: &[f32]) {
        let stride = tile.width() * self.channels;
        for (row, part) in tile.rows.clone().zip(part.chunks_exact(stride)) {
            let first = (row * self.width + tile.columns.start) * self.channels;
            self.values[first..first + stride].copy_from_slice(part);
        }
    }

    fn rows_of(&self, tile: &Rect) -> impl Iterator<Item = &[f32]> {
        let stride = tile.width() * self.channels;
        let columns = tile.columns.start;
        tile.rows.clone().map(move |row| {
            let first = (row * self.width + columns) * self.channels;
            &self.values[first..first + stride]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_is_what_is_kept() {
        let mut canvas = Canvas::new(5, 7, 3);
        let tile = Rect::new(1..4, 2..6);
        let part: Vec<f32> = (1..=canvas.values_in(&tile)).map(|i| i as f32).collect();
        canvas.lay(&tile, &part);
        let rows: Vec<&[f32]> = canvas.rows_of(&tile).collect();
        assert_eq!(rows.concat(), part);
        let laid = canvas.values.iter().filter(|v| **v != 0.0).count();
        assert_eq!(laid, part.len(), "nothing is laid beside it");
    }
}
