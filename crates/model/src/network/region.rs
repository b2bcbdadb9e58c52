//! A pass as far as one region of the output reads it, for pictures that share nothing with a base run.

use candle_core::Tensor;

use super::cost::{flops_per_pixel, values_per_pixel};
use super::evaluate::{Argument, crop, evaluate, read_rect};
use super::extent::Extent;
use super::forward::last_uses;
use super::lens::needed;
use super::node::{Network, NodeId, Operation};
use super::reach::check_region;
use super::rect::Rect;
use crate::error::{ModelError, Result};

/// The region's outputs `[N, height, width, C]` for pictures `[N, H, W, C]`, not clipped.
///
/// Equal to that part of [`super::forward`], but computing only what the region reads. Gradients flow to the pictures;
/// where the region cannot read a pixel its gradient is zero, or what is left of e^-100 where windows are masked.
///
/// # Errors
/// As [`super::forward`]; or if the region lies outside the output.
pub fn forward_region(
    network: &Network,
    pictures: &Tensor,
    noise: f32,
    region: &Rect,
) -> Result<Tensor> {
    let (_, height, width, channels) = pictures.dims4()?;
    if channels != network.channels() {
        return Err(ModelError::Input(format!(
            "The picture has {channels} channels, but the network takes {}.",
            network.channels()
        )));
    }
    let extents = network.extents(height, width)?;
    check_region(region, extents[network.output])?;
    let needed = needed(network, &extents, region);
    let mut values = region_values(network, &extents, &needed, pictures, noise, Keep::Output)?;
    values
        .get_mut(network.output)
        .and_then(Option::take)
        .ok_or_else(|| ModelError::Unusable("The network has no output.".into()))
}

/// Which values outlive the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Output,
    All,
}

/// Each node's value on what is `needed` of it.
pub(super) fn region_values(
    network: &Network,
    extents: &[Extent],
    needed: &[Option<Rect>],
    pictures: &Tensor,
    noise: f32,
    keep: Keep,
) -> Result<Vec<Option<Tensor>>> {
    let last_use = last_uses(network);
    let mut values: Vec<Option<Tensor>> = vec![None; network.nodes.len()];
    for (id, node) in network.nodes.iter().enumerate() {
        let Some(rect) = &needed[id] else { continue };
        values[id] = Some(if id == 0 {
            crop(
                pictures,
                &Rect::whole(extents[0].height, extents[0].width),
                rect,
            )?
        } else {
            let read = |argument: usize, input: NodeId| {
                read_rect(&node.operation, argument, extents[input], extents[id], rect)
            };
            let parts = node
                .inputs
                .iter()
                .enumerate()
                .map(|(argument, &input)| {
                    part(
                        &values[input],
                        &needed[input],
                        extents[input],
                        read(argument, input),
                        pictures,
                    )
                })
                .collect::<Result<Vec<_>>>()?;
            let arguments: Vec<Argument<'_>> = parts
                .iter()
                .zip(&node.inputs)
                .map(|((value, at), &input)| Argument {
                    value,
                    at: at.clone(),
                    extent: extents[input],
                })
                .collect();
            evaluate(node, &arguments, extents[id], rect, noise)?
        });
        if keep == Keep::All {
            continue;
        }
        for &input in &node.inputs {
            if last_use[input] == id && input != network.output {
                values[input] = None;
            }
        }
    }
    Ok(values)
}

/// What is read of a value, and where it stands; where only sizes matter, one number per picture.
fn part(
    value: &Option<Tensor>,
    at: &Option<Rect>,
    extent: Extent,
    read: Option<Rect>,
    pictures: &Tensor,
) -> Result<(Tensor, Rect)> {
    let Some(read) = read else {
        let count = pictures.dim(0)?;
        let value = Tensor::zeros((count, 1, 1, 1), pictures.dtype(), pictures.device())?;
        return Ok((value, Rect::new(0..0, 0..0)));
    };
    match (value, at) {
        // Patterns are kept whole, and are not laid out in rows and columns.
        (Some(value), Some(_)) if extent.channels == 0 => Ok((value.clone(), read)),
        (Some(value), Some(at)) => Ok((crop(value, at, &read)?, read)),
        _ => Err(ModelError::Unusable(
            "A part of the network was asked for more pixels than are kept.".into(),
        )),
    }
}

/// What one picture takes on the way to a region of the output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegionCost {
    /// Multiplications and additions.
    pub flops: f64,
    /// The same for the whole output.
    pub flops_whole: f64,
    /// Bytes held at once, at most, without gradients.
    pub bytes: u64,
    /// Bytes of all values together, which is what a base run keeps.
    pub bytes_of_all: u64,
    /// Bytes held at once, at most, by a pass with gradients: all values until it has gone back, and gradients.
    pub bytes_with_gradients: u64,
    /// The same in double precision, where values are kept in several layouts and the patches of a convolution are laid
    /// side by side.
    pub bytes_with_double_gradients: u64,
}

/// What [`forward_region`] takes for each picture of `height` by `width`.
///
/// # Errors
/// If the region lies outside the output, or the picture does not suit the network.
pub fn region_cost(
    network: &Network,
    height: usize,
    width: usize,
    region: &Rect,
) -> Result<RegionCost> {
    let extents = network.extents(height, width)?;
    check_region(region, extents[network.output])?;
    let needed = needed(network, &extents, region);
    let last_use = last_uses(network);
    let size = |id: NodeId| {
        needed[id].as_ref().map_or(0, |rect| {
            4 * rect.pixels() as u64 * values_per_pixel(network, &extents, id)
        })
    };
    let mut cost = RegionCost {
        flops: 0.0,
        flops_whole: 0.0,
        bytes: 0,
        bytes_of_all: 0,
        bytes_with_gradients: 0,
        bytes_with_double_gradients: 0,
    };
    let (mut living, mut cut_out, mut patches) = (0u64, 0u64, 0u64);
    for (id, node) in network.nodes.iter().enumerate() {
        let per_pixel = flops_per_pixel(&node.operation, extents[id], || {
            node.inputs.first().map(|&input| extents[input])
        });
        if let Some(rect) = &needed[id] {
            cost.flops += per_pixel * rect.pixels() as f64;
            patches = patches.max(patch_bytes(&node.operation, rect));
        }
        cost.flops_whole += per_pixel * (extents[id].height * extents[id].width) as f64;
        let assembled: u64 = node.inputs.iter().map(|&input| size(input)).sum();
        living += size(id);
        cost.bytes_of_all += size(id);
        cut_out += cut_out_bytes(network, &extents, &needed, id);
        cost.bytes = cost.bytes.max(living + assembled);
        for &input in &node.inputs {
            if last_use[input] == id {
                living = living.saturating_sub(size(input));
            }
        }
    }
    // Going back, gradients live as long as the values lived on the way there.
    cost.bytes_with_gradients = cost.bytes_of_all + cut_out + cost.bytes;
    cost.bytes_with_double_gradients =
        2 * (cost.bytes_with_gradients + LAYOUTS * cost.bytes_of_all + LAYINGS * patches);
    Ok(cost)
}

/// Copies of values that passes keep until they have gone back where no kernel of our own computes: padded, with
/// channels first, contiguous again, and what each step of an attention leaves.
const LAYOUTS: u64 = 6;
/// Copies of the patches of a convolution that are there at once.
const LAYINGS: u64 = 2;

/// Bytes of all patches that a convolution reads.
fn patch_bytes(operation: &Operation, rect: &Rect) -> u64 {
    match operation {
        Operation::Convolution(c) => {
            let taps: usize = c.weight.dims().iter().take(3).product();
            4 * (rect.pixels() * taps) as u64
        }
        _ => 0,
    }
}

/// Bytes of what a node reads that is only a part of what is kept of its input, and so is copied.
fn cut_out_bytes(
    network: &Network,
    extents: &[Extent],
    needed: &[Option<Rect>],
    id: NodeId,
) -> u64 {
    let node = &network.nodes[id];
    let Some(rect) = &needed[id] else {
        return 0;
    };
    let read = node.inputs.iter().enumerate().map(|(argument, &input)| {
        let read = read_rect(&node.operation, argument, extents[input], extents[id], rect);
        match read {
            Some(read) if needed[input].as_ref() != Some(&read) => {
                4 * read.pixels() as u64 * values_per_pixel(network, extents, input)
            }
            _ => 0,
        }
    });
    read.sum()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Var};

    use super::super::forward::{NoNodeProbe, forward};
    use super::super::reach::reach;
    use super::super::testing::{apart, networks, picture};
    use super::*;

    #[test]
    fn a_region_is_that_part_of_the_whole_and_so_are_its_gradients() {
        for (name, network) in networks(4) {
            let channels = network.channels();
            let (height, width) = (17, 14);
            let pictures = Var::from_tensor(&picture([2, height, width, channels], 3));
            let pictures = pictures.expect("a variable");
            let s = network.scale;
            for region in [
                Rect::new(0..3 * s, 0..2 * s),
                Rect::new(5 * s..9 * s, 4 * s..7 * s),
                Rect::whole(height * s, width * s),
            ] {
                let part = forward_region(&network, &pictures, 0.1, &region).expect("runs");
                let whole = forward(&network, &pictures, 0.1, &mut NoNodeProbe).expect("runs");
                let all = Rect::whole(height * s, width * s);
                let whole = crop(&whole, &all, &region).expect("inside");
                assert!(apart(&part, &whole) < 1e-5, "{name} {region:?}");
                let gradient = |y: &Tensor| {
                    let store = y.sqr().and_then(|y| y.sum_all()?.backward());
                    let store = store.expect("goes back");
                    store.get(&pictures).expect("reads the picture").clone()
                };
                let (of_part, of_whole) = (gradient(&part), gradient(&whole));
                assert!(apart(&of_part, &of_whole) < 1e-4, "{name} {region:?}");
                let field = reach(&network, height, width, &region).expect("inside");
                let moved: Vec<f32> = of_part
                    .abs()
                    .and_then(|g| g.sum((0, 3))?.flatten_all()?.to_vec1())
                    .expect("values");
                for (i, (g, reached)) in moved.iter().zip(&field.pixels.pixels).enumerate() {
                    assert!(*g < 1e-30 || *reached, "{name} {region:?} pixel {i}: {g}");
                }
            }
        }
    }

    #[test]
    fn every_operation_computes_in_double_precision_too() {
        for (name, network) in networks(5) {
            let double = network.with_dtype(DType::F64).expect("converts");
            let (height, width, s) = (17, 14, network.scale);
            let single = picture([2, height, width, network.channels()], 3);
            let region = Rect::new(5 * s..9 * s, 4 * s..7 * s);
            let run = |network: &Network, pictures: &Tensor| {
                let pictures = Var::from_tensor(pictures).expect("a variable");
                let output = forward_region(network, &pictures, 0.1, &region).expect("runs");
                let store = output.sqr().and_then(|y| y.sum_all()?.backward());
                let slope = store
                    .expect("goes back")
                    .get(&pictures)
                    .expect("reads")
                    .clone();
                [output, slope]
            };
            let wide = single.to_dtype(DType::F64).expect("converts");
            for (single, wide) in run(&network, &single).iter().zip(run(&double, &wide)) {
                assert_eq!(wide.dtype(), DType::F64, "{name}");
                let narrow = wide.to_dtype(DType::F32).expect("converts");
                assert!(apart(single, &narrow) < 1e-4, "{name}");
            }
        }
    }

    #[test]
    fn a_region_of_a_local_network_costs_less_than_the_whole() {
        let (_, network) = networks(4).remove(0);
        let cost = region_cost(&network, 64, 64, &Rect::new(24..32, 24..32)).expect("inside");
        assert!(cost.flops * 10.0 < cost.flops_whole && cost.flops > 0.0);
        assert!(cost.bytes > 0 && cost.bytes < cost.bytes_with_gradients);
        assert!(cost.bytes_with_double_gradients > 2 * cost.bytes_with_gradients);
        assert!(region_cost(&network, 8, 8, &Rect::new(0..9, 0..2)).is_err());
    }
}
