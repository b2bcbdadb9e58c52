//! What it costs to keep what is measured.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::parts::{RESTORE, draw};
use crate::{MAP, TRACE};

/// Processor time of this process so far, seconds.
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

#[test]
#[ignore = "prints what keeping cells costs; run it alone"]
fn keeping_cells_costs_little() {
    let place = tempfile::tempdir().expect("a folder");
    draw(place.path(), 0.0);
    let picture = place.path().join("picture.png");
    let words = [" of", " the", " old", " stands"];
    let prompt: String = (0..16_000).map(|i| words[i * i % 7 % 4]).collect();
    let run = format!(
        "instrument = \"run\"\nmodel = {:?}\n[input]\nprompt = {prompt:?}\n[run]\nattention = true\n",
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/trace/llama"
        )
    );
    let tiles = format!("input.truth={}", picture.display());
    for (name, text, set) in [
        ("trace", TRACE, "corruption.samples=120"),
        ("map", MAP, "intervention.fine=30"),
        ("picture in tiles", RESTORE, &tiles),
        ("pass through three blocks", &run, "seed=1"),
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
