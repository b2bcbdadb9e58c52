//! Pictures too large to go through a network in one piece.

use candle_core::{Device, Tensor};

use super::node::Network;
use super::rect::Rect;
use super::region::{forward_region, region_cost};
use crate::error::{ModelError, Result};

/// Sides of a part that are tried, in output pixels, after the whole picture.
const SIDES: [usize; 4] = [1024, 512, 256, 96];

/// How a picture goes through a network within a number of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Of the output, in rows.
    pub rects: Vec<Rect>,
    /// Held at once beside picture and output, at most.
    pub bytes: u64,
}

/// The fewest parts whose values fit into `bytes`.
///
/// # Errors
/// If even small parts do not fit, as where a network pools over the whole picture; or the picture does not suit the
/// network.
pub fn parts(network: &Network, height: usize, width: usize, bytes: u64) -> Result<Parts> {
    let extent = network.extents(height, width)?[network.output];
    let whole = extent.height.max(extent.width);
    let mut least = u64::MAX;
    for side in std::iter::once(whole).chain(SIDES.into_iter().filter(|&side| side < whole)) {
        // One in the middle reads most.
        let middle = |length: usize| {
            let from = (length / 2).saturating_sub(side / 2);
            from..(from + side).min(length)
        };
        let region = Rect::new(middle(extent.height), middle(extent.width));
        let needed = region_cost(network, height, width, &region)?.bytes;
        if needed <= bytes {
            return Ok(Parts {
                rects: cut(extent.height, extent.width, side),
                bytes: needed,
            });
        }
        least = least.min(needed);
    }
    Err(ModelError::Input(format!(
        "A picture of {width} x {height} pixels needs {} MB in this network, but {} MB may be used; take a part of \
         the picture.",
        least.div_ceil(1 << 20),
        bytes >> 20
    )))
}

fn cut(height: usize, width: usize, side: usize) -> Vec<Rect> {
    let pieces = |length: usize| {
        (0..length)
            .step_by(side)
            .map(move |from| from..(from + side).min(length))
    };
    pieces(height)
        .flat_map(|rows| pieces(width).map(move |columns| Rect::new(rows.clone(), columns)))
        .collect()
}

/// As [`super::forward`] of one picture `[1, H, W, C]`, part by part. After each part `go_on` hears how many are done
/// and may end the pass.
///
/// # Errors
/// As [`parts`] and [`super::forward`]; or what `go_on` gives.
pub fn forward_in_parts(
    network: &Network,
    picture: &Tensor,
    noise: f32,
    bytes: u64,
    go_on: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<Tensor> {
    let (_, height, width, _) = picture.dims4()?;
    let extent = network.extents(height, width)?[network.output];
    let rects = parts(network, height, width, bytes)?.rects;
    if let [whole] = rects.as_slice() {
        let output = forward_region(network, picture, noise, whole)?;
        go_on(1, 1)?;
        return Ok(output);
    }
    let row = extent.width * extent.channels;
    let mut output = vec![0f32; extent.height * row];
    for (done, rect) in rects.iter().enumerate() {
        let part = forward_region(network, picture, noise, rect)?;
        let values: Vec<f32> = part.flatten_all()?.to_vec1()?;
        let length = rect.width() * extent.channels;
        for (from, y) in values.chunks_exact(length).zip(rect.rows.clone()) {
            let start = y * row + rect.columns.start * extent.channels;
            output[start..start + length].copy_from_slice(from);
        }
        go_on(done + 1, rects.len())?;
    }
    let shape = (1, extent.height, extent.width, extent.channels);
    Ok(Tensor::from_vec(output, shape, &Device::Cpu)?.to_device(picture.device())?)
}

#[cfg(test)]
mod tests {
    use super::super::forward::{NoNodeProbe, forward};
    use super::super::testing::{apart, networks, picture};
    use super::*;

    #[test]
    fn parts_together_are_the_whole() {
        for (name, network) in networks(7) {
            let channels = network.channels();
            let base = picture([1, 150, 210, channels], 2);
            let whole = forward(&network, &base, 0.1, &mut NoNodeProbe).expect("runs");
            let all = parts(&network, 150, 210, u64::MAX).expect("fits").bytes;
            if ["pooled", "windowed"].contains(&name) {
                let message = parts(&network, 150, 210, all / 8).expect_err("pools");
                assert!(message.to_string().contains("210 x 150"), "{message}");
            }
            let Ok(cut) = parts(&network, 150, 210, all * 2 / 3) else {
                assert_eq!(name, "windowed");
                continue;
            };
            assert!(cut.rects.len() > 1, "{name}");
            let mut heard = Vec::new();
            let pieced = forward_in_parts(&network, &base, 0.1, all * 2 / 3, &mut |done, of| {
                heard.push((done, of));
                Ok(())
            });
            assert!(apart(&pieced.expect("runs"), &whole) < 1e-5, "{name}");
            assert!(heard.last().is_some_and(|(done, of)| done == of && *of > 1));
        }
    }

    #[test]
    fn a_pass_ends_when_it_is_told_to() {
        let (_, network) = networks(7).remove(0);
        let base = picture([1, 20, 20, 3], 2);
        let stop = &mut |_, _| Err(ModelError::Input("stop".into()));
        assert!(forward_in_parts(&network, &base, 0.0, u64::MAX, stop).is_err());
    }
}
