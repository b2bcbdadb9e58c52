//! The causal effect map's relatives from experiment to result, and the laws that they must obey.

use std::path::Path;

use candle_core::{Device, Tensor};
use whyfinder_experiment::{Experiment, Field, Outcome, RandomState, parse_experiment};
use whyfinder_instrument::{Budget, InstrumentError, Report, estimate_image, measure_image};
use whyfinder_model::network::{
    Builder, ImageModel, Network, NetworkCard, Nonlinearity, Operation, Window,
};

mod agreement;
mod bundled;
mod conduct;
mod laws;
#[path = "../support/listener.rs"]
mod listener;

use listener::{Listener, run};

/// The instruments of this file, and settings that make them quick.
const INSTRUMENTS: [(&str, &[&str]); 7] = [
    ("lam", &["lam.fold=6", "lam.kernel=5"]),
    ("gradient", &[]),
    ("integrated-gradients", &["integrated-gradients.steps=6"]),
    ("occlusion", &[]),
    ("rise", &["rise.masks=40", "rise.grid=4"]),
    ("receptive-field", &["receptive-field.inputs=3"]),
    (
        "faithfulness",
        &["faithfulness.steps=4", "faithfulness.random=2"],
    ),
];

fn weights(shape: &[usize], random: &mut RandomState) -> Tensor {
    let count: usize = shape.iter().product();
    let fan_in: usize = shape.iter().take(shape.len() - 1).product();
    let scale = 0.7 / (fan_in.max(1) as f64).sqrt();
    let values: Vec<f32> = (0..count)
        .map(|_| (random.normal() * scale) as f32)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("weights")
}

/// Local, and twice as large as its input.
fn local() -> ImageModel {
    let mut random = RandomState::new(1);
    let mut b = Builder::new(3);
    let x = b.convolution("0", weights(&[3, 3, 3, 6], &mut random), None, 0);
    let x = b.activation("1", Nonlinearity::Gelu, x);
    let x = b.convolution("2", weights(&[3, 3, 6, 12], &mut random), None, x);
    let x = b.push("3", Operation::PixelShuffle(2), [x]);
    let x = b.push("4", Operation::Scale(0.3), [x]);
    let skip = b.push("skip", Operation::Nearest(2), [0]);
    b.add("out", x, skip);
    named(b.finish(2))
}

/// With channel attention.
fn pooled() -> ImageModel {
    let mut random = RandomState::new(2);
    let mut b = Builder::new(3);
    let head = b.convolution("head", weights(&[3, 3, 3, 6], &mut random), None, 0);
    let mean = b.push("pool", Operation::GlobalMean, [head]);
    let gate = weights(&[1, 1, 6, 6], &mut random);
    let gate = (gate * 9.0).expect("scales");
    let gate = b.convolution("gate", gate, None, mean);
    let gate = b.activation("sigmoid", Nonlinearity::Sigmoid, gate);
    let x = b.push("gated", Operation::Multiply, [head, gate]);
    let x = b.convolution("last", weights(&[3, 3, 6, 3], &mut random), None, x);
    let x = b.push("small", Operation::Scale(0.4), [x]);
    b.push("out", Operation::Subtract, [0, x]);
    named(b.finish(1))
}

/// With windows, shifted ones and overlapping ones.
fn windowed() -> ImageModel {
    let mut random = RandomState::new(3);
    let mut b = Builder::new(3);
    let x = b.push("pad", Operation::PadToMultiple(4), [0]);
    let mut x = b.convolution("first", weights(&[1, 1, 3, 6], &mut random), None, x);
    for (i, (shift, key_size)) in [(0, 4), (2, 4), (0, 6)].into_iter().enumerate() {
        let qkv = weights(&[1, 1, 6, 18], &mut random);
        let qkv = b.convolution(format!("{i}.qkv"), qkv, None, x);
        let window = Window {
            heads: 2,
            size: 4,
            key_size,
            shift,
            bias: weights(&[2, 16, key_size * key_size], &mut random),
        };
        let pattern = Operation::WindowPattern(window.clone());
        let pattern = b.push(format!("{i}.pattern"), pattern, [qkv]);
        let mixed = Operation::WindowMix(window);
        let mixed = b.push(format!("{i}.mix"), mixed, [pattern, qkv]);
        x = b.add(format!("{i}.add"), x, mixed);
    }
    let x = b.convolution("last", weights(&[1, 1, 6, 3], &mut random), None, x);
    let x = b.push("crop", Operation::CropToPicture { scale: 1 }, [x]);
    b.add("out", 0, x);
    named(b.finish(1))
}

fn named(network: Network) -> ImageModel {
    let parameters = network.parameters();
    ImageModel {
        network,
        card: NetworkCard {
            reference: "made-here".into(),
            name: "made here".into(),
            family: "chain".into(),
            details: String::new(),
            path: None,
            parameters,
            bytes: 4 * parameters,
            file_bytes: 0,
            format: "safetensors".into(),
            device: "cpu".into(),
            digest: String::new(),
        },
    }
}

/// An experiment on a picture of stripes and dots of 46 x 38 pixels, written to `folder`.
fn experiment(folder: &Path, instrument: &str, overrides: &[&str]) -> Experiment {
    let truth = folder.join("truth.png");
    if !truth.exists() {
        let mut random = RandomState::new(9);
        let picture = image::RgbImage::from_fn(46, 38, |x, y| {
            let stripe = if (x + 2 * y) % 11 < 5 { 60 } else { 180 };
            let dot = (random.uniform() * 40.0) as u8;
            image::Rgb([stripe + dot, stripe, 255 - stripe - dot])
        });
        picture.save(&truth).expect("writes");
    }
    let text = format!(
        "instrument = \"{instrument}\"\nmodel = \"made-here\"\nseed = 5\n[input]\ntruth = {:?}\n\
         region = [14, 10, 8, 6]\n",
        truth.display().to_string()
    );
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    parse_experiment(&text, &overrides).expect("a good experiment")
}

fn field<'a>(outcome: &'a Outcome, name: &str) -> &'a Field {
    let names: Vec<_> = outcome.fields.iter().map(|f| f.name.as_str()).collect();
    outcome
        .field(name)
        .unwrap_or_else(|| panic!("there is no field {name} among {names:?}"))
}

fn number(outcome: &Outcome, name: &str) -> f32 {
    let numbers = &outcome.summary.reference;
    *numbers
        .get(name)
        .unwrap_or_else(|| panic!("there is no number {name} among {numbers:?}"))
}
