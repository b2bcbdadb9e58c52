//! RCAN (Zhang et al. 2018): residual groups of residual blocks with channel attention, in the original layout and in
//! BasicSR's.
//!
//! What the tensors cannot say: blocks are not scaled, and BasicSR's layout works on values up to 255 around DIV2K's
//! mean colour. A first layer that reads shuffled pixels (`head.1`) makes the enlargement that much smaller.

use candle_core::Device;

use super::super::assembly::{Assembly, channels_in, channels_out, count};
use super::super::detect::Recognised;
use super::super::node::{NodeId, Nonlinearity, Operation};
use super::ranges::Colours;
use super::{Family, counted};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "RCAN",
    marks: |state| ORIGINAL.marks(state) || BASICSR.marks(state),
    build,
};

/// Names of the parts of group `{g}` and block `{b}`.
#[derive(Clone, Copy, Debug)]
struct Layout {
    blocks: &'static str,
    convolutions: [&'static str; 2],
    squeeze: &'static str,
    excite: &'static str,
    attention: &'static str,
}

const ORIGINAL: Layout = Layout {
    blocks: "body",
    convolutions: ["body.0", "body.2"],
    squeeze: "body.3.conv_du.0",
    excite: "body.3.conv_du.2",
    attention: "body.3",
};

const BASICSR: Layout = Layout {
    blocks: "residual_group",
    convolutions: ["rcab.0", "rcab.2"],
    squeeze: "rcab.3.attention.1",
    excite: "rcab.3.attention.3",
    attention: "rcab.3",
};

impl Layout {
    fn marks(&self, state: &StateDict) -> bool {
        state.contains(&format!("body.0.{}.0.{}.weight", self.blocks, self.squeeze))
    }
}

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    match BASICSR.marks(state) {
        true => build_basicsr(state, device),
        false => build_original(state, device),
    }
}

fn build_basicsr(state: &StateDict, device: &Device) -> Result<Recognised> {
    let channels = channels_in(state, "conv_first.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let colours = Colours::Centred { range: 255.0 };
    let x = colours.enter(&mut net, Builder::PICTURE)?;
    let head = net.convolution("conv_first", x)?;
    let groups = count(state, "body.");
    let mut x = head;
    for index in 0..groups {
        let name = format!("body.{index}");
        let blocks = count(state, &format!("{name}.residual_group."));
        let y = group(&mut net, &BASICSR, &name, blocks, x)?;
        let y = net.convolution(&format!("{name}.conv"), y)?;
        x = net.add(name, x, y);
    }
    x = net.convolution("conv_after_body", x)?;
    x = net.add("body", x, head);
    let (x, scale) = net.shuffled_up("upsample", x)?;
    let x = net.convolution("conv_last", x)?;
    colours.leave(&mut net, x)?;
    let details = details(state, &BASICSR, groups, net.channels(head), scale);
    Ok(Recognised {
        family: FAMILY.name,
        details,
        network: net.finish(scale)?,
    })
}

fn build_original(state: &StateDict, device: &Device) -> Result<Recognised> {
    let channels = channels_out(state, "tail.1.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let shuffled = state.contains("head.1.weight");
    let head_name = if shuffled { "head.1" } else { "head.0" };
    let fewer = match shuffled {
        true => {
            let read = channels_in(state, "head.1.weight")?;
            net.shuffle_factor(head_name, read, channels)?
        }
        false => 1,
    };
    let colours = Colours::stored(&mut net)?;
    let mut x = Builder::PICTURE;
    if shuffled {
        x = net.push("pad", Operation::PadToMultiple(fewer), [x]);
    }
    x = colours.enter(&mut net, x)?;
    if shuffled {
        x = net.push("head.0", Operation::PixelUnshuffle(fewer), [x]);
    }
    let head = net.convolution(head_name, x)?;
    // Behind the groups, and behind the blocks in each, comes one more convolution.
    let groups = count(state, "body.").saturating_sub(1);
    let mut x = head;
    for index in 0..groups {
        let name = format!("body.{index}");
        let blocks = count(state, &format!("{name}.body.")).saturating_sub(1);
        let y = group(&mut net, &ORIGINAL, &name, blocks, x)?;
        let y = net.convolution(&format!("{name}.body.{blocks}"), y)?;
        x = net.add(name, x, y);
    }
    x = net.convolution(&format!("body.{groups}"), x)?;
    x = net.add("body", x, head);
    let (x, enlarged) = net.shuffled_up("tail.0", x)?;
    let x = net.convolution("tail.1", x)?;
    let x = colours.leave(&mut net, x)?;
    let scale = enlarged / fewer;
    if shuffled {
        net.push("crop", Operation::CropToPicture { scale }, [x]);
    }
    let details = details(state, &ORIGINAL, groups, net.channels(head), scale);
    Ok(Recognised {
        family: FAMILY.name,
        details,
        network: net.finish(scale)?,
    })
}

fn group(
    net: &mut Assembly<'_>,
    layout: &Layout,
    group: &str,
    blocks: usize,
    from: NodeId,
) -> Result<NodeId> {
    let mut x = from;
    for block in 0..blocks {
        let name = format!("{group}.{}.{block}", layout.blocks);
        let part = |part: &str| format!("{name}.{part}");
        let [one, two] = layout.convolutions.map(part);
        let y = net.convolution(&one, x)?;
        let y = net.activation(part("relu"), Nonlinearity::Relu, y);
        let y = net.convolution(&two, y)?;
        let [squeeze, excite] = [layout.squeeze, layout.excite].map(part);
        let y = channel_attention(net, &part(layout.attention), [&squeeze, &excite], y)?;
        x = net.add(name, x, y);
    }
    Ok(x)
}

/// Each channel times a number between 0 and 1 that follows from the means of all channels (Hu et al. 2018).
pub(super) fn channel_attention(
    net: &mut Assembly<'_>,
    name: &str,
    [squeeze, excite]: [&str; 2],
    from: NodeId,
) -> Result<NodeId> {
    let mean = net.push(format!("{name}.mean"), Operation::GlobalMean, [from]);
    gate(net, name, [squeeze, excite], from, mean)
}

/// Each channel times a number between 0 and 1 that follows from `pooled`.
pub(super) fn gate(
    net: &mut Assembly<'_>,
    name: &str,
    [squeeze, excite]: [&str; 2],
    from: NodeId,
    pooled: NodeId,
) -> Result<NodeId> {
    let y = net.convolution(squeeze, pooled)?;
    let y = net.activation(format!("{name}.relu"), Nonlinearity::Relu, y);
    let y = net.convolution(excite, y)?;
    let y = net.activation(format!("{name}.sigmoid"), Nonlinearity::Sigmoid, y);
    Ok(net.push(name, Operation::Multiply, [from, y]))
}

fn details(
    state: &StateDict,
    layout: &Layout,
    groups: usize,
    width: usize,
    scale: usize,
) -> String {
    let blocks = count(state, &format!("body.0.{}.", layout.blocks));
    let blocks = blocks - usize::from(layout.blocks == ORIGINAL.blocks).min(blocks);
    format!(
        "{} of {}, {width} channels, x{scale}",
        counted(groups, "group"),
        counted(blocks, "block")
    )
}
