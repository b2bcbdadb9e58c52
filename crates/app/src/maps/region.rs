//! A rectangle of pixels: the region whose quality is asked about.

use serde::{Deserialize, Serialize};

/// Whole pixels of the output, inside the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Region {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

/// Which sides of a region a handle moves: -1 the left or upper one, 1 the right or lower one, 0 none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sides {
    pub x: i8,
    pub y: i8,
}

/// No region is smaller than this, pixels a side.
pub const SMALLEST: usize = 1;

impl Region {
    pub fn new(x: usize, y: usize, width: usize, height: usize) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// `96, 112 · 32 × 32`.
    pub fn words(&self) -> String {
        format!("{}, {} · {} × {}", self.x, self.y, self.width, self.height)
    }

    /// The nearest region of this size, or as much of it as fits, inside a picture.
    #[must_use]
    pub fn inside(self, [width, height]: [usize; 2]) -> Self {
        let w = self.width.clamp(SMALLEST, width.max(SMALLEST));
        let h = self.height.clamp(SMALLEST, height.max(SMALLEST));
        Self {
            x: self.x.min(width.saturating_sub(w)),
            y: self.y.min(height.saturating_sub(h)),
            width: w,
            height: h,
        }
    }

    /// Moved by whole pixels, stopping at the picture's edges.
    #[must_use]
    pub fn moved(self, [dx, dy]: [i64; 2], size: [usize; 2]) -> Self {
        let shift = |at: usize, by: i64| (at as i64).saturating_add(by).max(0) as usize;
        Self {
            x: shift(self.x, dx),
            y: shift(self.y, dy),
            ..self
        }
        .inside(size)
    }

    /// With some of its sides moved, the others staying where they are; never empty, never beyond the picture.
    #[must_use]
    pub fn resized(self, sides: Sides, [dx, dy]: [i64; 2], size: [usize; 2]) -> Self {
        let axis = |start: usize, length: usize, side: i8, by: i64, most: usize| {
            let (low, high) = (start as i64, (start + length) as i64);
            let least = SMALLEST as i64;
            match side {
                -1 => {
                    let low = low.saturating_add(by).clamp(0, high - least);
                    (low as usize, (high - low) as usize)
                }
                1 => {
                    let high = high.saturating_add(by).clamp(low + least, most as i64);
                    (start, (high - low) as usize)
                }
                _ => (start, length),
            }
        };
        let here = self.inside(size);
        let (x, width) = axis(here.x, here.width, sides.x, dx, size[0]);
        let (y, height) = axis(here.y, here.height, sides.y, dy, size[1]);
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// The region between two pixels, both part of it.
    pub fn between(a: [usize; 2], b: [usize; 2], size: [usize; 2]) -> Self {
        let [x, y] = [a[0].min(b[0]), a[1].min(b[1])];
        Self {
            x,
            y,
            width: a[0].max(b[0]) - x + 1,
            height: a[1].max(b[1]) - y + 1,
        }
        .inside(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [usize; 2] = [64, 48];

    #[test]
    fn a_region_stays_in_its_picture() {
        let region = Region::new(10, 10, 16, 16);
        assert_eq!(region.moved([-100, 5], SIZE), Region::new(0, 15, 16, 16));
        assert_eq!(region.moved([100, 100], SIZE), Region::new(48, 32, 16, 16));
        let large = Region::new(3, 3, 500, 10).inside(SIZE);
        assert_eq!(large, Region::new(0, 3, 64, 10));
        assert_eq!(
            Region::new(9, 9, 4, 4).inside([1, 1]),
            Region::new(0, 0, 1, 1)
        );
    }

    #[test]
    fn handles_move_their_sides_alone() {
        let region = Region::new(10, 10, 16, 16);
        let corner = Sides { x: -1, y: 1 };
        assert_eq!(
            region.resized(corner, [4, 100], SIZE),
            Region::new(14, 10, 12, 38)
        );
        assert_eq!(
            region.resized(corner, [40, -40], SIZE),
            Region::new(25, 10, 1, 1)
        );
        let right = Sides { x: 1, y: 0 };
        assert_eq!(
            region.resized(right, [-2, 9], SIZE),
            Region::new(10, 10, 14, 16)
        );
    }

    #[test]
    fn a_drag_between_two_pixels_holds_both() {
        let region = Region::between([9, 4], [5, 6], SIZE);
        assert_eq!(region, Region::new(5, 4, 5, 3));
    }
}
