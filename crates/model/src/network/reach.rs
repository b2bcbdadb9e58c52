//! Which pixels of the picture an output can depend on, from the network's own operations.

use super::axis::{AxisMap, axis_map};
use super::extent::Extent;
use super::node::{Network, NodeId};
use super::rect::Rect;
use crate::error::{ModelError, Result};

/// A set of pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    pub height: usize,
    pub width: usize,
    /// Row-major.
    pub pixels: Vec<bool>,
}

impl Mask {
    pub fn new(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            pixels: vec![false; height * width],
        }
    }

    pub fn contains(&self, row: usize, column: usize) -> bool {
        column < self.width
            && self
                .pixels
                .get(row * self.width + column)
                .copied()
                .unwrap_or(false)
    }

    pub fn fill(&mut self, rect: &Rect) {
        for row in rect.rows.start..rect.rows.end.min(self.height) {
            let (start, end) = (rect.columns.start, rect.columns.end.min(self.width));
            if start < end {
                self.pixels[row * self.width + start..row * self.width + end].fill(true);
            }
        }
    }

    /// Whether any pixel of a rectangle is in the set.
    pub fn meets(&self, rect: &Rect) -> bool {
        let columns = rect.columns.start..rect.columns.end.min(self.width);
        (rect.rows.start..rect.rows.end.min(self.height)).any(|row| {
            let row = &self.pixels[row * self.width..(row + 1) * self.width];
            row.get(columns.clone())
                .is_some_and(|pixels| pixels.contains(&true))
        })
    }

    pub fn count(&self) -> usize {
        self.pixels.iter().filter(|&&p| p).count()
    }

    /// The smallest rectangle around the set.
    pub fn hull(&self) -> Option<Rect> {
        let full =
            |row: &usize| self.pixels[row * self.width..(row + 1) * self.width].contains(&true);
        let top = (0..self.height).find(full)?;
        let bottom = (0..self.height).rev().find(full)? + 1;
        let mut columns = self.width..0;
        for row in self.pixels.chunks_exact(self.width) {
            if let Some(first) = row.iter().position(|&p| p) {
                columns.start = columns.start.min(first);
            }
            if let Some(last) = row.iter().rposition(|&p| p) {
                columns.end = columns.end.max(last + 1);
            }
        }
        Some(Rect::new(top..bottom, columns))
    }

    fn join(&mut self, other: &Mask) {
        for (mine, theirs) in self.pixels.iter_mut().zip(&other.pixels) {
            *mine |= theirs;
        }
    }
}

/// What an output region can depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// Pixels of the picture that the region can depend on (the theoretical receptive field).
    pub pixels: Mask,
    /// Names of the nodes on the way that read all pixels at once.
    pub global: Vec<String>,
}

/// The pixels that a region of the output can depend on, in a picture of `height` by `width`.
///
/// Exact for weights without exact zeros, pixel by pixel: windows, shifts and reflected edges included.
///
/// # Errors
/// If the region lies outside the output, or the picture does not suit the network.
pub fn reach(network: &Network, height: usize, width: usize, region: &Rect) -> Result<Reach> {
    let extents = network.extents(height, width)?;
    check_region(region, extents[network.output])?;
    let mut masks: Vec<Option<Mask>> = vec![None; network.nodes.len()];
    let output = extents[network.output];
    let mut start = Mask::new(output.height, output.width);
    start.fill(region);
    masks[network.output] = Some(start);
    let global_nodes: Vec<NodeId> = network.global_nodes().collect();
    let mut global = Vec::new();
    for (id, node) in network.nodes.iter().enumerate().skip(1).rev() {
        let Some(needed) = masks[id].take() else {
            continue;
        };
        if global_nodes.contains(&id) {
            global.push(node.name.clone());
        }
        for (argument, &input) in node.inputs.iter().enumerate() {
            let map = |rows| axis_map(&node.operation, argument, rows, extents[input], extents[id]);
            if map(true) == AxisMap::Nothing {
                continue;
            }
            let read = read_by(&needed, map(true), map(false), extents[input]);
            match &mut masks[input] {
                Some(mask) => mask.join(&read),
                empty => *empty = Some(read),
            }
        }
    }
    global.reverse();
    Ok(Reach {
        pixels: masks[0].take().unwrap_or_else(|| Mask::new(height, width)),
        global,
    })
}

pub(super) fn check_region(region: &Rect, output: Extent) -> Result<()> {
    if region.pixels() == 0 || region.rows.end > output.height || region.columns.end > output.width
    {
        return Err(ModelError::Input(format!(
            "The region (columns {} to {}, rows {} to {}) is not inside the output of {} x {} pixels.",
            region.columns.start,
            region.columns.end,
            region.rows.start,
            region.rows.end,
            output.width,
            output.height
        )));
    }
    Ok(())
}

/// All inputs that a set of outputs reads; rows and columns act apart.
fn read_by(needed: &Mask, rows: AxisMap, columns: AxisMap, input: Extent) -> Mask {
    let Some(hull) = needed.hull() else {
        return Mask::new(input.height, input.width);
    };
    let mut tall = Mask::new(input.height, needed.width);
    for o in hull.rows.clone() {
        let from = &needed.pixels[o * needed.width..(o + 1) * needed.width];
        rows.each(o, |i| {
            let to = &mut tall.pixels[i * needed.width..(i + 1) * needed.width];
            for (to, from) in to.iter_mut().zip(from) {
                *to |= from;
            }
        });
    }
    // What is cropped is wider than what remains of it.
    if columns == AxisMap::Same && needed.width == input.width {
        return tall;
    }
    let mut read = Mask::new(input.height, input.width);
    let taps: Vec<(usize, Vec<usize>)> = hull
        .columns
        .map(|o| {
            let mut all = Vec::new();
            columns.each(o, |i| all.push(i));
            (o, all)
        })
        .collect();
    for row in 0..input.height {
        let from = &tall.pixels[row * tall.width..(row + 1) * tall.width];
        if !from.contains(&true) {
            continue;
        }
        let to = &mut read.pixels[row * input.width..(row + 1) * input.width];
        for (o, taps) in &taps {
            if from[*o] {
                for &i in taps {
                    to[i] = true;
                }
            }
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use candle_core::Tensor;

    use super::super::forward::{NoNodeProbe, forward};
    use super::super::testing::{networks, picture};
    use super::*;
    use crate::kernel::paste::paste;

    /// Changes each pixel in turn and looks whether the region's output moves.
    fn by_trying(network: &Network, height: usize, width: usize, region: &Rect) -> Mask {
        let channels = network.channels();
        let base = picture([1, height, width, channels], 1);
        let other = picture([1, 1, 1, channels], 2);
        let read = |x: &Tensor| -> Vec<f32> {
            let y = forward(network, x, 0.2, &mut NoNodeProbe).expect("runs");
            let y = y
                .narrow(1, region.rows.start, region.height())
                .expect("rows");
            let y = y
                .narrow(2, region.columns.start, region.width())
                .expect("columns");
            y.flatten_all().and_then(|y| y.to_vec1()).expect("values")
        };
        let untouched = read(&base);
        let mut mask = Mask::new(height, width);
        for row in 0..height {
            for column in 0..width {
                let changed = paste(&base, &other, (row, column)).expect("inside");
                mask.pixels[row * width + column] = read(&changed) != untouched;
            }
        }
        mask
    }

    #[test]
    fn the_reach_is_what_trying_every_pixel_finds() {
        for (name, network) in networks(3) {
            // Not the sides that suit the windows, so that reflected edges count.
            for (height, width) in [(13, 14), (16, 16)] {
                let s = network.scale;
                for region in [
                    Rect::new(0..s, 0..s),
                    Rect::new(6 * s..7 * s, 5 * s..8 * s),
                    Rect::new(12 * s..13 * s, 13 * s..14 * s),
                ] {
                    let found = reach(&network, height, width, &region).expect("inside");
                    let tried = by_trying(&network, height, width, &region);
                    let draw = |mask: &Mask| {
                        mask.pixels
                            .chunks(mask.width)
                            .map(|row| row.iter().map(|&p| if p { '#' } else { '.' }).collect())
                            .collect::<Vec<String>>()
                            .join("\n")
                    };
                    // What can move the output may not do so for these values (a maximum, a rectifier); never the
                    // other way round.
                    let missed = tried.pixels.iter().zip(&found.pixels.pixels);
                    assert!(
                        missed.clone().all(|(tried, found)| !tried || *found),
                        "{name} {region:?}\n{}\n\n{}",
                        draw(&tried),
                        draw(&found.pixels)
                    );
                    if !["strided", "dilated", "chain"].contains(&name) {
                        let extra = missed.filter(|(tried, found)| !**tried && **found).count();
                        assert!(
                            extra == 0,
                            "{name} {region:?}: {extra}\n{}\n\n{}",
                            draw(&tried),
                            draw(&found.pixels)
                        );
                    }
                    assert_eq!(!found.global.is_empty(), name == "pooled");
                }
            }
        }
    }

    #[test]
    fn a_region_outside_the_output_is_refused() {
        let (_, network) = networks(1).remove(0);
        let message = reach(&network, 8, 8, &Rect::new(0..9, 0..2))
            .expect_err("outside")
            .to_string();
        assert!(message.contains("8 x 8"), "{message}");
    }

    #[test]
    fn sets_of_pixels_know_what_they_hold() {
        let mut mask = Mask::new(4, 5);
        assert_eq!(mask.hull(), None);
        mask.fill(&Rect::new(1..3, 2..9));
        assert_eq!(mask.count(), 6);
        assert_eq!(mask.hull(), Some(Rect::new(1..3, 2..5)));
        assert!(mask.contains(2, 4) && !mask.contains(2, 5) && !mask.contains(9, 0));
        assert!(mask.meets(&Rect::new(0..2, 0..3)) && !mask.meets(&Rect::new(0..1, 0..5)));
    }
}
