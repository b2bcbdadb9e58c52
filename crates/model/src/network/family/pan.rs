//! PAN (Zhao et al. 2020): attention over pixels, each channel for itself.
//!
//! What the tensors cannot say: one enlargement is by 2 (x3 networks have the same tensors); two are by 2 each.

use candle_core::Device;

use super::super::assembly::{Assembly, any, channels_in, count};
use super::super::detect::Recognised;
use super::super::node::{NodeId, Nonlinearity, Operation};
use super::swinir::count_named;
use super::{Family, counted};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "PAN",
    marks: |state| any(state, "SCPA_trunk.0.PAConv."),
    build,
};

const LEAKY: Nonlinearity = Nonlinearity::LeakyRelu(0.2);

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    let channels = channels_in(state, "conv_first.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let head = net.convolution("conv_first", Builder::PICTURE)?;
    let blocks = count(state, "SCPA_trunk.");
    let mut x = head;
    for index in 0..blocks {
        x = block(&mut net, &format!("SCPA_trunk.{index}"), x)?;
    }
    x = net.convolution("trunk_conv", x)?;
    x = net.add("trunk", head, x);
    let ups = count_named(state, "upconv");
    for step in 1..=ups {
        let name = format!("upconv{step}");
        x = net.push(format!("{name}.nearest"), Operation::Nearest(2), [x]);
        x = net.convolution(&name, x)?;
        let attention = format!("att{step}");
        x = gated(&mut net, &attention, &format!("{attention}.conv"), x, x)?;
        x = net.activation(format!("{attention}.act"), LEAKY, x);
        let hr = format!("HRconv{step}");
        x = net.convolution(&hr, x)?;
        x = net.activation(format!("{hr}.act"), LEAKY, x);
    }
    x = net.convolution("conv_last", x)?;
    let scale = 1 << ups;
    let base = net.push("base", Operation::Bilinear(scale), [Builder::PICTURE]);
    net.add("output", x, base);
    Ok(Recognised {
        family: FAMILY.name,
        details: format!(
            "{} of {} channels, x{scale}",
            counted(blocks, "block"),
            net.channels(head)
        ),
        network: net.finish(scale)?,
    })
}

/// Two branches of half the channels; in the second each value is weighed by what its pixel says.
fn block(net: &mut Assembly<'_>, name: &str, from: NodeId) -> Result<NodeId> {
    let part = |part: &str| format!("{name}.{part}");
    let a = leaky_convolution(net, &part("conv1_a"), from)?;
    let a = leaky_convolution(net, &part("k1.0"), a)?;
    let b = leaky_convolution(net, &part("conv1_b"), from)?;
    let k3 = net.convolution(&part("PAConv.k3"), b)?;
    let weighed = gated(net, &part("PAConv"), &part("PAConv.k2"), b, k3)?;
    let b = leaky_convolution(net, &part("PAConv.k4"), weighed)?;
    let joined = net.push(part("joined"), Operation::Concatenate, [a, b]);
    let x = net.convolution(&part("conv3"), joined)?;
    Ok(net.add(name, x, from))
}

fn leaky_convolution(net: &mut Assembly<'_>, name: &str, from: NodeId) -> Result<NodeId> {
    let x = net.convolution(name, from)?;
    Ok(net.activation(format!("{name}.act"), LEAKY, x))
}

/// `value` times numbers between 0 and 1 that a convolution finds in `from`.
fn gated(
    net: &mut Assembly<'_>,
    name: &str,
    convolution: &str,
    from: NodeId,
    value: NodeId,
) -> Result<NodeId> {
    let y = net.convolution(convolution, from)?;
    let y = net.activation(format!("{name}.sigmoid"), Nonlinearity::Sigmoid, y);
    Ok(net.push(name, Operation::Multiply, [value, y]))
}
