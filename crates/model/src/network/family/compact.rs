//! Real-ESRGAN's compact network, SRVGGNetCompact (Wang et al. 2021): convolutions and ReLUs with learned slopes in a
//! row, and one pixel shuffle, added to the picture with each pixel repeated.

use candle_core::Device;

use super::super::assembly::{Assembly, channels_in, count};
use super::super::detect::Recognised;
use super::super::node::Operation;
use super::{Family, counted};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "Compact (SRVGG)",
    marks: |state| {
        let slopes = state.shape("body.1.weight").is_some_and(|s| s.len() == 1);
        slopes && state.contains("body.0.weight")
    },
    build,
};

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    let channels = channels_in(state, "body.0.weight")?;
    let mut net = Assembly::new(state, device, FAMILY.name, channels)?;
    let parts = count(state, "body.");
    let mut x = Builder::PICTURE;
    let mut width = 0;
    for part in 0..parts {
        let name = format!("body.{part}");
        x = match part % 2 {
            0 => net.convolution(&name, x)?,
            _ => net.parametric_relu(&name, x)?,
        };
        if part == 0 {
            width = net.channels(x);
        }
    }
    let scale = net.shuffle_factor("body", net.channels(x), channels)?;
    let x = net.push("upsampler", Operation::PixelShuffle(scale), [x]);
    let base = net.push("base", Operation::Nearest(scale), [Builder::PICTURE]);
    net.add("output", x, base);
    Ok(Recognised {
        family: FAMILY.name,
        details: format!(
            "{} of {width} channels, x{scale}",
            counted(parts.div_ceil(2), "convolution")
        ),
        network: net.finish(scale)?,
    })
}
