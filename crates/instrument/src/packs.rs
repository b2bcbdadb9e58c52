//! Packs: cells of a trace that go through the network together.
//!
//! A pack is large enough that matrix products run at full speed, small enough for memory and for a person who waits
//! for a sign of life, and begins where its cells begin to differ from the corrupted run. What is in a pack is
//! counted, not timed, since the last bits of a sum may depend on the batch that it is in, and a run has to give the
//! same numbers again.

use std::ops::Range;

use candle_core::Device;
use whyfinder_experiment::TraceKind;
use whyfinder_model::{DecoderConfig, lanes};

use crate::cells::Cell;
use crate::memory::{
    after_attention_flops, block_flops, known_flops, tail_row_bytes, unembed_flops,
};

/// Positions that make a batch large enough for matrix products to run at full speed.
const WORTHWHILE_POSITIONS: usize = 1024;
/// Positions up to which a batch takes about as long as a smaller one.
const FEW_POSITIONS: usize = 256;
/// Positions beyond which a batch gains nothing, if it is also much arithmetic.
const MOST_POSITIONS: usize = 2048;
/// Arithmetic of one pack: some tens of milliseconds on a desktop processor, so that a window fills while one
/// watches.
const PACK_FLOPS: f64 = 2e9;
/// Parts of the memory that packs are cut to, so that some can run side by side where there is little of it.
const SHARES: u64 = 8;

/// Some samples of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Index into the cells.
    pub(crate) cell: usize,
    pub(crate) samples: Range<usize>,
    /// The piece of the pack that is the same until this cell's window ends.
    pub(crate) trunk: Option<usize>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pack {
    pub(crate) pieces: Vec<Piece>,
    /// The first position computed.
    start: usize,
    rows: usize,
    pub(crate) flops: f64,
    pub(crate) bytes: u64,
}

/// What packs are cut by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut<'a> {
    pub(crate) config: &'a DecoderConfig,
    /// Positions of the corrupted prompt.
    pub(crate) length: usize,
    /// The first draw.
    pub(crate) first: usize,
    /// Draws from there on.
    pub(crate) samples: usize,
    /// Memory for one pack. At least one row is run in any case.
    pub(crate) bytes: u64,
}

/// All these draws of all cells, once each; cells in the order of [`crate::cells::plan`].
pub(crate) fn packs(cells: &[Cell], cut: Cut<'_>) -> Vec<Pack> {
    let mut packs = Vec::new();
    let mut open = Pack::default();
    let mut first = 0;
    for family in cells.chunk_by(shares_trunk) {
        let members: Vec<usize> = (first..first + family.len()).collect();
        first += family.len();
        let most_rows = cut.most_rows(family[0].place);
        // Without room for all at once each goes alone, its trunk anew.
        let parts: Vec<&[usize]> = if members.len() <= most_rows {
            vec![&members]
        } else {
            members.chunks(1).collect()
        };
        for part in parts {
            let whole = cut.pack(cells, part, cut.first..cut.end());
            let at_once = cut.samples_at_once(&whole, part.len());
            if at_once < cut.samples {
                // The pieces of a cell come one after the other, with nothing else.
                close(&mut open, &mut packs);
                for from in (cut.first..cut.end()).step_by(at_once) {
                    let samples = from..cut.end().min(from + at_once);
                    packs.push(cut.pack(cells, part, samples));
                }
                continue;
            }
            if let Some(joined) = cut.joined(cells, &open, &whole) {
                open = joined;
                continue;
            }
            close(&mut open, &mut packs);
            open = whole;
        }
    }
    close(&mut open, &mut packs);
    packs
}

/// Memory for one pack where several share `bytes`; `least` is what one row takes. The same on every machine with the
/// same memory, however many threads it has.
pub(crate) fn share(bytes: u64, least: u64, device: &Device) -> u64 {
    let shares = if device.is_cpu() { SHARES } else { 1 };
    (bytes / shares).max(least.min(bytes))
}

/// Packs that may be under way at a time on a device, within so many bytes.
pub(crate) fn at_once(packs: &[Pack], bytes: u64, device: &Device) -> usize {
    let largest = packs.iter().map(|pack| pack.bytes).max().unwrap_or(0);
    let fit = usize::try_from(bytes / largest.max(1)).unwrap_or(usize::MAX);
    fit.clamp(1, lanes::most(device))
}

/// Windows that begin at the same block restore the same values until the shorter one ends.
fn shares_trunk(a: &Cell, b: &Cell) -> bool {
    let same = (a.kind, a.token, a.window.start) == (b.kind, b.token, b.window.start);
    same && a.kind != TraceKind::Residual
}

fn close(open: &mut Pack, packs: &mut Vec<Pack>) {
    if !open.pieces.is_empty() {
        packs.push(std::mem::take(open));
    }
}

impl Cut<'_> {
    fn end(&self) -> usize {
        self.first + self.samples
    }

    fn most_rows(&self, start: usize) -> usize {
        let row = tail_row_bytes(self.config, self.length - start);
        usize::try_from(self.bytes / row)
            .unwrap_or(usize::MAX)
            .max(1)
    }

    fn samples_at_once(&self, whole: &Pack, cells: usize) -> usize {
        let mut most = self.most_rows(whole.start) / cells;
        if whole.flops > PACK_FLOPS {
            most = most.min(MOST_POSITIONS / ((self.length - whole.start) * cells));
        }
        most.clamp(1, self.samples)
    }

    /// A pack of one family, the longest window first.
    fn pack(&self, cells: &[Cell], family: &[usize], samples: Range<usize>) -> Pack {
        let pieces = family.iter().enumerate().map(|(i, &cell)| Piece {
            cell,
            samples: samples.clone(),
            trunk: (i > 0).then_some(0),
        });
        self.measured(cells, pieces.collect())
    }

    /// Both packs in one, if they gain by it and neither has to wait for it.
    fn joined(&self, cells: &[Cell], open: &Pack, next: &Pack) -> Option<Pack> {
        let of = |pack: &Pack| pack.pieces.first().map(|piece| cells[piece.cell].kind);
        if of(open) != of(next) {
            return None;
        }
        let offset = open.pieces.len();
        let mut pieces = open.pieces.clone();
        pieces.extend(next.pieces.iter().cloned().map(|piece| Piece {
            trunk: piece.trunk.map(|trunk| trunk + offset),
            ..piece
        }));
        let joined = self.measured(cells, pieces);
        let grown = open.rows * (self.length - joined.start);
        // Positions before a row's own first are computed for nothing, but a few cost no time.
        let small = match open.start == joined.start {
            true => grown < WORTHWHILE_POSITIONS || open.flops < PACK_FLOPS,
            false => grown < FEW_POSITIONS,
        };
        let fits = joined.rows <= self.most_rows(joined.start);
        (small && fits).then_some(joined)
    }

    fn measured(&self, cells: &[Cell], pieces: Vec<Piece>) -> Pack {
        let start = pieces
            .iter()
            .map(|piece| cells[piece.cell].place)
            .min()
            .unwrap_or(0);
        let (config, positions) = (self.config, self.length - start);
        let mut joining = vec![0; config.layers + 1];
        let mut fresh = joining.clone();
        let (mut rows, mut openings) = (0, 0);
        for piece in &pieces {
            let cell = &cells[piece.cell];
            // Of the first block that is restored only one position is computed, beside the batch.
            let joins = match piece.trunk {
                Some(_) => cell.window.end,
                None => cell.window.start + 1,
            };
            joining[joins] += piece.samples.len();
            if joins == cell.window.start + 1 {
                fresh[joins] += piece.samples.len();
            }
            rows += piece.samples.len();
            if cell.kind != TraceKind::Residual && piece.trunk.is_none() {
                openings += piece.samples.len();
            }
        }
        let mut inside = 0;
        let mut flops = openings as f64 * after_attention_flops(config, 1)
            + rows as f64 * unembed_flops(config);
        for (layer, joining) in joining[..config.layers].iter().enumerate() {
            inside += joining;
            let last = layer + 1 == config.layers;
            let outputs = if last { 1 } else { positions };
            flops += inside as f64 * block_flops(config, self.length, positions, outputs);
            flops -= fresh[layer] as f64 * known_flops(config, positions, outputs);
        }
        Pack {
            bytes: rows as u64 * tail_row_bytes(config, positions),
            pieces,
            start,
            rows,
            flops,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::plan;
    use crate::cells::tests::config;
    use whyfinder_experiment::TraceSettings;

    #[test]
    fn packs_hold_each_row_once_and_within_the_memory() {
        for layers in [1, 3, 12] {
            let config = DecoderConfig {
                layers,
                spans: config().spans[..1].repeat(layers),
                ..config()
            };
            for (length, samples, window) in [(1, 1, 1), (7, 3, 2), (24, 10, 10), (9, 4, 100)] {
                let trace = TraceSettings {
                    window,
                    ..TraceSettings::default()
                };
                let places: Vec<_> = (0..length).map(Some).collect();
                let cells = plan(&config, &trace, &places, 0, length - 1).run;
                let least = tail_row_bytes(&config, length);
                for bytes in [1, least, 7 * least, 60 * least, u64::MAX] {
                    let cut = Cut {
                        config: &config,
                        length,
                        first: 0,
                        samples,
                        bytes,
                    };
                    let packs = packs(&cells, cut);
                    check(&packs, &cells, samples);
                    for pack in &packs {
                        assert!(pack.bytes <= bytes.max(least), "{} of {bytes}", pack.bytes);
                        assert!(pack.flops > 0.0);
                    }
                }
            }
        }
    }

    fn check(packs: &[Pack], cells: &[Cell], samples: usize) {
        let mut next = vec![0; cells.len()];
        for pack in packs {
            for piece in &pack.pieces {
                let cell = &cells[piece.cell];
                assert!(pack.start <= cell.place);
                assert_eq!(
                    piece.samples.start, next[piece.cell],
                    "samples come in order"
                );
                next[piece.cell] = piece.samples.end;
                if let Some(trunk) = piece.trunk.map(|trunk| &pack.pieces[trunk]) {
                    let longer = &cells[trunk.cell];
                    assert!(shares_trunk(cell, longer) && trunk.trunk.is_none());
                    assert!(longer.window.end >= cell.window.end);
                    assert_eq!(trunk.samples, piece.samples);
                }
            }
        }
        assert!(next.iter().all(|&next| next == samples));
    }

    #[test]
    fn a_packed_sweep_takes_less_than_its_parts() {
        let config = DecoderConfig {
            layers: 12,
            spans: config().spans[..1].repeat(12),
            ..config()
        };
        let places: Vec<_> = (0..24).map(Some).collect();
        let cells = plan(&config, &TraceSettings::default(), &places, 1, 23).run;
        let cut = |bytes| Cut {
            config: &config,
            length: 24,
            first: 0,
            samples: 10,
            bytes,
        };
        let flops = |packs: &[Pack]| packs.iter().map(|pack| pack.flops).sum::<f64>();
        // With room for a row at a time, no trunk is shared.
        let together = flops(&packs(&cells, cut(u64::MAX)));
        let alone = flops(&packs(&cells, cut(1)));
        assert!(together < 0.95 * alone, "{together} {alone}");
    }
}
