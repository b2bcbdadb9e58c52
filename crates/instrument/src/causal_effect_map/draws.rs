//! Which patch is drawn for which intervention.

use whyfinder_experiment::RandomState;
use whyfinder_experiment::image_experiment::Draws;

use super::grid::{Block, Grid};
use super::patches::PatchMaker;

/// Gives each intervention its patch.
#[derive(Debug)]
pub(super) struct DrawSource<'a> {
    maker: &'a PatchMaker<'a>,
    stream: Stream,
    patch_bytes: usize,
}

#[derive(Debug)]
enum Stream {
    /// One for the whole map: blocks have to be drawn in their order, all of them.
    Numpy(Box<RandomState>),
    /// One for each draw of each block.
    Own { seed: u32 },
    /// One for each draw.
    Common { seed: u32 },
}

impl<'a> DrawSource<'a> {
    pub(super) fn new(draws: Draws, seed: u32, maker: &'a PatchMaker<'a>, grid: &Grid) -> Self {
        Self {
            maker,
            stream: match draws {
                Draws::Numpy => Stream::Numpy(Box::new(RandomState::new(seed))),
                Draws::Stream => Stream::Own { seed },
                Draws::Common => Stream::Common { seed },
            },
            patch_bytes: grid.patch_bytes(),
        }
    }

    pub(super) fn patch_bytes(&self) -> usize {
        self.patch_bytes
    }

    /// The draws `draws` of a block: patches one after the other, each `[height, width, channels]`.
    pub(super) fn draw(&mut self, block: &Block, draws: std::ops::Range<usize>) -> Vec<u8> {
        let mut patches = Vec::with_capacity(draws.len() * self.patch_bytes);
        for draw in draws {
            let patch = match &mut self.stream {
                Stream::Numpy(state) => {
                    let choice = state.below(self.maker.choices()) as usize;
                    self.maker.make(choice, &block.rect, || state.normal())
                }
                Stream::Own { seed } => {
                    let own = OwnStream::of(*seed, [block.row, block.column, draw]);
                    self.made_from(own, block)
                }
                Stream::Common { seed } => {
                    let own = OwnStream::of(*seed, [usize::MAX, usize::MAX, draw]);
                    self.made_from(own, block)
                }
            };
            patches.extend(patch);
        }
        patches
    }

    fn made_from(&self, mut own: OwnStream, block: &Block) -> Vec<u8> {
        let choice = own.below(self.maker.choices()) as usize;
        self.maker.make(choice, &block.rect, || own.normal())
    }

    /// Passes over the draws of a block that is not run.
    pub(super) fn skip(&mut self, draws: usize) {
        if let Stream::Numpy(state) = &mut self.stream {
            for _ in 0..draws {
                state.below(self.maker.choices());
                for _ in 0..self.maker.normals() {
                    state.normal();
                }
            }
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014), begun anew for every draw.
#[derive(Clone, Debug)]
struct OwnStream {
    state: u64,
    kept: Option<f64>,
}

impl OwnStream {
    fn of(seed: u32, keys: [usize; 3]) -> Self {
        let mut stream = Self {
            state: u64::from(seed),
            kept: None,
        };
        for key in keys {
            stream.state = stream.next() ^ key as u64;
        }
        stream
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u32
    }

    /// In `[0, 1)`.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal value, by the polar method.
    fn normal(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.kept = Some(factor * x);
                return factor * y;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_draw_of_every_block_has_a_stream_of_its_own() {
        let mut firsts = std::collections::BTreeSet::new();
        for seed in 0..3 {
            for row in 0..5 {
                for column in 0..5 {
                    for draw in 0..5 {
                        firsts.insert(OwnStream::of(seed, [row, column, draw]).next());
                    }
                }
            }
        }
        assert_eq!(firsts.len(), 3 * 5 * 5 * 5);
    }

    #[test]
    fn normals_have_mean_zero_and_deviation_one() {
        let mut stream = OwnStream::of(1, [2, 3, 4]);
        let values: Vec<f64> = (0..20_000).map(|_| stream.normal()).collect();
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        let choices: Vec<u32> = (0..10_000).map(|_| stream.below(10)).collect();
        for choice in 0..10 {
            let count = choices.iter().filter(|&&c| c == choice).count();
            assert!((850..1150).contains(&count), "{choice}: {count}");
        }
    }
}
