//! Networks that put a part of the features aside after every step: IMDN (Hui et al. 2019), with attention by contrast,
//! and RFDN (Liu et al. 2020), with attention by place.

use candle_core::Device;

use super::super::assembly::{Assembly, Form, any, channels_in, channels_out};
use super::super::detect::Recognised;
use super::super::node::{NodeId, Nonlinearity, Operation};
use super::{Family, counted, rcan};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const IMDN: Family = Family {
    name: "IMDN",
    marks: |state| any(state, "IMDB1.cca.") && state.contains("fea_conv.weight"),
    build: |state, device| build(state, device, IMDN.name, "IMDB", imdn_block),
};

pub(super) const RFDN: Family = Family {
    name: "RFDN",
    marks: |state| any(state, "B1.esa.") && state.contains("fea_conv.weight"),
    build: |state, device| build(state, device, RFDN.name, "B", rfdn_block),
};

const LEAKY: Nonlinearity = Nonlinearity::LeakyRelu(0.05);

type Block = fn(&mut Assembly<'_>, &str, NodeId) -> Result<NodeId>;

fn build(
    state: &StateDict,
    device: &Device,
    family: &'static str,
    prefix: &str,
    block: Block,
) -> Result<Recognised> {
    let channels = channels_in(state, "fea_conv.weight")?;
    let mut net = Assembly::new(state, device, family, channels)?;
    let head = net.convolution("fea_conv", Builder::PICTURE)?;
    let mut x = head;
    let mut found = Vec::new();
    while any(state, &format!("{prefix}{}.", found.len() + 1)) {
        x = block(&mut net, &format!("{prefix}{}", found.len() + 1), x)?;
        found.push(x);
    }
    let blocks = found.len();
    x = net.push("joined", Operation::Concatenate, found);
    x = net.convolution("c.0", x)?;
    x = net.activation("c.1", LEAKY, x);
    x = net.convolution("LR_conv", x)?;
    x = net.add("trunk", x, head);
    x = net.convolution("upsampler.0", x)?;
    let scale = net.shuffle_factor("upsampler.0", net.channels(x), channels)?;
    net.push("upsampler.1", Operation::PixelShuffle(scale), [x]);
    Ok(Recognised {
        family,
        details: format!(
            "{} of {} channels, x{scale}",
            counted(blocks, "block"),
            net.channels(head)
        ),
        network: net.finish(scale)?,
    })
}

/// Of three steps the first channels are kept and the rest goes on.
fn imdn_block(net: &mut Assembly<'_>, name: &str, from: NodeId) -> Result<NodeId> {
    let kept = channels_out(net.state(), &format!("{name}.c4.weight"))?;
    let mut x = from;
    let mut found = Vec::new();
    for part in ["c1", "c2", "c3"] {
        let part = format!("{name}.{part}");
        x = net.convolution(&part, x)?;
        x = net.activation(format!("{part}.act"), LEAKY, x);
        let Some(rest) = net.channels(x).checked_sub(kept) else {
            return Err(net.refused(format!(
                "\"{part}\" has fewer than the {kept} channels that are put aside"
            )));
        };
        let [first, others] =
            [(0, kept), (kept, rest)].map(|(first, count)| Operation::Channels { first, count });
        found.push(net.push(format!("{part}.kept"), first, [x]));
        x = net.push(format!("{part}.rest"), others, [x]);
    }
    found.push(net.convolution(&format!("{name}.c4"), x)?);
    x = net.push(format!("{name}.joined"), Operation::Concatenate, found);
    let attention = format!("{name}.cca");
    let pooled = format!("{attention}.contrast");
    let pooled = net.push(pooled, Operation::GlobalContrast, [x]);
    let (squeeze, excite) = (
        format!("{attention}.conv_du.0"),
        format!("{attention}.conv_du.2"),
    );
    x = rcan::gate(net, &attention, [&squeeze, &excite], x, pooled)?;
    x = net.convolution(&format!("{name}.c5"), x)?;
    Ok(net.add(name, x, from))
}

/// Of three steps a few channels are kept beside what goes on.
fn rfdn_block(net: &mut Assembly<'_>, name: &str, from: NodeId) -> Result<NodeId> {
    let mut x = from;
    let mut found = Vec::new();
    for part in ["c1", "c2", "c3"] {
        let part = format!("{name}.{part}");
        let kept = net.convolution(&format!("{part}_d"), x)?;
        found.push(net.activation(format!("{part}_d.act"), LEAKY, kept));
        let y = net.convolution(&format!("{part}_r"), x)?;
        let y = net.add(format!("{part}_r.sum"), y, x);
        x = net.activation(format!("{part}_r.act"), LEAKY, y);
    }
    x = net.convolution(&format!("{name}.c4"), x)?;
    found.push(net.activation(format!("{name}.c4.act"), LEAKY, x));
    x = net.push(format!("{name}.joined"), Operation::Concatenate, found);
    x = net.convolution(&format!("{name}.c5"), x)?;
    spatial_attention(net, &format!("{name}.esa"), x)
}

/// Each value times a number between 0 and 1 that a wide view of few channels gives.
fn spatial_attention(net: &mut Assembly<'_>, name: &str, from: NodeId) -> Result<NodeId> {
    let part = |part: &str| format!("{name}.{part}");
    let few = net.convolution(&part("conv1"), from)?;
    let halved = Form {
        stride: 2,
        padded: false,
        ..Form::default()
    };
    let x = net.convolution_of(&part("conv2"), few, halved)?;
    let pool = Operation::MaxPool { size: 7, stride: 3 };
    let mut x = net.push(part("pool"), pool, [x]);
    for convolution in ["conv_max", "conv3"] {
        x = net.convolution(&part(convolution), x)?;
        x = net.activation(part(&format!("{convolution}.relu")), Nonlinearity::Relu, x);
    }
    x = net.convolution(&part("conv3_"), x)?;
    x = net.push(part("resize"), Operation::ResizeTo, [x, from]);
    let y = net.convolution(&part("conv_f"), few)?;
    x = net.add(part("sum"), x, y);
    x = net.convolution(&part("conv4"), x)?;
    x = net.activation(part("sigmoid"), Nonlinearity::Sigmoid, x);
    Ok(net.push(name, Operation::Multiply, [from, x]))
}
