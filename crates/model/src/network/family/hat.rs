//! HAT (Chen et al. 2023): SwinIR's window attention beside channel attention, and windows whose keys overlap.
//!
//! What the tensors cannot say: channel attention is added times 0.01, every second block is shifted by half a window,
//! and values go up to 1 around DIV2K's mean colour, as in the published networks.

use candle_core::Device;

use super::super::assembly::{Assembly, any, channels_in, channels_out, count};
use super::super::detect::Recognised;
use super::super::node::{NodeId, Nonlinearity, Operation};
use super::ranges::Colours;
use super::windowed::{self, Sides};
use super::{Family, counted, rcan};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "HAT",
    marks: |state| {
        any(state, "layers.0.residual_group.overlap_attn.")
            && any(state, "layers.0.residual_group.blocks.0.conv_block.cab.")
    },
    build,
};

const CHANNEL_SHARE: f32 = 0.01;

/// Windows and, for each query and key, the rows of the tables of biases.
#[derive(Debug)]
struct Windows {
    size: usize,
    overlapping: usize,
    rows: Vec<usize>,
    overlapping_rows: Vec<usize>,
}

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    let channels = channels_in(state, "conv_first.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let windows = windows(&net)?;
    let size = windows.size;
    let colours = Colours::Centred { range: 1.0 };
    let x = colours.enter(&mut net, Builder::PICTURE)?;
    let x = net.push("input_padded", Operation::PadToMultiple(size), [x]);
    let head = net.convolution("conv_first", x)?;
    let mut x = head;
    if state.contains("patch_embed.norm.weight") {
        x = net.layer_norm("patch_embed.norm", x)?;
    }
    let layers = count(state, "layers.");
    for layer in 0..layers {
        let y = group(
            &mut net,
            &format!("layers.{layer}.residual_group"),
            &windows,
            x,
        )?;
        let name = format!("layers.{layer}.conv");
        let y = optional_convolution(&mut net, &name, y)?;
        x = net.add(format!("layers.{layer}"), x, y);
    }
    x = net.layer_norm("norm", x)?;
    x = optional_convolution(&mut net, "conv_after_body", x)?;
    x = net.add("body", x, head);
    x = windowed::before_upsample(&mut net, x)?;
    let (x, scale) = net.shuffled_up("upsample", x)?;
    let x = net.convolution("conv_last", x)?;
    let x = colours.leave(&mut net, x)?;
    net.push("output_cropped", Operation::CropToPicture { scale }, [x]);
    let blocks = count(state, "layers.0.residual_group.blocks.");
    Ok(Recognised {
        family: FAMILY.name,
        details: format!(
            "{} of {}, {} channels, windows of {size} x {size} and keys of {key} x {key}, x{scale}",
            counted(layers, "layer"),
            counted(blocks, "block"),
            net.channels(head),
            key = windows.overlapping,
        ),
        network: net.finish(scale)?,
    })
}

/// Without the convolution where a network has none there.
fn optional_convolution(net: &mut Assembly<'_>, name: &str, from: NodeId) -> Result<NodeId> {
    match net.state().contains(&format!("{name}.weight")) {
        true => net.convolution(name, from),
        false => Ok(from),
    }
}

fn windows(net: &Assembly<'_>) -> Result<Windows> {
    let group = "layers.0.residual_group";
    let table = format!("{group}.blocks.0.attn.relative_position_bias_table");
    let size = windowed::window_of(net, &table)?;
    let table = format!("{group}.overlap_attn.relative_position_bias_table");
    let table_rows = channels_out(net.state(), &table)?;
    let overlapping = (table_rows.isqrt() + 1).saturating_sub(size);
    let fits = (size + overlapping - 1).pow(2) == table_rows
        && (size..=2 * size).contains(&overlapping)
        && (overlapping - size).is_multiple_of(2);
    if !fits {
        return Err(net.refused(format!(
            "the {table_rows} rows of \"{table}\" belong to no overlap of windows of {size} x {size}"
        )));
    }
    let windows = Windows {
        size,
        overlapping,
        rows: windowed::relative_positions(size),
        overlapping_rows: windowed::overlapping_positions(size, overlapping),
    };
    let inside = (2 * size - 1).pow(2);
    windowed::check_index(net, "relative_position_index_SA", &windows.rows, inside)?;
    let name = "relative_position_index_OCA";
    windowed::check_index(net, name, &windows.overlapping_rows, table_rows)?;
    Ok(windows)
}

fn group(net: &mut Assembly<'_>, group: &str, windows: &Windows, from: NodeId) -> Result<NodeId> {
    let size = windows.size;
    let mut x = from;
    for block in 0..count(net.state(), &format!("{group}.blocks.")) {
        let name = format!("{group}.blocks.{block}");
        let sides = Sides {
            size,
            key_size: size,
            shift: if block % 2 == 0 { 0 } else { size / 2 },
            rows: &windows.rows,
        };
        let normed = net.layer_norm(&format!("{name}.norm1"), x)?;
        let channel = channel_branch(net, &format!("{name}.conv_block"), normed)?;
        let y = windowed::attention(net, &format!("{name}.attn"), &sides, normed)?;
        x = net.add(format!("{name}.attn.sum"), x, y);
        x = net.add(format!("{name}.conv_block.sum"), x, channel);
        x = windowed::feed_forward(net, &name, x)?;
    }
    let name = format!("{group}.overlap_attn");
    let sides = Sides {
        size,
        key_size: windows.overlapping,
        shift: 0,
        rows: &windows.overlapping_rows,
    };
    let y = net.layer_norm(&format!("{name}.norm1"), x)?;
    let y = windowed::attention(net, &name, &sides, y)?;
    x = net.add(format!("{name}.sum"), x, y);
    windowed::feed_forward(net, &name, x)
}

fn channel_branch(net: &mut Assembly<'_>, name: &str, from: NodeId) -> Result<NodeId> {
    let part = |part: &str| format!("{name}.cab.{part}");
    let y = net.convolution(&part("0"), from)?;
    let y = net.activation(part("1"), Nonlinearity::Gelu, y);
    let y = net.convolution(&part("2"), y)?;
    let (squeeze, excite) = (part("3.attention.1"), part("3.attention.3"));
    let y = rcan::channel_attention(net, &part("3"), [&squeeze, &excite], y)?;
    Ok(net.push(name, Operation::Scale(CHANNEL_SHARE), [y]))
}
