//! The worker, driven as the window drives it, with a laboratory whose instruments do as the prompt says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::{
    Axis, Experiment, Field, Input, InstrumentSettings, Outcome, Provenance, RunSettings,
};
use whyfinder_instrument::{CellTokens, MeasuredCell, Observer, Progress, Report};
use whyfinder_worker::{
    Estimate, Event, Failure, JobId, Laboratory, MemoryBudget, OpenedModel, Request, TokenizedText,
    Worker,
};

const MIB: u64 = 1 << 20;

/// Prompts are instructions: `panic`, `slow`, `large`, `wrong`, anything else is measured at once.
#[derive(Clone, Default)]
struct Rehearsal {
    opened: Arc<AtomicUsize>,
    measured: Arc<AtomicUsize>,
    /// How often the model's files were written.
    saved: Arc<AtomicUsize>,
}

impl Laboratory for Rehearsal {
    type Model = String;

    fn fingerprint(&self, _reference: &str) -> String {
        self.saved.load(Ordering::Relaxed).to_string()
    }

    fn size(&self, reference: &str) -> Option<u64> {
        Some(if reference == "huge" {
            200 * MIB
        } else {
            10 * MIB
        })
    }

    fn open(&self, reference: &str) -> Result<(String, OpenedModel), Failure> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        if reference == "broken" {
            return Err(Failure::because("The folder has no config.json."));
        }
        let opened = OpenedModel {
            reference: reference.to_string(),
            name: reference.to_string(),
            family: "GPT-2".to_string(),
            architecture: "GPT2LMHeadModel".to_string(),
            layers: 2,
            heads: 2,
            kv_heads: 2,
            d_model: 8,
            vocab: 16,
            max_positions: 32,
            parameters: 1,
            bytes: 10 * MIB,
            dtype: "f32".to_string(),
            device: "cpu".to_string(),
            parity: None,
            image: None,
        };
        Ok((reference.to_string(), opened))
    }

    fn tokenize(&self, _model: &String, text: &str) -> Result<TokenizedText, Failure> {
        let mut split = TokenizedText::default();
        for (at, c) in text.char_indices() {
            split.ids.push(c as u32);
            split.tokens.push(c.to_string());
            split.spans.push((at, at + c.len_utf8()));
        }
        Ok(split)
    }

    fn estimate(
        &self,
        _model: &String,
        experiment: &Experiment,
        budget: u64,
    ) -> Result<Estimate, Failure> {
        let large = prompt(experiment) == "large";
        Ok(Estimate {
            bytes: if large { 1 << 40 } else { 20 * MIB },
            budget_bytes: budget,
            passes: 1.0,
            passes_plain: 2.0,
            seconds: 0.5,
        })
    }

    fn measure(
        &self,
        _model: &String,
        experiment: &Experiment,
        budget: u64,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Failure> {
        self.measured.fetch_add(1, Ordering::Relaxed);
        let cells = match prompt(experiment) {
            "large" if budget < 95 * MIB => {
                return Err(Failure::TooLarge(format!(
                    "95 MiB are needed and {} MiB are there.",
                    budget / MIB
                )));
            }
            "panic" => panic!("index 7 of 5"),
            "wrong" => return Err(Failure::because("The subject is not in the prompt.")),
            "slow" => 2000,
            _ => 20,
        };
        let mut field = Field::sampled("residual", vec![Axis::numbered("token", cells)], 1);
        observer.report(Report::Started {
            fields: vec![field.clone()],
            summary: Summary::default(),
            distributions: Vec::new(),
        });
        for cell in 0..cells {
            if observer.cancelled() {
                return Err(Failure::Cancelled);
            }
            if prompt(experiment) == "slow" {
                std::thread::sleep(Duration::from_millis(5));
            }
            let samples = vec![cell as f32];
            field.set_samples(cell, &samples);
            observer.report(Report::Cells {
                field: "residual".to_string(),
                cells: vec![MeasuredCell {
                    cell,
                    samples,
                    tokens: CellTokens::default(),
                }],
            });
            observer.report(Report::Progress(Progress {
                done: cell + 1,
                total: cells,
                seconds_left: None,
            }));
        }
        Ok(Outcome {
            experiment: experiment.clone(),
            fields: vec![field],
            summary: Summary::default(),
            provenance: Provenance::default(),
            distributions: Vec::new(),
            attention: Vec::new(),
        })
    }
}

fn prompt(experiment: &Experiment) -> &str {
    experiment.input.prompt.as_deref().unwrap_or_default()
}

fn experiment(model: &str, prompt: &str) -> Experiment {
    Experiment {
        model: model.to_string(),
        seed: 0,
        input: Input {
            prompt: Some(prompt.to_string()),
            ..Input::default()
        },
        instrument: InstrumentSettings::Run {
            run: RunSettings::default(),
        },
    }
}

fn start(job: u64, prompt: &str) -> Request {
    Request::Start {
        job: JobId(job),
        experiment: experiment("a model", prompt),
    }
}

fn worker(laboratory: &Rehearsal) -> Worker {
    Worker::spawn_with(
        laboratory.clone(),
        MemoryBudget::Bytes(100 * MIB),
        Arc::new(|| {}),
    )
}

/// Events up to and with the first that passes `last`.
fn until(worker: &Worker, last: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if let Some(event) = worker.recv_timeout(Duration::from_millis(200)) {
            let done = last(&event);
            events.push(event);
            if done {
                return events;
            }
        }
    }
    panic!("the awaited event never came; there were {events:#?}");
}

fn ends(job: u64) -> impl Fn(&Event) -> bool {
    move |event| match event {
        Event::Finished { job: j, .. }
        | Event::Cancelled { job: j }
        | Event::Failed { job: j, .. }
        | Event::Estimated { job: j, .. } => *j == JobId(job),
        _ => false,
    }
}

fn has_begun(job: u64) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Report { job: j, .. } if *j == JobId(job))
}

fn last(events: &[Event]) -> &Event {
    events.last().expect("there is at least the awaited event")
}

#[test]
fn a_job_tells_its_story_in_order() {
    let worker = worker(&Rehearsal::default());
    worker.send(start(1, "hello"));
    let events = until(&worker, ends(1));
    let story: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Queued { .. } => Some("queued"),
            Event::Opening { .. } => Some("opening"),
            Event::Opened(_) => Some("opened"),
            Event::Started { .. } => Some("started"),
            Event::Finished { cached: false, .. } => Some("finished"),
            Event::Report { .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        story,
        ["queued", "opening", "opened", "started", "finished"]
    );
    let reported: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            Event::Report {
                report: Report::Cells { cells, .. },
                ..
            } => Some(cells.iter().map(|c| c.cell)),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(reported, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_running_job_is_cancelled_within_a_tenth_of_a_second() {
    let worker = worker(&Rehearsal::default());
    worker.send(start(1, "slow"));
    until(&worker, has_begun(1));
    let asked = Instant::now();
    worker.cancel(JobId(1));
    let events = until(&worker, ends(1));
    let took = asked.elapsed();
    assert!(matches!(last(&events), Event::Cancelled { .. }));
    assert!(took < Duration::from_millis(100), "it took {took:?}");
}

#[test]
fn a_waiting_job_is_cancelled_at_once_and_never_runs() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    worker.send(start(1, "slow"));
    worker.send(start(2, "hello"));
    until(&worker, has_begun(1));
    let asked = Instant::now();
    worker.cancel(JobId(2));
    let events = until(&worker, ends(2));
    assert!(matches!(last(&events), Event::Cancelled { .. }));
    assert!(asked.elapsed() < Duration::from_millis(100));
    worker.cancel(JobId(1));
    until(&worker, ends(1));
    assert_eq!(laboratory.measured.load(Ordering::Relaxed), 1);
}

#[test]
fn a_panic_is_a_message_and_the_worker_lives_on() {
    let worker = worker(&Rehearsal::default());
    worker.send(start(1, "panic"));
    let events = until(&worker, ends(1));
    let Event::Failed { message, .. } = last(&events) else {
        panic!("{events:?}");
    };
    assert!(message.contains("index 7 of 5"), "{message}");
    worker.send(start(2, "hello"));
    let events = until(&worker, ends(2));
    assert!(matches!(last(&events), Event::Finished { .. }));
}

#[test]
fn the_same_experiment_is_measured_once() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    for (job, prompt) in [(1, "hello"), (2, "hello"), (3, "hallo")] {
        worker.send(start(job, prompt));
    }
    until(&worker, ends(1));
    let again = until(&worker, ends(2));
    assert!(matches!(last(&again), Event::Finished { cached: true, .. }));
    let other = until(&worker, ends(3));
    assert!(matches!(
        last(&other),
        Event::Finished { cached: false, .. }
    ));
    assert_eq!(laboratory.measured.load(Ordering::Relaxed), 2);
}

#[test]
fn failures_are_not_kept() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    for job in [1, 2] {
        worker.send(start(job, "wrong"));
        let events = until(&worker, ends(job));
        let Event::Failed { message, .. } = last(&events) else {
            panic!("{events:?}");
        };
        assert_eq!(message, "The subject is not in the prompt.");
    }
    assert_eq!(laboratory.measured.load(Ordering::Relaxed), 2);
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_both_numbers() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    worker.send(Request::Open {
        model: "huge".to_string(),
    });
    let events = until(&worker, |e| matches!(e, Event::OpenFailed { .. }));
    let Event::OpenFailed { message, .. } = last(&events) else {
        panic!("{events:?}");
    };
    assert!(message.contains("200 MiB") && message.contains("100 MiB"));
    assert_eq!(laboratory.opened.load(Ordering::Relaxed), 0);
}

#[test]
fn memory_of_a_model_kept_for_later_goes_to_the_run_that_needs_it() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    for (job, model, prompt) in [
        (1, "one", "hello"),
        (2, "two", "hello"),
        (3, "two", "large"),
        (4, "one", "hello again"),
    ] {
        worker.send(Request::Start {
            job: JobId(job),
            experiment: experiment(model, prompt),
        });
        let events = until(&worker, ends(job));
        assert!(
            matches!(last(&events), Event::Finished { .. }),
            "{events:?}"
        );
    }
    assert_eq!(laboratory.opened.load(Ordering::Relaxed), 3);
}

#[test]
fn a_run_that_does_not_fit_is_refused() {
    let worker = Worker::spawn_with(
        Rehearsal::default(),
        MemoryBudget::Bytes(50 * MIB),
        Arc::new(|| {}),
    );
    worker.send(start(1, "large"));
    let events = until(&worker, ends(1));
    let Event::Failed { message, .. } = last(&events) else {
        panic!("{events:?}");
    };
    assert_eq!(message, "95 MiB are needed and 50 MiB are there.");
}

#[test]
fn an_estimate_says_what_is_needed_and_what_is_there() {
    let worker = worker(&Rehearsal::default());
    worker.send(Request::Estimate {
        job: JobId(1),
        experiment: experiment("a model", "large"),
    });
    let events = until(&worker, ends(1));
    let Event::Estimated { estimate, .. } = last(&events) else {
        panic!("{events:?}");
    };
    assert_eq!(
        (estimate.bytes, estimate.budget_bytes),
        (1 << 40, 100 * MIB)
    );
}

#[test]
fn text_is_split_while_a_job_runs() {
    let worker = worker(&Rehearsal::default());
    worker.send(start(1, "slow"));
    until(&worker, has_begun(1));
    let asked = Instant::now();
    worker.send(Request::Tokenize {
        model: "a model".to_string(),
        text: "añ".to_string(),
        ticket: 7,
    });
    let events = until(&worker, |e| matches!(e, Event::Tokenized(_)));
    let took = asked.elapsed();
    assert!(took < Duration::from_millis(100), "it took {took:?}");
    let Event::Tokenized(split) = last(&events) else {
        panic!("{events:?}");
    };
    assert_eq!(split.ticket, 7);
    assert_eq!(split.spans, [(0, 1), (1, 3)]);
    assert!(!events.iter().any(ends(1)), "the job went on");
    worker.cancel(JobId(1));
    until(&worker, ends(1));
}

#[test]
fn a_model_that_cannot_be_opened_fails_its_job_with_the_reason() {
    let worker = worker(&Rehearsal::default());
    worker.send(Request::Start {
        job: JobId(1),
        experiment: experiment("broken", "hello"),
    });
    let events = until(&worker, ends(1));
    assert!(events.iter().any(|e| matches!(e, Event::OpenFailed { .. })));
    let Event::Failed { message, .. } = last(&events) else {
        panic!("{events:?}");
    };
    assert_eq!(message, "The folder has no config.json.");
}

#[test]
fn a_model_is_opened_once_while_it_is_in_use() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    for (job, prompt) in [(1, "one"), (2, "two"), (3, "three")] {
        worker.send(start(job, prompt));
        until(&worker, ends(job));
    }
    assert_eq!(laboratory.opened.load(Ordering::Relaxed), 1);
}

#[test]
fn a_model_that_was_saved_again_is_opened_and_measured_again() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    for job in [1, 2] {
        worker.send(start(job, "hello"));
        let events = until(&worker, ends(job));
        assert!(matches!(
            last(&events),
            Event::Finished { cached: false, .. }
        ));
        laboratory.saved.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(laboratory.opened.load(Ordering::Relaxed), 2);
    assert_eq!(laboratory.measured.load(Ordering::Relaxed), 2);
}

#[test]
fn every_event_wakes_the_window() {
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    let worker = Worker::spawn_with(
        Rehearsal::default(),
        MemoryBudget::Bytes(100 * MIB),
        Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }),
    );
    worker.send(start(1, "hello"));
    let events = until(&worker, ends(1));
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(woken.load(Ordering::Relaxed), events.len());
}

#[test]
fn dropping_the_worker_ends_a_running_job() {
    let worker = worker(&Rehearsal::default());
    worker.send(start(1, "slow"));
    until(&worker, has_begun(1));
    let began = Instant::now();
    drop(worker);
    assert!(began.elapsed() < Duration::from_millis(500));
}
