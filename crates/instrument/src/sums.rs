//! Running sums of a run that may be interrupted: they go through the ledger of cells, bit for bit.
//!
//! A cell holds single precision and sums are doubles, so each goes as the bits of its two halves. Nobody calculates with
//! these.

use crate::report::{CellTokens, MeasuredCell, Observer, Stage};

/// Sums of more numbers than this are not kept, 32 MiB: writing them would take longer than it is worth.
const MOST: usize = 1 << 22;
/// Copies of them that are held while they are written.
const COPIES: u64 = 5;
/// Steps that a single-precision number counts exactly.
const MOST_STEPS: usize = 1 << 24;

/// Bytes that keeping so many sums takes.
pub(crate) fn bytes(sums: usize) -> u64 {
    match sums {
        0..=MOST => 8 * COPIES * sums as u64,
        _ => 0,
    }
}

/// A double as what a cell can hold.
pub(crate) fn halves(value: f64) -> [f32; 2] {
    let bits = value.to_bits();
    [(bits >> 32) as u32, bits as u32].map(f32::from_bits)
}

/// The double whose halves these are.
pub(crate) fn whole([high, low]: [f32; 2]) -> f64 {
    f64::from_bits(u64::from(high.to_bits()) << 32 | u64::from(low.to_bits()))
}

/// Keeps sums of equal length after `done` steps, in place of those of fewer steps.
pub(crate) fn keep(observer: &mut dyn Observer, of: Stage<'_>, done: usize, sums: &[&[f64]]) {
    let numbers = sums.iter().map(|s| s.len()).sum::<usize>();
    if done == 0 || done > MOST_STEPS || numbers > MOST {
        return;
    }
    let mut samples = Vec::with_capacity(1 + 2 * numbers);
    samples.push(done as f32);
    samples.extend(sums.iter().copied().flatten().copied().flat_map(halves));
    observer.keep(
        of,
        &MeasuredCell {
            cell: 0,
            samples,
            tokens: CellTokens::default(),
        },
    );
}

/// Brings sums back, and says after how many steps they were kept; 0 and untouched sums where there are none.
pub(crate) fn take_up(observer: &dyn Observer, of: Stage<'_>, sums: &mut [&mut [f64]]) -> usize {
    let numbers = sums.iter().map(|s| s.len()).sum::<usize>();
    let Some((done, kept)) = observer
        .known(of, 0)
        .and_then(|cell| cell.samples.split_first())
        .filter(|(_, kept)| kept.len() == 2 * numbers)
    else {
        return 0;
    };
    let mut kept = kept.chunks_exact(2);
    for sum in sums.iter_mut().flat_map(|s| s.iter_mut()) {
        if let Some(&[high, low]) = kept.next() {
            *sum = whole([high, low]);
        }
    }
    *done as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::report::Report;

    #[derive(Default)]
    struct Drawer(HashMap<String, MeasuredCell>);

    impl Observer for Drawer {
        fn report(&mut self, _report: Report) {}

        fn cancelled(&self) -> bool {
            false
        }

        fn known(&self, of: Stage<'_>, _cell: usize) -> Option<&MeasuredCell> {
            self.0.get(of.field)
        }

        fn keep(&mut self, of: Stage<'_>, cell: &MeasuredCell) {
            self.0.insert(of.field.to_string(), cell.clone());
        }
    }

    #[test]
    fn sums_come_back_bit_for_bit_and_only_in_their_size() {
        let mut drawer = Drawer::default();
        let of = Stage::only("s");
        let one = [0.1, -0.0, f64::INFINITY, f64::MIN_POSITIVE / 3.0];
        let two = [1e300, f64::NAN, -7.25, 1.0 / 3.0];
        keep(&mut drawer, of, 7, &[&one, &two]);
        let (mut a, mut b) = ([0.0; 4], [0.0; 4]);
        assert_eq!(take_up(&drawer, of, &mut [&mut a, &mut b]), 7);
        assert_eq!(a.map(f64::to_bits), one.map(f64::to_bits));
        assert_eq!(b.map(f64::to_bits), two.map(f64::to_bits));
        let mut other = [5.0; 3];
        assert_eq!(take_up(&drawer, of, &mut [&mut other]), 0);
        assert_eq!(other, [5.0; 3]);
        assert_eq!(take_up(&drawer, Stage::only("t"), &mut [&mut a]), 0);
    }
}
