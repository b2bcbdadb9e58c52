//! The worker with the program's own instruments, on the bundled model.

use std::sync::Arc;
use std::time::{Duration, Instant};

use whyfinder_experiment::{
    Corruption, Experiment, Input, InstrumentSettings, RunSettings, TraceSettings,
};
use whyfinder_instrument::Report;
use whyfinder_model::kernel::attention_tile::TileId;
use whyfinder_worker::{Event, JobId, MemoryBudget, Request, TileRequest, Worker, WorkerOptions};

const MODEL: &str = "demo:isles";
const PROMPT: &str = "The tower of Corkado stands in the town of";

fn worker(memory: MemoryBudget) -> Worker {
    Worker::spawn(WorkerOptions {
        memory,
        ..WorkerOptions::default()
    })
}

fn experiment(instrument: InstrumentSettings) -> Experiment {
    Experiment {
        model: MODEL.to_string(),
        seed: 1,
        input: Input {
            prompt: Some(PROMPT.to_string()),
            subject: Some("Corkado".to_string()),
            ..Input::default()
        },
        instrument,
    }
}

/// A causal trace that takes long enough to be interrupted.
fn long_trace() -> Experiment {
    experiment(InstrumentSettings::CausalTrace {
        corruption: Corruption::Noise {
            scale: 3.0,
            samples: 400,
            sd: None,
            file: None,
        },
        trace: TraceSettings::default(),
    })
}

fn patterns() -> Experiment {
    experiment(InstrumentSettings::Run {
        run: RunSettings {
            sites: vec!["blocks.*.attn.hook_pattern".parse().expect("a site")],
            top: 5,
            attention: false,
        },
    })
}

fn start(worker: &Worker, job: u64, experiment: Experiment) {
    worker.send(Request::Start {
        job: JobId(job),
        experiment,
    });
}

/// Gives events to `wanted` until it takes one.
fn wait_for<T>(worker: &Worker, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if let Some(event) = worker.recv_timeout(Duration::from_millis(200)) {
            if let Event::Failed { message, .. } = &event {
                panic!("{message}");
            }
            if let Some(answer) = wanted(event) {
                return answer;
            }
        }
    }
    panic!("the awaited event never came");
}

fn cells_come(event: Event) -> Option<()> {
    matches!(
        event,
        Event::Report {
            report: Report::Cells { .. },
            ..
        }
    )
    .then_some(())
}

fn opened(worker: &Worker) {
    worker.send(Request::Open {
        model: MODEL.to_string(),
    });
    wait_for(worker, |e| matches!(e, Event::Opened(_)).then_some(()));
}

#[test]
fn a_trace_is_cancelled_within_a_tenth_of_a_second() {
    let worker = worker(MemoryBudget::default());
    opened(&worker);
    let mut times: Vec<Duration> = (1..=5)
        .map(|job| {
            start(&worker, job, long_trace());
            wait_for(&worker, cells_come);
            // Not always at the same place of a step.
            std::thread::sleep(Duration::from_millis(17 * job));
            let asked = Instant::now();
            worker.cancel(JobId(job));
            wait_for(&worker, |e| {
                matches!(e, Event::Cancelled { .. }).then(|| asked.elapsed())
            })
        })
        .collect();
    times.sort();
    // The middle one: another program may take the processor for a moment.
    assert!(times[2] < Duration::from_millis(100), "{times:?}");
}

#[test]
fn a_prompt_is_split_while_a_trace_runs() {
    let worker = worker(MemoryBudget::default());
    opened(&worker);
    start(&worker, 1, long_trace());
    wait_for(&worker, cells_come);
    worker.send(Request::Tokenize {
        model: MODEL.to_string(),
        text: PROMPT.to_string(),
        ticket: 3,
    });
    let split = wait_for(&worker, |event| match event {
        Event::Tokenized(split) => Some(split),
        Event::Finished { .. } => panic!("the trace was to be long"),
        _ => None,
    });
    assert_eq!(split.ticket, 3);
    let joined: String = split
        .spans
        .iter()
        .map(|&(from, to)| &split.text[from..to])
        .collect();
    assert_eq!(joined, PROMPT);
    worker.cancel(JobId(1));
    wait_for(&worker, |e| {
        matches!(e, Event::Cancelled { .. }).then_some(())
    });
}

#[test]
fn the_same_question_is_answered_from_memory() {
    let worker = worker(MemoryBudget::default());
    let mut answers = [1, 2].map(|job| {
        start(&worker, job, patterns());
        wait_for(&worker, |event| match event {
            Event::Finished {
                outcome, cached, ..
            } => Some((outcome, cached)),
            _ => None,
        })
    });
    assert_eq!(answers.each_ref().map(|a| a.1), [false, true]);
    let fields = answers.each_mut().map(|a| &a.0.fields);
    assert_eq!(fields[0][0].values, fields[1][0].values);
}

#[test]
fn every_layer_arrives_before_the_end() {
    let worker = worker(MemoryBudget::default());
    start(&worker, 1, patterns());
    let mut arrived = Vec::new();
    let outcome = wait_for(&worker, |event| match event {
        Event::Report {
            report: Report::Field(field),
            ..
        } => {
            arrived.push(field.name);
            None
        }
        Event::Finished { outcome, .. } => Some(outcome),
        _ => None,
    });
    let patterns: Vec<_> = outcome
        .fields
        .iter()
        .map(|field| field.name.clone())
        .filter(|name| name.ends_with("hook_pattern"))
        .collect();
    assert!(patterns.len() >= 2);
    for pattern in &patterns {
        assert!(arrived.contains(pattern), "{pattern} in {arrived:?}");
    }
}

#[test]
fn a_budget_that_holds_the_model_but_not_the_run_is_said_in_numbers() {
    let needs = {
        let worker = worker(MemoryBudget::default());
        worker.send(Request::Open {
            model: MODEL.to_string(),
        });
        wait_for(&worker, |event| match event {
            Event::Opened(model) => Some(model.bytes),
            _ => None,
        })
    };
    let worker = worker(MemoryBudget::Bytes(needs + needs / 50));
    start(&worker, 1, long_trace());
    let message = loop {
        match worker.recv_timeout(Duration::from_secs(60)) {
            Some(Event::Failed { message, .. }) => break message,
            Some(Event::Finished { .. }) | None => panic!("it was to be refused"),
            Some(_) => {}
        }
    };
    assert!(message.contains("MiB"), "{message}");

    let worker = self::worker(MemoryBudget::Bytes(1 << 20));
    worker.send(Request::Open {
        model: MODEL.to_string(),
    });
    let message = wait_for(&worker, |event| match event {
        Event::OpenFailed { message, .. } => Some(message),
        _ => None,
    });
    assert!(message.contains("1.0 MiB"), "{message}");
}

#[test]
fn tiles_come_while_a_trace_runs_and_only_those_wanted_last() {
    let worker = Worker::spawn(WorkerOptions::default());
    let mut recorded = patterns();
    recorded.instrument = InstrumentSettings::Run {
        run: RunSettings {
            attention: true,
            ..RunSettings::default()
        },
    };
    start(&worker, 1, recorded);
    let record = wait_for(&worker, |event| match event {
        Event::Finished { outcome, .. } => outcome.attention.first().cloned(),
        _ => None,
    });
    start(&worker, 2, long_trace());
    wait_for(&worker, cells_come);
    let id = TileId {
        level: 0,
        row: 0,
        column: 0,
    };
    let ask = |head, tiles| {
        worker.send(Request::Tiles(TileRequest {
            record: Arc::clone(&record),
            head,
            tiles,
        }));
    };
    ask(0, vec![id; 5000]);
    ask(1, vec![id]);
    let mut before = 0;
    let tile = wait_for(&worker, |event| match event {
        Event::Tile(tile) if tile.head == 1 => Some(tile),
        Event::Tile(_) => {
            before += 1;
            None
        }
        Event::Finished { .. } => panic!("the trace ended before its tile came"),
        _ => None,
    });
    assert!(before < 5000, "what is out of view is not computed");
    assert_eq!(tile.record, record.id());
    assert_eq!(tile.max.as_slice(), tile.means());
    let tokens = record.sizes.tokens;
    assert_eq!((tile.rows, tile.columns), (tokens, tokens));
    assert!((tile.max[tokens * tokens - tokens..].iter().sum::<f32>() - 1.0).abs() < 1e-5);
}

/// The window asks the same worker, and shows its sentence.
#[test]
fn what_does_not_fit_is_refused_before_anything_is_measured() {
    let image = "instrument = \"lam\"\nmodel = \"demo:denoise\"\n\
        [input]\ntruth = \"picture:leaves-1\"\nregion = [96, 96, 32, 32]\nsigma = 50\n";
    let image = whyfinder_experiment::parse_experiment(image, &[]).expect("parses");
    // Hardly more than the models.
    for (bytes, asked) in [
        (5_500_000, patterns()),
        (5_500_000, long_trace()),
        (2_000_000, image),
    ] {
        let worker = worker(MemoryBudget::Bytes(bytes));
        start(&worker, 1, asked);
        let began = Instant::now();
        let message = loop {
            assert!(began.elapsed() < Duration::from_secs(60));
            match worker.recv_timeout(Duration::from_millis(200)) {
                Some(Event::Report { report, .. }) => panic!("{report:?}"),
                Some(Event::Failed { message, .. }) => break message,
                _ => {}
            }
        };
        assert!(message.contains("MiB may be used"), "{message}");
    }
}
