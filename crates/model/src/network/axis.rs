//! Which inputs an output depends on, along one side of the picture.
//!
//! Every operation treats rows and columns alike and apart, so one map per side says everything.

use std::ops::Range;

use super::extent::Extent;
use super::node::Operation;

/// From an output's index to the indices that it reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum AxisMap {
    /// The values do not matter, only the size.
    Nothing,
    Same,
    /// One value for all.
    First,
    All {
        len: usize,
    },
    /// `stride o - before + dilation tap` for `taps` taps, inside `0..len`.
    Taps {
        taps: usize,
        stride: usize,
        dilation: usize,
        before: usize,
        len: usize,
    },
    /// `factor` outputs per input.
    Finer {
        factor: usize,
    },
    /// `factor` inputs per output.
    Coarser {
        factor: usize,
    },
    Bilinear {
        out: usize,
        len: usize,
    },
    /// The group of an attention window.
    Window {
        size: usize,
        shift: usize,
        len: usize,
    },
    /// The keys of a window that overlaps its neighbours.
    Overlapping {
        size: usize,
        key_size: usize,
        len: usize,
    },
    /// Beyond the end, reflected at the last.
    Reflected {
        len: usize,
    },
    /// Beyond the end, the last.
    Repeated {
        len: usize,
    },
}

/// Rows if `rows`, else columns, of input `argument`.
pub(super) fn axis_map(
    operation: &Operation,
    argument: usize,
    rows: bool,
    input: Extent,
    output: Extent,
) -> AxisMap {
    let side = |extent: Extent| if rows { extent.height } else { extent.width };
    let (len, out) = (side(input), side(output));
    match operation {
        Operation::Input { .. } | Operation::NoiseLevel => AxisMap::Nothing,
        Operation::Convolution(c) => AxisMap::Taps {
            taps: c.kernel(),
            stride: c.stride,
            dilation: c.dilation,
            before: c.padding,
            len,
        },
        Operation::Add | Operation::Subtract | Operation::Multiply if argument == 1 => {
            // The sides of a pooled value are 1 together; a picture one pixel wide is not pooled.
            let pooled = input.height == 1 && input.width == 1;
            if pooled {
                AxisMap::First
            } else {
                AxisMap::Same
            }
        }
        Operation::PixelShuffle(factor) | Operation::Nearest(factor) => {
            AxisMap::Finer { factor: *factor }
        }
        Operation::PixelUnshuffle(factor) => AxisMap::Coarser { factor: *factor },
        Operation::Bilinear(_) => AxisMap::Bilinear { out, len },
        Operation::ResizeTo if argument == 0 => AxisMap::Bilinear { out, len },
        Operation::ResizeTo => AxisMap::Nothing,
        Operation::MaxPool { size, stride } => AxisMap::Taps {
            taps: *size,
            stride: *stride,
            dilation: 1,
            before: 0,
            len,
        },
        Operation::GlobalMean | Operation::GlobalContrast => AxisMap::All { len },
        Operation::WindowPattern(window) => window_map(window, len),
        Operation::WindowMix(window) if argument == 1 => window_map(window, len),
        Operation::PadToMultiple(_) => AxisMap::Reflected { len },
        Operation::RepeatToMultiple(_) => AxisMap::Repeated { len },
        Operation::Activation(_)
        | Operation::ParametricRelu(_)
        | Operation::Affine { .. }
        | Operation::Scale(_)
        | Operation::LayerNorm { .. }
        | Operation::Add
        | Operation::Subtract
        | Operation::Multiply
        | Operation::Concatenate
        | Operation::Channels { .. }
        | Operation::WindowMix(_)
        | Operation::CropToPicture { .. } => AxisMap::Same,
    }
}

fn window_map(window: &super::node::Window, len: usize) -> AxisMap {
    if window.key_size > window.size {
        AxisMap::Overlapping {
            size: window.size,
            key_size: window.key_size,
            len,
        }
    } else {
        AxisMap::Window {
            size: window.size,
            shift: window.shift,
            len,
        }
    }
}

impl AxisMap {
    /// Calls `read` with each index that output `o` reads.
    pub(super) fn each(self, o: usize, mut read: impl FnMut(usize)) {
        match self {
            AxisMap::Taps {
                taps,
                stride,
                dilation,
                before,
                len,
            } => {
                for tap in 0..taps {
                    let at = (o * stride + tap * dilation).wrapping_sub(before);
                    if at < len {
                        read(at);
                    }
                }
            }
            _ => self.around(&(o..o + 1)).for_each(read),
        }
    }

    /// The smallest range around all that a range of outputs reads; may be empty.
    pub(super) fn around(self, outputs: &Range<usize>) -> Range<usize> {
        if outputs.is_empty() {
            return 0..0;
        }
        let (first, last) = (outputs.start, outputs.end - 1);
        match self {
            AxisMap::Nothing => 0..0,
            AxisMap::Same => outputs.clone(),
            AxisMap::First => 0..1,
            AxisMap::All { len } => 0..len,
            AxisMap::Taps {
                taps,
                stride,
                dilation,
                before,
                len,
            } => {
                let start = (first * stride).saturating_sub(before);
                let end = (last * stride + dilation * (taps.max(1) - 1) + 1).saturating_sub(before);
                let end = end.min(len);
                start.min(end)..end
            }
            AxisMap::Finer { factor } => first / factor..last / factor + 1,
            AxisMap::Coarser { factor } => first * factor..(last + 1) * factor,
            AxisMap::Bilinear { out, len } => {
                let start = bilinear(first, out, len).0;
                let (low, high, weight) = bilinear(last, out, len);
                start..if weight > 0.0 { high + 1 } else { low + 1 }
            }
            AxisMap::Window { size, shift, len } => {
                group(first, size, shift, len).start..group(last, size, shift, len).end
            }
            AxisMap::Overlapping {
                size,
                key_size,
                len,
            } => {
                let margin = (key_size - size) / 2;
                let start = (first / size * size).saturating_sub(margin);
                start..((last / size + 1) * size + margin).min(len)
            }
            AxisMap::Reflected { len } => {
                let end = outputs.end.min(len);
                if outputs.end <= len {
                    return outputs.clone();
                }
                // Index len + i repeats len - 2 - i.
                let deepest = (2 * len).saturating_sub(2 + last);
                let nearest = (2 * len).saturating_sub(2 + first.max(len));
                deepest.min(first)..end.max(nearest + 1)
            }
            AxisMap::Repeated { len } => first.min(len - 1)..outputs.end.min(len),
        }
    }

    /// The smallest range around all outputs, of `out` there are, that read something of a range of inputs.
    pub(super) fn touched(self, inputs: &Range<usize>, out: usize) -> Range<usize> {
        if inputs.is_empty() || self == AxisMap::Nothing {
            return 0..0;
        }
        if self == AxisMap::Same {
            return inputs.start..inputs.end.min(out).max(inputs.start);
        }
        let reads = |o: &usize| {
            let read = self.around(&(*o..*o + 1));
            read.start < inputs.end && inputs.start < read.end
        };
        match ((0..out).find(reads), (0..out).rev().find(reads)) {
            (Some(first), Some(last)) => first..last + 1,
            _ => 0..0,
        }
    }
}

/// The two inputs between which output `o` of `out` lies, and the weight of the second.
///
/// Half-pixel centres, edges repeated: PyTorch's `align_corners=False`.
pub(super) fn bilinear(o: usize, out: usize, len: usize) -> (usize, usize, f32) {
    let at = ((o as f64 + 0.5) * len as f64 / out as f64 - 0.5).max(0.0);
    let low = (at.floor() as usize).min(len - 1);
    let high = (low + 1).min(len - 1);
    let weight = if high == low { 0.0 } else { at - low as f64 };
    (low, high, weight as f32)
}

/// The indices that attend to each other around index `o`, when windows are shifted and what wraps is masked.
fn group(o: usize, size: usize, shift: usize, len: usize) -> Range<usize> {
    if shift == 0 {
        let start = o / size * size;
        return start..start + size;
    }
    // Where the index stands once all are moved up by the shift.
    let moved = (o + len - shift) % len;
    let start = moved / size * size;
    let (start, end) = if start + size < len {
        (start, start + size)
    } else if moved < len - shift {
        (start, len - shift)
    } else {
        (len - shift, len)
    };
    let back = |i: usize| (i + shift) % len;
    back(start)..back(end - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_maps() -> Vec<(AxisMap, usize)> {
        let mut maps = vec![
            (AxisMap::Same, 9),
            (AxisMap::First, 9),
            (AxisMap::All { len: 7 }, 1),
            (AxisMap::Finer { factor: 3 }, 21),
            (AxisMap::Coarser { factor: 2 }, 4),
            (AxisMap::Bilinear { out: 28, len: 7 }, 28),
            (AxisMap::Bilinear { out: 10, len: 3 }, 10),
            (AxisMap::Reflected { len: 6 }, 8),
            (AxisMap::Repeated { len: 6 }, 8),
            (
                AxisMap::Overlapping {
                    size: 4,
                    key_size: 6,
                    len: 12,
                },
                12,
            ),
        ];
        for shift in [0, 2] {
            let map = AxisMap::Window {
                size: 4,
                shift,
                len: 12,
            };
            maps.push((map, 12));
        }
        for (stride, dilation, before, len, out) in [
            (1, 1, 1, 8, 8),
            (2, 1, 1, 9, 5),
            (1, 3, 3, 11, 11),
            (2, 1, 0, 9, 4),
        ] {
            let map = AxisMap::Taps {
                taps: 3,
                stride,
                dilation,
                before,
                len,
            };
            maps.push((map, out));
        }
        maps
    }

    #[test]
    fn the_range_around_outputs_is_the_hull_of_what_each_reads() {
        for (map, out) in all_maps() {
            for start in 0..out {
                for end in start + 1..=out {
                    let (mut low, mut high) = (usize::MAX, 0);
                    for o in start..end {
                        map.each(o, |i| {
                            low = low.min(i);
                            high = high.max(i + 1);
                        });
                    }
                    let around = map.around(&(start..end));
                    // Between dilated taps there may be nothing at the very edge.
                    let gaps = matches!(map, AxisMap::Taps { dilation: 2.., .. });
                    let covers = gaps && around.start <= low && high <= around.end;
                    assert!(around == (low..high) || covers, "{map:?} {start}..{end}");
                }
            }
        }
    }

    #[test]
    fn every_output_that_reads_an_input_is_touched_by_it() {
        for (map, out) in all_maps() {
            for i in 0..12 {
                let touched = map.touched(&(i..i + 1), out);
                for o in 0..out {
                    let mut reads = false;
                    map.each(o, |at| reads |= at == i);
                    assert!(!reads || touched.contains(&o), "{map:?} {i} {o}");
                }
            }
        }
    }

    #[test]
    fn shifted_windows_do_not_reach_around_the_edge() {
        let map = AxisMap::Window {
            size: 4,
            shift: 2,
            len: 12,
        };
        let groups: Vec<_> = (0..12).map(|o| map.around(&(o..o + 1))).collect();
        assert_eq!(groups[0], 0..2);
        assert_eq!(groups[2], 2..6);
        assert_eq!(groups[9], 6..10);
        assert_eq!(groups[11], 10..12);
    }
}
