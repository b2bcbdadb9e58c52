//! The causal effect map against PyTorch's numbers, and the laws that it must obey.

use std::path::{Path, PathBuf};

use candle_core::Device;
use whyfinder_experiment::{
    Experiment, Field, InstrumentSettings, Outcome, parse_experiment, read_experiment,
};
use whyfinder_instrument::{Budget, InstrumentError, Report, measure_image};
use whyfinder_model::network::{
    Builder, ImageModel, Network, NetworkCard, NodeId, Nonlinearity, Operation,
};

mod choices;
mod conduct;
mod laws;
#[path = "../support/listener.rs"]
mod listener;
mod parity;
mod tasks;

use listener::{Listener, run};

const CASES: [&str; 6] = ["denoise", "grey", "enlarge", "pooled", "authors", "derain"];

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/cem")
}

fn folder(case: &str) -> PathBuf {
    fixtures().join(case)
}

/// The network of a fixture, put together as the script that made it says.
fn model(case: &str) -> ImageModel {
    let path = folder(case).join("weights.safetensors");
    let weights = candle_core::safetensors::load(path, &Device::Cpu).expect("the fixture opens");
    let get = |name: &str| weights.get(name).expect("it is there").clone();
    let kernel = |name: &str| {
        let turned = get(name).permute((2, 3, 1, 0)).expect("of four dimensions");
        turned.contiguous().expect("turns")
    };
    let channels = kernel("model.0.weight").dim(2).expect("channels");
    let mut b = Builder::new(channels);
    let mut x: NodeId = Builder::PICTURE;
    let layers = (0..).take_while(|i| weights.contains_key(&format!("model.{}.weight", 2 * i)));
    let count = layers.count();
    for i in 0..count {
        let (weight, bias) = (
            kernel(&format!("model.{}.weight", 2 * i)),
            get(&format!("model.{}.bias", 2 * i)),
        );
        x = b.convolution(format!("model.{}", 2 * i), weight, Some(bias), x);
        if i + 1 < count {
            x = b.activation(format!("model.{}", 2 * i + 1), Nonlinearity::Relu, x);
        }
        if i == 0 && case == "pooled" {
            let mean = b.push("pool", Operation::GlobalMean, [x]);
            let gate = b.convolution("gate", kernel("gate.weight"), Some(get("gate.bias")), mean);
            let gate = b.activation("gate.sigmoid", Nonlinearity::Sigmoid, gate);
            x = b.push("gated", Operation::Multiply, [x, gate]);
        }
    }
    if ["enlarge", "authors"].contains(&case) {
        let shuffled = b.push("shuffle", Operation::PixelShuffle(2), [x]);
        let skip = b.push("skip", Operation::Nearest(2), [Builder::PICTURE]);
        b.add("out", shuffled, skip);
        return named(b.finish(2));
    }
    b.push("out", Operation::Subtract, [Builder::PICTURE, x]);
    named(b.finish(1))
}

fn named(network: Network) -> ImageModel {
    let parameters = network.parameters();
    ImageModel {
        network,
        card: NetworkCard {
            reference: "fixture".into(),
            name: "fixture".into(),
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

/// A fixture's experiment, changed.
fn experiment(case: &str, overrides: &[&str]) -> Experiment {
    let text = std::fs::read_to_string(folder(case).join("expected.json")).expect("reads");
    let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    from_text(
        &folder(case),
        &expected["experiment"].to_string(),
        overrides,
    )
}

/// An experiment as if it lay in a folder.
fn from_text(folder: &Path, text: &str, overrides: &[&str]) -> Experiment {
    let aside = tempfile::tempdir().expect("a folder");
    let path = aside.path().join("experiment.json");
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let whole = parse_experiment(text, &overrides).expect("a good experiment");
    let text = whyfinder_experiment::to_json(&whole).expect("writes");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for (section, key) in [
        ("input", "image"),
        ("input", "truth"),
        ("intervention", "bank"),
    ] {
        if let Some(name) = value[section][key].as_str()
            && !name.starts_with("picture:")
            && name != "builtin"
        {
            value[section][key] = folder.join(name).display().to_string().into();
        }
    }
    std::fs::write(&path, value.to_string()).expect("writes");
    read_experiment(&path, &[]).expect("a good experiment")
}

fn effect(outcome: &Outcome) -> &Field {
    outcome.field("effect").expect("a map has effects")
}

/// Of two maps of the same blocks.
fn farthest(a: &Field, b: &Field) -> f32 {
    assert_eq!(a.shape(), b.shape());
    let pairs = a.values.iter().zip(&b.values);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
