//! The worker, driven as the window drives it, with a laboratory whose instruments do as the prompt says.

#[path = "support/rehearsal.rs"]
mod rehearsal;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rehearsal::{MIB, Rehearsal};
use whyfinder_experiment::image_experiment::{RiseSettings, WindowAttentionSettings};
use whyfinder_experiment::{
    Experiment, ImageInput, ImageMethod, Input, InstrumentSettings, RunSettings,
};
use whyfinder_instrument::Report;
use whyfinder_worker::{Event, JobId, MemoryBudget, Request, Worker};

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

/// A job on a network with attention windows; `prompt` says how it goes.
fn on_windows(job: u64, prompt: &str, method: ImageMethod) -> Request {
    let input = ImageInput {
        image: None,
        truth: None,
        region: None,
        task: None,
        sigma: None,
        scale: None,
    };
    Request::Start {
        job: JobId(job),
        experiment: Experiment {
            instrument: InstrumentSettings::Image { input, method },
            ..experiment("windowed", prompt)
        },
    }
}

fn attention(job: u64, prompt: &str) -> Request {
    let settings = WindowAttentionSettings { pixel: None };
    on_windows(job, prompt, ImageMethod::WindowAttention(settings))
}

fn map(job: u64, prompt: &str) -> Request {
    on_windows(job, prompt, ImageMethod::Rise(RiseSettings::default()))
}

#[test]
fn attention_under_the_pointer_is_read_while_a_map_runs() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    worker.send(map(1, "slow"));
    until(&worker, has_begun(1));
    // Another map waits: the pointer does not wait for that either.
    worker.send(map(2, "slow"));
    let asked = Instant::now();
    worker.send(attention(3, "here"));
    let events = until(&worker, ends(3));
    assert!(
        matches!(last(&events), Event::Finished { .. }),
        "{events:?}"
    );
    let took = asked.elapsed();
    assert!(took < Duration::from_millis(100), "it took {took:?}");
    assert!(!events.iter().any(ends(1)), "the map went on");

    // A fault in between is a message, and the map goes on.
    worker.send(attention(4, "panic"));
    let events = until(&worker, ends(4));
    assert!(matches!(last(&events), Event::Failed { message, .. } if message.contains("fault")));
    assert!(!events.iter().any(ends(1)), "the map went on");
    worker.cancel(JobId(1));
    let events = until(&worker, ends(1));
    assert!(matches!(last(&events), Event::Cancelled { .. }));
    worker.cancel(JobId(2));
    until(&worker, ends(2));
}

#[test]
fn attention_that_does_not_fit_beside_a_map_is_read_after_it() {
    let laboratory = Rehearsal::default();
    let worker = worker(&laboratory);
    worker.send(map(1, "slow"));
    until(&worker, has_begun(1));
    // "large" wants nearly the whole budget.
    worker.send(attention(2, "large"));
    worker.send(attention(3, "here"));
    until(
        &worker,
        |e| matches!(e, Event::Started { job } if *job == JobId(2)),
    );
    worker.cancel(JobId(1));
    let events = until(&worker, ends(2));
    let at = |job: u64| events.iter().position(ends(job));
    assert!(at(1).expect("ended") < at(2).expect("ended"), "{events:?}");
    assert!(at(1) < at(3), "what was asked later comes no sooner");
    assert!(matches!(last(&events), Event::Finished { .. }));
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
