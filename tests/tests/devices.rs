//! The same numbers on a graphics card as on the processor.
//!
//! A build with `--features whyfinder/cuda` (or `metal`) runs these on the device that `WHYFINDER_DEVICE` names:
//! `WHYFINDER_DEVICE=cuda:0 cargo test --release --workspace --features whyfinder/cuda --test devices -- --ignored`.
//! `WHYFINDER_ONLY=facade,lam` leaves out the experiments of other names.

#![allow(clippy::print_stdout)]

#[path = "support/models.rs"]
mod models;
#[path = "support/networks.rs"]
mod networks;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use models::{fixture, parity_models};
use networks::{read_pair, weights_in};
use whyfinder_experiment::{Experiment, Field, Outcome, parse_experiment};
use whyfinder_model::network::{NoNodeProbe, forward, open_network};
use whyfinder_model::{NoProbe, OpenOptions, Pass, device_named, open};
use whyfinder_worker::{Event, JobId, Request, Worker, WorkerOptions};

/// Of logits, and of colours in 0..=1.
const PASS_LIMIT: f32 = 1e-4;
/// Of what an instrument measures, as a share of the largest magnitude in the field.
const FIELD_LIMIT: f32 = 2e-3;
/// The same without the cells that turn on a tie: a colour rounded to 8 bits, the order of equal effects.
const TYPICAL_LIMIT: f32 = 1e-4;

/// Of one experiment on one device.
const PATIENCE: Duration = Duration::from_secs(60);

fn device() -> Device {
    let name = std::env::var("WHYFINDER_DEVICE")
        .expect("WHYFINDER_DEVICE names the device to compare with the processor: cuda:0, metal");
    device_named(&name).unwrap_or_else(|error| panic!("{error}"))
}

fn options(device: &Device) -> OpenOptions {
    OpenOptions {
        device: device.clone(),
        ..OpenOptions::default()
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor
        .to_device(&Device::Cpu)
        .and_then(|tensor| tensor.flatten_all()?.to_vec1::<f32>())
        .expect("float32 values")
}

/// NaN against a number counts as infinitely far, NaN against NaN as equal.
fn differences(ours: &[f32], theirs: &[f32]) -> Vec<f32> {
    assert_eq!(ours.len(), theirs.len());
    let apart = |(&a, &b): (&f32, &f32)| match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) if a == b => 0.0,
        (false, false) => (a - b).abs(),
        _ => f32::INFINITY,
    };
    ours.iter().zip(theirs).map(apart).collect()
}

fn worst(ours: &[f32], theirs: &[f32]) -> f32 {
    differences(ours, theirs).into_iter().fold(0.0, f32::max)
}

#[test]
#[ignore = "needs a graphics card, a build for it and WHYFINDER_DEVICE"]
fn logits_of_every_family_equal_those_of_transformers() {
    let device = device();
    let mut failures = Vec::new();
    for name in parity_models() {
        let folder = fixture("parity").join(&name);
        let expected =
            candle_core::safetensors::load(folder.join("expected.safetensors"), &Device::Cpu)
                .expect("the expected values are readable");
        let far = open(&folder.to_string_lossy(), &options(&device))
            .map_err(|error| error.to_string())
            .and_then(|model| {
                let mut far = 0.0f32;
                for (index, tokens) in
                    (0..).map_while(|i| Some((i, expected.get(&format!("tokens.{i}"))?)))
                {
                    let tokens = tokens
                        .to_dtype(candle_core::DType::U32)
                        .and_then(|tokens| tokens.unsqueeze(0)?.to_device(&device))
                        .expect("token ids");
                    let logits = model
                        .decoder
                        .forward(&tokens, &mut NoProbe, &Pass::default())
                        .map_err(|error| error.to_string())?;
                    let theirs = values(&expected[&format!("logits.{index}")]);
                    far = far.max(worst(&values(&logits), &theirs));
                }
                Ok(far)
            });
        judge(&mut failures, &name, far);
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
#[ignore = "needs a graphics card, a build for it and WHYFINDER_DEVICE"]
fn every_network_equals_its_definition() {
    let device = device();
    let mut failures = Vec::new();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(fixture("networks"))
        .expect("the fixtures")
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join("pair.safetensors").is_file())
        .collect();
    folders.sort();
    assert!(folders.len() >= 32);
    for folder in folders {
        let name = folder.file_name().expect("a name").to_string_lossy();
        let pair = read_pair(&folder);
        let far = open_network(&weights_in(&folder).to_string_lossy(), &options(&device))
            .and_then(|model| {
                let input = pair.input.to_device(&device)?;
                forward(&model.network, &input, pair.noise, &mut NoNodeProbe)
            })
            .map(|output| worst(&values(&output), &values(&pair.output)))
            .map_err(|error| error.to_string());
        judge(&mut failures, &name, far);
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

fn judge(failures: &mut Vec<String>, name: &str, far: Result<f32, String>) {
    match far {
        Ok(far) => {
            println!("{name:<28} {far:>10.2e}");
            if far > PASS_LIMIT {
                failures.push(format!("{name}: {far:e}"));
            }
        }
        Err(message) => {
            println!("{name:<28} {message}");
            failures.push(format!("{name}: {message}"));
        }
    }
}

/// Experiments on the bundled models: one at least for every instrument.
fn experiments() -> Vec<(String, Experiment)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<PathBuf> = ["assets/scenes", "docs/pictures/figures/experiments"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("the experiments"))
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    let mut all: Vec<(String, Experiment)> = files
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("an experiment");
            let text: String = text
                .lines()
                .filter(|line| {
                    !["title =", "sentence =", "beside ="]
                        .iter()
                        .any(|key| line.starts_with(key))
                })
                .map(|line| format!("{line}\n"))
                .collect();
            let name = path.file_stem().expect("a name").to_string_lossy();
            let fewer = ["intervention.fine=3".to_owned()];
            let fewer = &fewer[..usize::from(text.contains("[intervention]"))];
            let experiment = parse_experiment(&text, fewer)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (name.into_owned(), experiment)
        })
        .collect();
    let trace = |engine: &str, kinds: &str| {
        format!(
            "instrument = \"causal-trace\"\nmodel = \"demo:isles\"\nseed = 1\n[input]\n\
             prompt = \"The tower of Corkado stands in the town of\"\nsubject = \"Corkado\"\n\
             [trace]\nengine = \"{engine}\"\nkinds = [{kinds}]\n"
        )
    };
    let kinds = "\"residual\", \"mlp\", \"attention\"";
    for (name, text) in [
        ("trace, exact", trace("exact", kinds)),
        ("trace, plain", trace("plain", kinds)),
    ] {
        let experiment = parse_experiment(&text, &[]).unwrap_or_else(|e| panic!("{name}: {e}"));
        all.push((name.to_owned(), experiment));
    }
    if let Ok(only) = std::env::var("WHYFINDER_ONLY") {
        all.retain(|(name, _)| only.split(',').any(|wanted| wanted == name));
        assert!(!all.is_empty(), "there is no experiment of these names");
    }
    all
}

fn measured(worker: &Worker, job: u64, experiment: &Experiment) -> Result<Arc<Outcome>, String> {
    let job = JobId(job);
    worker.send(Request::Start {
        job,
        experiment: experiment.clone(),
    });
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match worker.recv_timeout(Duration::from_millis(200)) {
            Some(Event::Finished { outcome, .. }) => return Ok(outcome),
            Some(Event::Failed { message, .. } | Event::OpenFailed { message, .. }) => {
                return Err(message);
            }
            _ => {}
        }
    }
    worker.cancel(job);
    Err(format!("did not finish within {PATIENCE:?}"))
}

/// Worst and 99th percentile of the differences, as shares of the largest magnitude.
fn apart(ours: &Field, theirs: &Field) -> (f32, f32) {
    let largest = theirs.values.iter().filter(|v| v.is_finite());
    let largest = largest.fold(0.0f32, |most, v| most.max(v.abs())).max(1e-3);
    let mut far = differences(&ours.values, &theirs.values);
    far.sort_by(f32::total_cmp);
    let typical = far.get(far.len() * 99 / 100).copied().unwrap_or(0.0);
    (
        far.last().copied().unwrap_or(0.0) / largest,
        typical / largest,
    )
}

#[test]
#[ignore = "needs a graphics card, a build for it and WHYFINDER_DEVICE"]
fn every_instrument_measures_what_it_measures_on_the_processor() {
    let worker_on = |device: &Device| {
        Worker::spawn(WorkerOptions {
            models: options(device),
            ..WorkerOptions::default()
        })
    };
    let (here, there) = (worker_on(&Device::Cpu), worker_on(&device()));
    let mut failures = Vec::new();
    println!(
        "{:<26} {:>10} {:>10}   worst (99 %) of each field",
        "experiment", "processor", "device"
    );
    for (job, (name, experiment)) in experiments().iter().enumerate() {
        let time = |worker| {
            let began = Instant::now();
            (
                measured(worker, job as u64, experiment),
                began.elapsed().as_secs_f64(),
            )
        };
        let ((theirs, before), (ours, after)) = (time(&here), time(&there));
        let (theirs, ours) = match (theirs, ours) {
            (Ok(theirs), Ok(ours)) => (theirs, ours),
            (theirs, ours) => {
                let message = ours.err().or(theirs.err()).unwrap_or_default();
                println!("{name:<26} {message}");
                failures.push(format!("{name}: {message}"));
                continue;
            }
        };
        let mut line = format!("{name:<26} {before:>8.2} s {after:>8.2} s  ");
        for (mine, other) in ours.fields.iter().zip(&theirs.fields) {
            assert_eq!((&mine.name, mine.shape()), (&other.name, other.shape()));
            let (worst, typical) = apart(mine, other);
            line += &format!(" {} {worst:.0e} ({typical:.0e})", mine.name);
            let ranks = mine.name.ends_with("top");
            if (worst > FIELD_LIMIT && !ranks) || typical > TYPICAL_LIMIT {
                failures.push(format!("{name}, {}: {worst:e}, {typical:e}", mine.name));
            }
        }
        println!("{line}");
        if ours.fields.len() != theirs.fields.len() {
            failures.push(format!("{name}: not the same fields"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
