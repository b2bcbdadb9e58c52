//! Which pixels the keys of a window stand for.

use std::ops::Range;

use whyfinder_model::network::Window;

/// One side of the window that a pixel's query belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    /// Which window, and which query of it.
    pub(crate) window: usize,
    pub(crate) query: usize,
    /// The pixels that the keys stand for, and the first key of them; masked keys and those beyond the picture left
    /// out.
    pub(crate) pixels: Range<usize>,
    pub(crate) first_key: usize,
}

impl Side {
    /// For pixel `at` of `len`, which is a multiple of the window's size.
    pub(crate) fn of(window: &Window, at: usize, len: usize) -> Self {
        let (size, shift) = (window.size, window.shift);
        if window.key_size > size {
            let margin = (window.key_size - size) / 2;
            let (index, start) = (at / size, at / size * size);
            let pixels = start.saturating_sub(margin)..(start + size + margin).min(len);
            return Self {
                window: index,
                query: at - start,
                first_key: margin + pixels.start - start,
                pixels,
            };
        }
        // Where the pixels stand once all are moved up by the shift; the last ones come around from the top.
        let moved = (at + len - shift % len) % len;
        let start = moved / size * size;
        let around = len - shift % len;
        let together = if shift == 0 || start + size <= around {
            start..start + size
        } else if moved < around {
            start..around
        } else {
            around..start + size
        };
        let back = |i: usize| (i + shift) % len;
        Self {
            window: moved / size,
            query: moved - start,
            first_key: together.start - start,
            pixels: back(together.start)..back(together.end - 1) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    fn window(key_size: usize, shift: usize) -> Window {
        Window {
            heads: 1,
            size: 4,
            key_size,
            shift,
            bias: Tensor::zeros(
                (1, 16, key_size * key_size),
                candle_core::DType::F32,
                &Device::Cpu,
            )
            .expect("a bias"),
        }
    }

    #[test]
    fn keys_of_plain_windows_are_the_windows_pixels() {
        let side = Side::of(&window(4, 0), 6, 12);
        assert_eq!((side.window, side.query), (1, 2));
        assert_eq!((side.pixels, side.first_key), (4..8, 0));
    }

    #[test]
    fn shifted_windows_do_not_reach_around_the_edge() {
        let w = window(4, 2);
        let sides: Vec<Side> = [0, 1, 2, 9, 10, 11].map(|at| Side::of(&w, at, 12)).to_vec();
        let found: Vec<_> = sides
            .iter()
            .map(|s| (s.window, s.query, s.pixels.clone(), s.first_key))
            .collect();
        assert_eq!(
            found,
            [
                (2, 2, 0..2, 2),
                (2, 3, 0..2, 2),
                (0, 0, 2..6, 0),
                (1, 3, 6..10, 0),
                (2, 0, 10..12, 0),
                (2, 1, 10..12, 0),
            ]
        );
    }

    #[test]
    fn overlapping_windows_end_at_the_picture() {
        let w = window(6, 0);
        let side = Side::of(&w, 1, 12);
        assert_eq!((side.pixels, side.first_key), (0..5, 1));
        let side = Side::of(&w, 5, 12);
        assert_eq!((side.pixels, side.first_key), (3..9, 0));
        let side = Side::of(&w, 11, 12);
        assert_eq!((side.pixels, side.first_key), (7..12, 0));
    }
}
