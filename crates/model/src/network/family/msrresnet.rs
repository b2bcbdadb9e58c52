//! MSRResNet: SRResNet (Ledig et al. 2017) without batch norm (Wang et al. 2018), in BasicSR's layout and the older
//! one that KAIR has. Adds what it finds to the picture enlarged bilinearly.

use candle_core::Device;

use super::super::assembly::{Assembly, channels_in, count};
use super::super::detect::Recognised;
use super::super::node::{Nonlinearity, Operation};
use super::{Family, counted};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "MSRResNet",
    marks: |state| {
        state.contains("upconv1.weight")
            && ["body.0.conv1.weight", "recon_trunk.0.conv1.weight"]
                .iter()
                .any(|name| state.contains(name))
    },
    build,
};

const LEAKY: Nonlinearity = Nonlinearity::LeakyRelu(0.1);

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    let (trunk, hr) = match state.contains("recon_trunk.0.conv1.weight") {
        true => ("recon_trunk", "HRconv"),
        false => ("body", "conv_hr"),
    };
    let channels = channels_in(state, "conv_first.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let x = net.convolution("conv_first", Builder::PICTURE)?;
    let width = net.channels(x);
    let mut x = net.activation("conv_first.act", LEAKY, x);
    let blocks = count(state, &format!("{trunk}."));
    for index in 0..blocks {
        let name = format!("{trunk}.{index}");
        let y = net.convolution(&format!("{name}.conv1"), x)?;
        let y = net.activation(format!("{name}.relu"), Nonlinearity::Relu, y);
        let y = net.convolution(&format!("{name}.conv2"), y)?;
        x = net.add(name, x, y);
    }
    let mut scale = 1;
    for name in ["upconv1", "upconv2"] {
        if !state.contains(&format!("{name}.weight")) {
            continue;
        }
        x = net.convolution(name, x)?;
        let r = net.shuffle_factor(name, net.channels(x), width)?;
        x = net.push(format!("{name}.shuffle"), Operation::PixelShuffle(r), [x]);
        x = net.activation(format!("{name}.act"), LEAKY, x);
        scale *= r;
    }
    x = net.convolution(hr, x)?;
    x = net.activation(format!("{hr}.act"), LEAKY, x);
    x = net.convolution("conv_last", x)?;
    let base = net.push("base", Operation::Bilinear(scale), [Builder::PICTURE]);
    net.add("output", x, base);
    Ok(Recognised {
        family: FAMILY.name,
        details: format!("{} of {width} channels, x{scale}", counted(blocks, "block")),
        network: net.finish(scale)?,
    })
}
