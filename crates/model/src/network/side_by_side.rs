//! Patches at several places at once.
//!
//! A patch's own operations are too small to be worth more than one thread. Places do not wait for each other, so each
//! goes through the network on a thread of its own.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::lens::{Held, Lens};
use super::rect::Rect;
use crate::error::Result;
use crate::lanes;

/// Patches for one place of the picture.
#[derive(Clone, Debug)]
pub struct Patched {
    pub at: Rect,
    /// `[K, h, w, C]`.
    pub patches: Tensor,
}

/// Places that keep all threads busy, and a few more, since they do not all take the same time. One on a graphics
/// card: threads that share one get in each other's way (sixteen took three times as long as one on an H200).
pub fn places_at_once(device: &Device) -> usize {
    match lanes::most(device) {
        1 => 1,
        threads => 2 * threads,
    }
}

impl Lens<'_> {
    /// [`Lens::with_patches`] for each place; the same numbers as one after the other.
    ///
    /// # Errors
    /// As [`Lens::with_patches`].
    pub fn with_each(&self, places: &[Patched], held: Held) -> Result<Vec<Tensor>> {
        let one = |place: &Patched| self.with_patches(&place.at, &place.patches, held);
        match places {
            [place] => Ok(vec![one(place)?]),
            places => places.par_iter().map(one).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{networks, picture};
    use super::*;

    #[test]
    fn places_together_give_what_each_gives_alone() {
        for (name, network) in networks(4) {
            let channels = network.channels();
            let s = network.scale;
            let region = Rect::new(4 * s..9 * s, 3 * s..8 * s);
            let base = picture([1, 14, 13, channels], 3);
            let lens = Lens::new(&network, &base, 0.1, &region).expect("a lens");
            let places: Vec<Patched> = [(0, 0, 1), (3, 5, 2), (5, 4, 3), (12, 11, 1)]
                .into_iter()
                .map(|(y, x, count)| Patched {
                    at: Rect::new(y..y + 2, x..x + 2),
                    patches: picture([count, 2, 2, channels], (7 * y + x) as u64),
                })
                .collect();
            let together = lens.with_each(&places, Held::Nothing).expect("runs");
            for (place, together) in places.iter().zip(&together) {
                let alone = lens.with_patches(&place.at, &place.patches, Held::Nothing);
                let values = |x: &Tensor| x.flatten_all().and_then(|x| x.to_vec1::<f32>());
                assert_eq!(
                    values(&alone.expect("runs")).expect("values"),
                    values(together).expect("values"),
                    "{name}"
                );
            }
        }
    }
}
