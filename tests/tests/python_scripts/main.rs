//! Experiments as Python scripts: that the scripts are whole, and that they repeat the numbers.
//!
//! Running them needs Python with torch and transformers, which the ignored tests look for in `WHYFINDER_PYTHON` or
//! as `python3`. What needs nothing but this repository runs always.

use std::path::Path;
use std::process::Command;

use whyfinder_experiment::{Experiment, InstrumentSettings, Outcome, parse_experiment};
use whyfinder_instrument::{Budget, measure};
use whyfinder_model::network::open_network;
use whyfinder_model::{OpenOptions, open};
use whyfinder_script::{Answered, Asked, Script, ScriptError, write};

mod images;
mod language;
#[path = "../support/listener.rs"]
mod listener;
#[path = "../support/models.rs"]
mod models;
mod wholeness;

use listener::Listener;

/// Differences are told as parts of a field's largest value.
const LIMIT: f64 = 1e-4;

fn experiment(text: &str, overrides: &[&str]) -> Experiment {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    parse_experiment(text, &overrides).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn script(experiment: &Experiment, answered: Option<&Answered>) -> Result<Script, ScriptError> {
    write(&Asked {
        experiment,
        answered,
        stem: "again",
        options: &OpenOptions::default(),
    })
}

fn measured(experiment: &Experiment) -> Outcome {
    let options = OpenOptions::default();
    match &experiment.instrument {
        InstrumentSettings::Image { .. } => {
            let model = open_network(&experiment.model, &options).expect("the network opens");
            listener::run(&model, experiment)
        }
        _ => {
            let model = open(&experiment.model, &options).expect("the model opens");
            let mut listener = Listener::default();
            let outcome = measure(&model, experiment, &mut listener, &Budget::UNLIMITED);
            outcome.unwrap_or_else(|e| panic!("{e}"))
        }
    }
}

fn python() -> String {
    std::env::var("WHYFINDER_PYTHON").unwrap_or_else(|_| "python3".into())
}

fn put(script: &Script, folder: &Path) {
    std::fs::write(folder.join("again.py"), &script.text).expect("written");
    for file in &script.beside {
        let path = folder.join(&file.name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, &file.bytes).expect("written");
    }
}

/// What a script says of an outcome.
fn said_of(outcome: &Outcome) -> String {
    let answered = Answered::of(outcome);
    let script = script(&outcome.experiment, Some(&answered)).unwrap_or_else(|e| panic!("{e}"));
    let folder = tempfile::tempdir().expect("a folder");
    put(&script, folder.path());
    let run = Command::new(python())
        .arg(folder.path().join("again.py"))
        .args([
            "--out".as_ref(),
            folder.path().join("again.npz").as_os_str(),
        ])
        .env("HF_HUB_OFFLINE", "1")
        .output()
        .expect("Python starts; set WHYFINDER_PYTHON");
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        run.status.success(),
        "{said}\n{}\n{}",
        String::from_utf8_lossy(&run.stderr),
        script.text
    );
    assert!(folder.path().join("again.npz").is_file());
    said
}

/// The largest difference of all fields, as the script says it; `fields` must be among those compared.
fn difference(said: &str, fields: &[&str]) -> f64 {
    for field in fields {
        let line = said
            .lines()
            .find(|line| {
                line.starts_with(&format!("{field}: ")) && line.contains("values compared")
            })
            .unwrap_or_else(|| panic!("{field} is not compared:\n{said}"));
        assert!(!line.contains(": 0 values"), "{line}");
    }
    let last = said
        .lines()
        .find_map(|line| line.strip_prefix("Largest difference of all: "))
        .unwrap_or_else(|| panic!("nothing is compared:\n{said}"));
    let number = last.split_whitespace().next().expect("a number");
    number.parse().expect("a number")
}

/// Measures, lets the script measure, and looks at their largest difference.
fn repeats(name: &str, experiment: &Experiment, fields: &[&str]) {
    repeats_within(name, experiment, fields, LIMIT);
}

#[allow(
    clippy::print_stdout,
    reason = "docs/scripts.md tells these differences"
)]
fn repeats_within(name: &str, experiment: &Experiment, fields: &[&str], limit: f64) {
    let outcome = measured(experiment);
    let said = said_of(&outcome);
    let found = difference(&said, fields);
    println!("| {name} | {found:.1e} |");
    assert!(found < limit, "{name}: {found:e}\n{said}");
}
