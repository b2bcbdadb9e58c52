//! Where patches come from.

use std::fmt;

use whyfinder_experiment::image_experiment::Bank;
use whyfinder_experiment::npy::read_bytes_npy;
use whyfinder_experiment::picture::decode_picture;

use crate::error::{InstrumentError, Result};

/// The generated patches, as tiles of a picture.
const BUILTIN: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../assets/patches/bank.png"
));
/// Side of a generated patch, pixels.
const BUILTIN_SIDE: usize = 8;

/// Square patches of 8 bits, RGB.
pub(super) struct PatchBank {
    pub(super) side: usize,
    pub(super) count: usize,
    /// `[count, side, side, 3]`.
    rgb: Vec<u8>,
}

impl fmt::Debug for PatchBank {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PatchBank({} of {1} x {1})", self.count, self.side)
    }
}

impl PatchBank {
    /// `exchanged`: with red and blue exchanged.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold patches.
    pub(super) fn open(bank: &Bank, exchanged: bool) -> Result<Self> {
        let mut bank = match bank {
            Bank::Builtin => builtin()?,
            Bank::File(path) => {
                let (shape, rgb) = read_bytes_npy(path)?;
                match *shape.as_slice() {
                    [count, side, wide, 3] if count > 0 && side > 0 && side == wide => {
                        Self { side, count, rgb }
                    }
                    _ => {
                        return Err(InstrumentError::unfit(format!(
                            "A patch bank holds uint8 values of [patches, side, side, 3], but this one is {shape:?}. \
                             Path: {}",
                            path.display()
                        )));
                    }
                }
            }
        };
        if u32::try_from(bank.count).is_err() {
            return Err(InstrumentError::unfit(
                "The patch bank holds more patches than can be counted; use a smaller one.",
            ));
        }
        if exchanged {
            bank.rgb
                .chunks_exact_mut(3)
                .for_each(|pixel| pixel.swap(0, 2));
        }
        Ok(bank)
    }

    /// One patch, `[side, side, 3]`; the first where there is none of that index.
    pub(super) fn patch(&self, index: usize) -> &[u8] {
        let size = self.side * self.side * 3;
        self.rgb
            .get(index * size..(index + 1) * size)
            .unwrap_or(&self.rgb[..size])
    }
}

fn builtin() -> Result<PatchBank> {
    let sheet = decode_picture(BUILTIN, "the program's own patch bank")?.picture;
    let side = BUILTIN_SIDE;
    let (along, down) = (sheet.width / side, sheet.height / side);
    let mut rgb = Vec::with_capacity(sheet.rgb.len());
    for tile in 0..along * down {
        for row in 0..side {
            let (y, x) = (tile / along * side + row, tile % along * side);
            let first = 3 * (y * sheet.width + x);
            rgb.extend_from_slice(&sheet.rgb[first..first + 3 * side]);
        }
    }
    Ok(PatchBank {
        side,
        count: along * down,
        rgb,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_own_patches_are_many_and_varied() {
        let bank = PatchBank::open(&Bank::Builtin, false).expect("bundled");
        assert_eq!((bank.side, bank.count), (8, 4096));
        let mut contrasts: Vec<f64> = (0..bank.count)
            .map(|index| {
                let patch = bank.patch(index);
                let mean = patch.iter().map(|&v| f64::from(v)).sum::<f64>() / patch.len() as f64;
                let squares = patch.iter().map(|&v| (f64::from(v) - mean).powi(2));
                (squares.sum::<f64>() / patch.len() as f64).sqrt()
            })
            .collect();
        contrasts.sort_by(f64::total_cmp);
        let at = |part: f64| contrasts[(part * 4095.0) as usize];
        assert!(at(0.05) < 15.0, "smooth ones: {}", at(0.05));
        assert!(at(0.95) > 45.0, "sharp ones: {}", at(0.95));
        let exchanged = PatchBank::open(&Bank::Builtin, true).expect("bundled");
        assert_eq!(exchanged.patch(7)[0], bank.patch(7)[2]);
    }
}
