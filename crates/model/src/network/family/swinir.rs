//! SwinIR (Liang et al. 2021): for classical, lightweight and real-world super-resolution, denoising and JPEG
//! artefacts. Attention inside windows is open as nodes such as `layers.0.residual_group.blocks.1.attn.pattern`.
//!
//! What the tensors cannot say: every second block is shifted by half a window; values go up to 255 if windows are
//! 7 x 7 (the published networks against JPEG artefacts) and up to 1 otherwise; colours are around DIV2K's mean.

use candle_core::Device;

use super::super::assembly::{Assembly, any, channels_in, count};
use super::super::detect::Recognised;
use super::super::node::{NodeId, Nonlinearity, Operation};
use super::ranges::Colours;
use super::windowed::{self, Sides};
use super::{Family, counted};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "SwinIR",
    marks: |state| {
        state.contains("layers.0.residual_group.blocks.0.attn.qkv.weight")
            && state.contains("conv_first.weight")
            && !any(state, "layers.0.residual_group.overlap_attn.")
    },
    build,
};

/// Window of the networks against JPEG artefacts.
const JPEG_WINDOW: usize = 7;
const LEAKY: Nonlinearity = Nonlinearity::LeakyRelu(0.2);

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    let channels = channels_in(state, "conv_first.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let table = "layers.0.residual_group.blocks.0.attn.relative_position_bias_table";
    let size = windowed::window_of(&net, table)?;
    let range = if size == JPEG_WINDOW { 255.0 } else { 1.0 };
    let colours = Colours::Centred { range };
    let x = net.push(
        "input_padded",
        Operation::PadToMultiple(size),
        [Builder::PICTURE],
    );
    let entered = colours.enter(&mut net, x)?;
    let head = net.convolution("conv_first", entered)?;
    let body = body(&mut net, size, head)?;
    let (x, scale) = reconstruction(&mut net, entered, body)?;
    let x = colours.leave(&mut net, x)?;
    net.push("output_cropped", Operation::CropToPicture { scale }, [x]);
    let layers = count(state, "layers.");
    let blocks = count(state, "layers.0.residual_group.blocks.");
    Ok(Recognised {
        family: FAMILY.name,
        details: format!(
            "{} of {}, {} channels, {} in windows of {size} x {size}, x{scale}",
            counted(layers, "layer"),
            counted(blocks, "block"),
            net.channels(head),
            counted(windowed::heads_of(state, table)?, "head"),
        ),
        network: net.finish(scale)?,
    })
}

fn body(net: &mut Assembly<'_>, size: usize, head: NodeId) -> Result<NodeId> {
    let rows = windowed::relative_positions(size);
    let mut x = head;
    if net.state().contains("patch_embed.norm.weight") {
        x = net.layer_norm("patch_embed.norm", x)?;
    }
    for layer in 0..count(net.state(), "layers.") {
        let start = x;
        let prefix = format!("layers.{layer}.residual_group.blocks");
        for block in 0..count(net.state(), &format!("{prefix}.")) {
            let name = format!("{prefix}.{block}");
            let attention = format!("{name}.attn");
            let index = format!("{attention}.relative_position_index");
            windowed::check_index(net, &index, &rows, (2 * size - 1).pow(2))?;
            let sides = Sides {
                size,
                key_size: size,
                shift: if block % 2 == 0 { 0 } else { size / 2 },
                rows: &rows,
            };
            let y = net.layer_norm(&format!("{name}.norm1"), x)?;
            let y = windowed::attention(net, &attention, &sides, y)?;
            x = net.add(format!("{attention}.sum"), x, y);
            x = windowed::feed_forward(net, &name, x)?;
        }
        let y = windowed::one_or_three(net, &format!("layers.{layer}.conv"), x)?;
        x = net.add(format!("layers.{layer}"), start, y);
    }
    x = net.layer_norm("norm", x)?;
    x = windowed::one_or_three(net, "conv_after_body", x)?;
    Ok(net.add("body", x, head))
}

/// From the features to the picture, and how many times larger it is.
fn reconstruction(
    net: &mut Assembly<'_>,
    entered: NodeId,
    body: NodeId,
) -> Result<(NodeId, usize)> {
    let state = net.state();
    let colours = net.channels(entered);
    if state.contains("conv_up1.weight") {
        let mut x = windowed::before_upsample(net, body)?;
        let ups = count_named(state, "conv_up");
        for step in 1..=ups {
            let name = format!("conv_up{step}");
            x = net.push(format!("{name}.nearest"), Operation::Nearest(2), [x]);
            x = net.convolution(&name, x)?;
            x = net.activation(format!("{name}.act"), LEAKY, x);
        }
        x = net.convolution("conv_hr", x)?;
        x = net.activation("conv_hr.act", LEAKY, x);
        return Ok((net.convolution("conv_last", x)?, 1 << ups));
    }
    if state.contains("conv_before_upsample.0.weight") {
        let x = windowed::before_upsample(net, body)?;
        let (x, scale) = net.shuffled_up("upsample", x)?;
        return Ok((net.convolution("conv_last", x)?, scale));
    }
    if state.contains("upsample.0.weight") {
        let x = net.convolution("upsample.0", body)?;
        let r = net.shuffle_factor("upsample.0", net.channels(x), colours)?;
        return Ok((net.push("upsample.1", Operation::PixelShuffle(r), [x]), r));
    }
    let x = net.convolution("conv_last", body)?;
    Ok((net.add("restored", entered, x), 1))
}

/// How many of `{prefix}1.weight`, `{prefix}2.weight` ... there are in a row, at most 4.
pub(super) fn count_named(state: &StateDict, prefix: &str) -> usize {
    (1..=4)
        .take_while(|step| state.contains(&format!("{prefix}{step}.weight")))
        .count()
}
