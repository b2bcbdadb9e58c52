//! Runs that are killed in the middle and taken up again, through the real binary.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::{Outcome, read_result};

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

/// A run that has kept something.
fn in_the_middle(folder: &Path, out: &str, words: &[&str]) -> Child {
    let mut child = command(folder, out, words).spawn().expect("it starts");
    let began = Instant::now();
    while partials(folder, out).is_empty() {
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

#[test]
fn a_trace_that_was_killed_ends_as_if_it_had_not_been() {
    is_taken_up(TRACE, &["--set", "corruption.samples=120"]);
}

#[test]
fn so_does_one_whose_draws_end_early() {
    is_taken_up(
        TRACE,
        &[
            "--set",
            "corruption.samples=120",
            "--set",
            "trace.confidence=0.99",
            "--set",
            "trace.resolution=0.003",
        ],
    );
}

#[test]
fn so_does_one_by_full_passes() {
    is_taken_up(
        TRACE,
        &[
            "--set",
            "corruption.samples=30",
            "--set",
            "trace.engine=plain",
        ],
    );
}

#[test]
fn so_does_one_whose_cells_do_not_fit_into_one_pack() {
    is_taken_up(
        TRACE,
        &["--set", "corruption.samples=120", "--memory", "40MiB"],
    );
}

#[test]
fn so_does_a_map() {
    is_taken_up(MAP, &["--set", "intervention.fine=20"]);
}

#[test]
fn so_does_a_map_whose_draws_end_early() {
    is_taken_up(
        MAP,
        &[
            "--set",
            "intervention.confidence=0.95",
            "--set",
            "intervention.draws=stream",
        ],
    );
}

#[test]
fn so_does_a_split_map_and_an_occlusion() {
    is_taken_up(
        MAP,
        &[
            "--set",
            "model=demo:sr-channel",
            "--set",
            "input.task=super-resolution",
            "--set",
            "intervention.fine=2",
            "--set",
            "intervention.coarse=1",
            "--set",
            "intervention.block=32",
            "--set",
            "intervention.mediation=true",
        ],
    );
    is_taken_up(
        MAP,
        &[
            "--set",
            "instrument=occlusion",
            "--set",
            "occlusion.block=2",
        ],
    );
}

/// Settings of an image instrument in place of a map's.
fn instead(instrument: &str, settings: &[&str]) -> Vec<String> {
    let named = format!("instrument={instrument}");
    let all = std::iter::once(named.as_str()).chain(settings.iter().copied());
    all.flat_map(|s| ["--set".to_string(), s.to_string()])
        .collect()
}

fn image_is_taken_up(instrument: &str, settings: &[&str]) {
    let words = instead(instrument, settings);
    is_taken_up(MAP, &words.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn so_does_sampling_by_random_masks() {
    image_is_taken_up("rise", &["rise.masks=400"]);
}

#[test]
fn so_do_gradients_along_a_path() {
    image_is_taken_up("lam", &["lam.fold=50"]);
    image_is_taken_up("integrated-gradients", &["integrated-gradients.steps=50"]);
}

#[test]
fn so_does_a_field_averaged_over_random_pictures() {
    image_is_taken_up("receptive-field", &["receptive-field.inputs=90"]);
}

#[test]
fn so_does_a_comparison_of_maps() {
    let maps = "faithfulness.maps=[\"occlusion\", \"lam\"]";
    image_is_taken_up("faithfulness", &[maps, "faithfulness.random=2"]);
    // While the curves are drawn, which is after the maps.
    let few = "faithfulness.maps=[\"gradient\"]";
    image_is_taken_up("faithfulness", &[few, "faithfulness.random=12"]);
}

#[cfg(unix)]
#[test]
fn a_signal_stops_a_run_at_its_next_cell_and_says_how_to_go_on() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), TRACE).expect("writes");
    let samples = ["--set", "corruption.samples=120"];
    run(folder, "whole", &samples);
    for (signal, out, status) in [("-INT", "int", 130), ("-TERM", "term", 143)] {
        let began = Instant::now();
        let (code, said) = end_by(signal, in_the_middle(folder, out, &samples));
        assert_eq!(code, Some(status), "{said}");
        assert!(began.elapsed() < Duration::from_secs(60));
        let left = partials(folder, out);
        assert_eq!(left.len(), 1);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains("give the same command again") && said.contains("partial-"),
            "{said}"
        );
        assert!(!folder.join(out).join("result.npz").exists());
        let said = run(folder, out, &samples);
        assert!(said.contains("Going on"), "{said}");
        same(&answer(folder, "whole"), &answer(folder, out));
    }
}

#[cfg(unix)]
#[test]
fn a_signal_before_the_first_cell_leaves_nothing() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), MAP).expect("writes");
    // Nothing is kept of a pass over a picture.
    let words = instead("restore", &[]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut child = command(folder, "out", &words)
        .arg("--json")
        .spawn()
        .expect("it starts");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("started") {
        line.clear();
        assert!(said.read_line(&mut line).expect("reads") > 0, "it ended");
    }
    let (code, _) = end_by("-INT", child);
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("reads");
    // It may have been just done.
    if code != Some(0) {
        assert_eq!(code, Some(130), "{rest}");
        assert!(rest.contains("begins it anew"), "{rest}");
        assert!(!folder.join("out").exists(), "nothing is left");
    }
}

#[test]
fn what_another_run_left_is_said_and_not_mixed_in() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), TRACE).expect("writes");
    let samples = ["--set", "corruption.samples=120"];
    let other = [&samples[..], &["--set", "seed=8"]].concat();
    kill_in_the_middle(folder, "out", &samples);
    let left = partials(folder, "out");
    let said = run(folder, "out", &other);
    assert!(
        said.contains("A run with another seed was interrupted here and is not mixed in"),
        "{said}"
    );
    run(folder, "alone", &other);
    same(&answer(folder, "alone"), &answer(folder, "out"));
    assert_eq!(partials(folder, "out"), left, "it can still be taken up");
    let again = [&samples[..], &["--force"]].concat();
    let said = run(folder, "out", &again);
    assert!(said.contains("Going on"), "{said}");
    assert!(partials(folder, "out").is_empty());
}

#[test]
fn a_damaged_file_is_said_and_the_run_begins_anew() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    fs::write(folder.join("experiment.toml"), TRACE).expect("writes");
    let words = ["--set", "corruption.samples=120"];
    kill_in_the_middle(folder, "out", &words);
    let left = partials(folder, "out").remove(0);
    let whole = fs::read(&left).expect("reads");
    fs::write(&left, &whole[..whole.len() / 2]).expect("writes");
    let said = run(folder, "out", &words);
    assert!(
        said.contains("cannot be read") && !said.contains("Going on"),
        "{said}"
    );
    run(folder, "whole", &words);
    same(&answer(folder, "whole"), &answer(folder, "out"));
}

#[test]
fn the_same_seed_repeats_a_run_bit_for_bit() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    for (experiment, few) in [
        (TRACE, "corruption.samples=5"),
        (MAP, "intervention.fine=2"),
    ] {
        fs::write(folder.join("experiment.toml"), experiment).expect("writes");
        // The one before is of another experiment.
        run(folder, "one", &["--force", "--set", few]);
        run(folder, "two", &["--force", "--set", few]);
        same(&answer(folder, "one"), &answer(folder, "two"));
        run(
            folder,
            "three",
            &["--force", "--set", few, "--set", "seed=77"],
        );
        assert_ne!(bits(&answer(folder, "one")), bits(&answer(folder, "three")));
    }
}

/// Processor time of this process so far, seconds.
#[cfg(target_os = "linux")]
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("reads");
    let after = stat.rsplit(')').next().expect("a name in brackets");
    let ticks = |at: usize| -> f64 {
        let field = after.split_whitespace().nth(at).expect("a field");
        field.parse().expect("a number")
    };
    (ticks(11) + ticks(12)) / 100.0
}

/// One run by a worker that keeps what it measures, or not: its processor time.
#[cfg(target_os = "linux")]
fn cost(experiment: &whyfinder_experiment::Experiment, keep_in: Option<PathBuf>) -> f64 {
    use whyfinder_worker::{Event, JobId, Request, Worker, WorkerOptions};

    let worker = Worker::spawn(WorkerOptions {
        keep_in,
        ..WorkerOptions::default()
    });
    let before = processor_seconds();
    worker.send(Request::Start {
        job: JobId(1),
        experiment: experiment.clone(),
    });
    loop {
        match worker.recv_timeout(Duration::from_secs(1)) {
            Some(Event::Finished { .. }) => return processor_seconds() - before,
            Some(Event::Failed { message, .. }) => panic!("{message}"),
            _ => {}
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "prints what keeping cells costs; run it alone"]
fn keeping_cells_costs_little() {
    let place = tempfile::tempdir().expect("a folder");
    for (name, text, set) in [
        ("trace", TRACE, "corruption.samples=120"),
        ("map", MAP, "intervention.fine=30"),
    ] {
        let experiment =
            whyfinder_experiment::parse_experiment(text, &[set.to_string()]).expect("parses");
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for i in 0..7 {
            without.push(cost(&experiment, None));
            let folder = place.path().join(format!("{name}-{i}"));
            with.push(cost(&experiment, Some(folder)));
        }
        for all in [&mut without, &mut with] {
            all.sort_by(f64::total_cmp);
        }
        println!(
            "{name}: {:.2} s of processor time without, {:.2} s with (medians of 7)",
            without[3], with[3]
        );
        assert!(with[3] < 1.1 * without[3]);
    }
}
