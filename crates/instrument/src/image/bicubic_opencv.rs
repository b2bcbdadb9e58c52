//! Bicubic resizing without smoothing, as OpenCV's `INTER_CUBIC` does it: the four nearest pixels along each side,
//! however much smaller the picture gets.

/// Weights (Keys' kernel with a = -3/4, in single precision) of the pixels from `floor(at) - 1` on, and that pixel.
fn taps(out: usize, from: usize, to: usize) -> (isize, [f32; 4]) {
    const A: f32 = -0.75;
    let at = ((out as f64 + 0.5) * (from as f64 / to as f64) - 0.5) as f32;
    let x = at - at.floor();
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let weights = [far(x + 1.0), near(x), near(1.0 - x)];
    let last = 1.0 - weights[0] - weights[1] - weights[2];
    (
        at.floor() as isize - 1,
        [weights[0], weights[1], weights[2], last],
    )
}

/// `[height, width, channels]` to `[to_height, to_width, channels]`, row-major.
pub(crate) fn resized(
    values: &[u8],
    channels: usize,
    [width, height]: [usize; 2],
    [to_width, to_height]: [usize; 2],
) -> Vec<u8> {
    let inside = |at: isize, len: usize| at.clamp(0, len as isize - 1) as usize;
    let columns: Vec<_> = (0..to_width).map(|x| taps(x, width, to_width)).collect();
    let mut resized = Vec::with_capacity(to_width * to_height * channels);
    for y in 0..to_height {
        let (top, down) = taps(y, height, to_height);
        for (left, across) in &columns {
            for channel in 0..channels {
                let mut sum = 0.0;
                for (i, weight) in (0..).zip(down) {
                    let row = inside(top + i, height);
                    let along: f32 = (0..)
                        .zip(across)
                        .map(|(j, w)| {
                            let column = inside(left + j, width);
                            w * f32::from(values[(row * width + column) * channels + channel])
                        })
                        .sum();
                    sum += weight * along;
                }
                resized.push(sum.round_ties_even().clamp(0.0, 255.0) as u8);
            }
        }
    }
    resized
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::opencv_fixture;

    #[test]
    fn patches_become_those_of_opencv() {
        let fixture = opencv_fixture();
        for (side, to) in [(8, 2), (8, 4), (8, 3), (16, 4), (8, 1)] {
            let take = |kind: &str| {
                let tensor = &fixture[&format!("{kind}.{side}.{to}")];
                let values = tensor.flatten_all().and_then(|t| t.to_vec1::<u8>());
                values.expect("values")
            };
            let (patches, expected) = (take("patches"), take("shrunk"));
            assert_eq!(expected.len(), 40 * to * to * 3);
            let ours = patches.chunks_exact(side * side * 3);
            let ours: Vec<u8> = ours
                .flat_map(|patch| resized(patch, 3, [side; 2], [to; 2]))
                .collect();
            assert_eq!(ours, expected, "{side} to {to}");
        }
    }

    #[test]
    fn a_flat_picture_stays_flat_and_detail_is_not_smoothed() {
        assert_eq!(resized(&[77; 64], 1, [8, 8], [2, 2]), [77; 4]);
        let stripes: Vec<u8> = (0..64)
            .map(|i| if i % 8 == 1 || i % 8 == 5 { 255 } else { 0 })
            .collect();
        // Between columns 1 and 2 lies the place that is read: 0.59375 of the bright one.
        let read = resized(&stripes, 1, [8, 8], [2, 2]);
        assert!(read.iter().all(|&v| (140..160).contains(&v)), "{read:?}");
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let values: Vec<u8> = (0..48).map(|i| (i * 5) as u8).collect();
        assert_eq!(resized(&values, 3, [4, 4], [4, 4]), values);
    }
}
