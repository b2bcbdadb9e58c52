//! EDSR (Lim et al. 2017), in the layouts of EDSR-PyTorch and of BasicSR.
//!
//! What the tensors cannot say: blocks are scaled by 0.1 if they have 256 channels or more and not at all if they have
//! fewer, as in the published models; BasicSR's layout works on values up to 255 around DIV2K's mean colour.

use candle_core::Device;

use super::super::assembly::{Assembly, channels_in, count};
use super::super::detect::Recognised;
use super::super::node::{NodeId, Nonlinearity, Operation};
use super::ranges::Colours;
use super::{Family, counted};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "EDSR",
    marks: |state| original(state) || state.contains("body.0.conv1.weight") && !upconv(state),
    build,
};

/// From this many channels on, blocks are scaled down.
const WIDE: usize = 256;

fn original(state: &StateDict) -> bool {
    state.contains("head.0.weight") && state.contains("body.0.body.0.weight")
}

/// MSRResNet enlarges by `upconv1`.
fn upconv(state: &StateDict) -> bool {
    state.contains("upconv1.weight")
}

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    if original(state) {
        return build_original(state, device);
    }
    let channels = channels_in(state, "conv_first.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let colours = Colours::Centred { range: 255.0 };
    let x = colours.enter(&mut net, Builder::PICTURE)?;
    let head = net.convolution("conv_first", x)?;
    let blocks = count(state, "body.");
    let mut x = head;
    for index in 0..blocks {
        let name = format!("body.{index}");
        x = block(&mut net, &name, ["conv1", "conv2"], x)?;
    }
    x = net.convolution("conv_after_body", x)?;
    x = net.add("body", x, head);
    let (x, scale) = net.shuffled_up("upsample", x)?;
    let x = net.convolution("conv_last", x)?;
    colours.leave(&mut net, x)?;
    recognised(net, blocks, head, scale)
}

fn build_original(state: &StateDict, device: &Device) -> Result<Recognised> {
    let channels = channels_in(state, "head.0.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let colours = Colours::stored(&mut net)?;
    let x = colours.enter(&mut net, Builder::PICTURE)?;
    let head = net.convolution("head.0", x)?;
    // Behind the blocks comes one more convolution.
    let blocks = count(state, "body.").saturating_sub(1);
    let mut x = head;
    for index in 0..blocks {
        let name = format!("body.{index}");
        x = block(&mut net, &name, ["body.0", "body.2"], x)?;
    }
    x = net.convolution(&format!("body.{blocks}"), x)?;
    x = net.add("body", x, head);
    let (x, scale) = net.shuffled_up("tail.0", x)?;
    let x = net.convolution("tail.1", x)?;
    colours.leave(&mut net, x)?;
    recognised(net, blocks, head, scale)
}

fn block(
    net: &mut Assembly<'_>,
    name: &str,
    convolutions: [&str; 2],
    from: NodeId,
) -> Result<NodeId> {
    let [one, two] = convolutions.map(|part| format!("{name}.{part}"));
    let x = net.convolution(&one, from)?;
    let x = net.activation(format!("{name}.relu"), Nonlinearity::Relu, x);
    let mut x = net.convolution(&two, x)?;
    if net.channels(from) >= WIDE {
        x = net.push(format!("{name}.scale"), Operation::Scale(0.1), [x]);
    }
    Ok(net.add(name, from, x))
}

fn recognised(net: Assembly<'_>, blocks: usize, head: NodeId, scale: usize) -> Result<Recognised> {
    let width = net.channels(head);
    Ok(Recognised {
        family: FAMILY.name,
        details: format!("{} of {width} channels, x{scale}", counted(blocks, "block")),
        network: net.finish(scale)?,
    })
}
