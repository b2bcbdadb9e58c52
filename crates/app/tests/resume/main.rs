//! Runs that are killed in the middle and taken up again, through the real binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::partial::Partial;
use whyfinder_experiment::{Outcome, read_result};

mod cells;
#[cfg(target_os = "linux")]
mod cost;
mod interrupted;
mod parts;

const TRACE: &str = "instrument = \"causal-trace\"\nmodel = \"demo:isles\"\nseed = 3\n\
    [input]\nprompt = \"The lighthouse of Varn stands on the island of\"\nsubject = \"lighthouse of Varn\"\n";

const MAP: &str = "instrument = \"causal-effect-map\"\nmodel = \"demo:denoise\"\nseed = 5\n\
    [input]\ntruth = \"picture:leaves-1\"\nregion = [96, 96, 32, 32]\nsigma = 50\n";

fn command(folder: &Path, out: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_whyfinder"));
    command
        .args(["run", "experiment.toml", "--out", out])
        .args(words)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs to the end; gives what was said on standard error.
fn run(folder: &Path, out: &str, words: &[&str]) -> String {
    let output = command(folder, out, words).output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    said
}

fn partials(folder: &Path, out: &str) -> Vec<PathBuf> {
    whyfinder_experiment::partial::partials_in(&folder.join(out))
}

/// Kills a run once it has kept something, without a warning.
fn kill_in_the_middle(folder: &Path, out: &str, words: &[&str]) {
    let mut child = in_the_middle(folder, out, words);
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    assert!(!folder.join(out).join("result.npz").exists());
}

/// Whether anything can be taken up: the file is there a moment before its first cell or part.
fn has_kept(folder: &Path, out: &str) -> bool {
    let Some(path) = partials(folder, out).pop() else {
        return false;
    };
    let cells = Partial::read(&path).is_ok_and(|p| p.groups.iter().any(|g| !g.cells.is_empty()));
    cells || parts::count(folder, out) > 0
}

/// A run that has kept something.
fn in_the_middle(folder: &Path, out: &str, words: &[&str]) -> Child {
    let mut child = command(folder, out, words).spawn().expect("it starts");
    let began = Instant::now();
    while !has_kept(folder, out) {
        let ended = child.try_wait().expect("it can be asked");
        assert!(ended.is_none(), "it ended before anything was kept");
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "nothing is kept"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

/// Sends a signal to a run and hears what it ends with: its exit status and what it said.
#[cfg(unix)]
fn end_by(signal: &str, child: Child) -> (Option<i32>, String) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .expect("kill starts");
    assert!(sent.success());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.stdout.is_empty());
    (
        output.status.code(),
        String::from_utf8(output.stderr).expect("UTF-8"),
    )
}

/// The whole answer but for the time that it took and when.
fn answer(folder: &Path, out: &str) -> Outcome {
    let mut outcome = read_result(&folder.join(out)).expect("a result");
    outcome.summary = Summary {
        seconds: 0.0,
        ..outcome.summary
    };
    outcome.provenance.date.clear();
    outcome
}

fn bits(outcome: &Outcome) -> Vec<(String, Vec<u32>)> {
    let of = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    outcome
        .fields
        .iter()
        .flat_map(|field| {
            [
                (field.name.clone(), of(&field.values)),
                (
                    format!("{}.samples", field.name),
                    of(field.samples.as_deref().unwrap_or_default()),
                ),
                (
                    format!("{}.stderr", field.name),
                    of(field.stderr.as_deref().unwrap_or_default()),
                ),
            ]
        })
        .collect()
}

fn same(a: &Outcome, b: &Outcome) {
    for ((name, a), (again, b)) in bits(a).iter().zip(bits(b)) {
        assert_eq!(*name, again);
        assert!(*a == b, "{name} differs");
    }
    // As text, in which a NaN equals itself.
    assert_eq!(format!("{:?}", a.summary), format!("{:?}", b.summary));
    assert_eq!(a.distributions, b.distributions);
    assert_eq!(a.provenance, b.provenance);
    assert_eq!(a.experiment, b.experiment);
}

fn is_taken_up(experiment: &str, words: &[&str]) {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), experiment).expect("writes");
    assert_eq!(run(folder, "whole", words), "");
    kill_in_the_middle(folder, "killed", words);
    let said = run(folder, "killed", words);
    assert!(
        said.contains("Going on with a run that was interrupted"),
        "{said}"
    );
    same(&answer(folder, "whole"), &answer(folder, "killed"));
    assert!(
        partials(folder, "killed").is_empty(),
        "it is of no use any more"
    );
    assert!(partials(folder, "whole").is_empty());
}

/// Settings of an image instrument in place of a map's.
fn instead(instrument: &str, settings: &[&str]) -> Vec<String> {
    let named = format!("instrument={instrument}");
    let all = std::iter::once(named.as_str()).chain(settings.iter().copied());
    all.flat_map(|s| ["--set".to_string(), s.to_string()])
        .collect()
}
