//! Denoisers that are convolutions in a row: DnCNN (Zhang et al. 2017), IRCNN (Zhang et al. 2017b), FFDNet and FDnCNN
//! (Zhang et al. 2018).
//!
//! They are told apart by their channels: the noise level is one more channel (FDnCNN) or comes with pixels shuffled
//! into channels (FFDNet). Seven convolutions without batch norm are taken for IRCNN, whose dilations are not stored.
//! DnCNN, IRCNN and Tassano's FFDNet find the noise, the others the picture.

use candle_core::Device;

use super::super::assembly::{Assembly, Form, any, channels_in, channels_out, indices};
use super::super::detect::Recognised;
use super::super::node::{NodeId, Nonlinearity, Operation};
use super::{Family, counted};
use crate::error::Result;
use crate::network::Builder;
use crate::state_dict::StateDict;

pub(super) const FAMILY: Family = Family {
    name: "DnCNN, IRCNN, FDnCNN, FFDNet",
    marks: |state| layout(state).is_some(),
    build,
};

const DILATIONS: [usize; 7] = [1, 2, 3, 4, 3, 2, 1];
const PICTURE: NodeId = Builder::PICTURE;

/// Where the convolutions lie.
#[derive(Clone, Copy, Debug)]
struct Layout {
    prefix: &'static str,
    /// Of its batch norms.
    eps: f64,
    /// Tassano's FFDNet puts a noise level per colour before the pixels.
    tassano: bool,
}

const LAYOUTS: [Layout; 3] = [
    // KAIR.
    Layout {
        prefix: "model",
        eps: 1e-4,
        tassano: false,
    },
    // DnCNN-PyTorch.
    Layout {
        prefix: "dncnn",
        eps: 1e-5,
        tassano: false,
    },
    // The spelling is theirs.
    Layout {
        prefix: "intermediate_dncnn.itermediate_dncnn",
        eps: 1e-5,
        tassano: true,
    },
];

fn layout(state: &StateDict) -> Option<Layout> {
    LAYOUTS.into_iter().find(|layout| {
        state.contains(&format!("{}.0.weight", layout.prefix))
            && !any(state, &format!("{}.1.", layout.prefix))
    })
}

/// What the channels say.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    NoiseMap,
    Shuffled,
}

fn build(state: &StateDict, device: &Device) -> Result<Recognised> {
    let layout = layout(state).unwrap_or(LAYOUTS[0]);
    let layers = layers(state, layout.prefix);
    let last = layers.last().map_or(0, |layer| layer.index);
    let input = channels_in(state, &format!("{}.0.weight", layout.prefix))?;
    let output = channels_out(state, &format!("{}.{last}.weight", layout.prefix))?;
    let normed = layers.iter().any(|layer| layer.norm.is_some());
    let levels = if layout.tassano { output / 4 } else { 1 };
    let kind = match output % 4 == 0 && input == output + levels {
        true => Kind::Shuffled,
        false if input == output + 1 => Kind::NoiseMap,
        false => Kind::Plain,
    };
    let dilated = kind == Kind::Plain && layers.len() == DILATIONS.len() && !normed;
    let family = match kind {
        Kind::Shuffled => "FFDNet",
        Kind::NoiseMap => "FDnCNN",
        Kind::Plain if dilated => "IRCNN",
        Kind::Plain => "DnCNN",
    };
    let colours = match kind {
        Kind::Shuffled => output / 4,
        _ => output,
    };
    let mut net = Assembly::new(state, device, family, colours)?;
    let mut x = head(&mut net, kind, layout.tassano, levels);
    for (place, layer) in layers.iter().enumerate() {
        let name = format!("{}.{}", layout.prefix, layer.index);
        let norm = layer.norm.map(|norm| format!("{}.{norm}", layout.prefix));
        let form = Form {
            dilation: if dilated { DILATIONS[place] } else { 1 },
            norm: norm.as_deref().map(|norm| (norm, layout.eps)),
            ..Form::default()
        };
        x = net.convolution_of(&name, x, form)?;
        if layer.index != last {
            let after = layer.norm.unwrap_or(layer.index) + 1;
            let name = format!("{}.{after}", layout.prefix);
            x = net.activation(name, Nonlinearity::Relu, x);
        }
    }
    if kind == Kind::Shuffled {
        x = net.push("shuffle", Operation::PixelShuffle(2), [x]);
        x = net.push("crop", Operation::CropToPicture { scale: 1 }, [x]);
    }
    if kind == Kind::Plain || layout.tassano {
        net.push("output", Operation::Subtract, [PICTURE, x]);
    }
    let width = channels_out(state, &format!("{}.0.weight", layout.prefix))?;
    Ok(Recognised {
        family,
        details: format!(
            "{} of {width} channels",
            counted(layers.len(), "convolution")
        ),
        network: net.finish(1)?,
    })
}

/// What the first convolution reads.
fn head(net: &mut Assembly<'_>, kind: Kind, levels_first: bool, levels: usize) -> NodeId {
    let x = match kind {
        Kind::Plain => return PICTURE,
        Kind::NoiseMap => PICTURE,
        Kind::Shuffled => {
            let x = net.push("pad", Operation::RepeatToMultiple(2), [PICTURE]);
            net.push("unshuffle", Operation::PixelUnshuffle(2), [x])
        }
    };
    let level = net.push("noise_level", Operation::NoiseLevel, [x]);
    let mut inputs = vec![level; levels];
    inputs.insert(if levels_first { levels } else { 0 }, x);
    net.push("with_noise_level", Operation::Concatenate, inputs)
}

/// A convolution and the batch norm behind it, by their numbers.
#[derive(Clone, Copy, Debug)]
struct Layer {
    index: usize,
    norm: Option<usize>,
}

fn layers(state: &StateDict, prefix: &str) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for index in indices(state, &format!("{prefix}.")) {
        let is_norm = state.contains(&format!("{prefix}.{index}.running_mean"));
        match layers.last_mut() {
            Some(layer) if is_norm && layer.norm.is_none() => layer.norm = Some(index),
            _ => layers.push(Layer { index, norm: None }),
        }
    }
    layers
}
