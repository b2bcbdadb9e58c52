//! Attention of long prompts, in the window: nothing stalls while a person pans and zooms, and what rests becomes
//! exact.
//!
//! The two large runs take minutes and hundreds of megabytes and are ignored:
//! `cargo test --release --workspace --test long_prompts -- --ignored --nocapture --test-threads 1`.

#![allow(clippy::print_stdout)]

mod long_models;
mod screen;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use egui::{
    Event, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, Rect, TouchPhase, vec2,
};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use whyfinder::window::dialogs;
use whyfinder::window::theme::Theme;
use whyfinder::window::{Application, State};
use whyfinder_worker::{MemoryBudget, Worker, WorkerOptions};

use long_models::{LongModel, Shape};
use screen::Screen;

/// The window over the real worker, with every frame drawn by the software adapter.
struct Room {
    window: Harness<'static, Application>,
    screen: Screen,
    frames: Vec<f64>,
    /// The part of each frame before it is drawn.
    steps: Vec<f64>,
    /// Frames of a head that was not sharp yet.
    coarse: usize,
}

impl Room {
    fn open(experiment: &Path, budget: MemoryBudget) -> Self {
        let worker = Worker::spawn(WorkerOptions {
            memory: budget,
            ..WorkerOptions::default()
        });
        let screen = Screen::new(1280, 800);
        let open = vec![experiment.display().to_string()];
        let window = Harness::builder()
            .with_size(screen.size())
            .renderer(screen.textures())
            .build_eframe(move |creation| {
                let dialogs = dialogs::Scripted::new(Vec::new());
                Application::new(creation, Box::new(worker), Box::new(dialogs), open)
                    .over_cleared_ground()
            });
        Self {
            window,
            screen,
            frames: Vec::new(),
            steps: Vec::new(),
            coarse: 0,
        }
    }

    fn state(&self) -> &State {
        self.window.state().state()
    }

    /// One frame, from the input to the last pixel.
    fn frame(&mut self) {
        let began = Instant::now();
        self.window.step();
        let stepped = began.elapsed().as_secs_f64() * 1e3;
        self.screen.draw(&self.window);
        let whole = began.elapsed().as_secs_f64() * 1e3;
        self.frames.push(whole);
        self.steps.push(stepped);
    }

    /// Frames at the pace of a screen until something is so; false if it is not in time.
    fn until(&mut self, seconds: f64, done: impl Fn(&Self) -> bool) -> bool {
        let began = Instant::now();
        while !done(self) {
            if began.elapsed().as_secs_f64() > seconds {
                return false;
            }
            let frame = Instant::now();
            self.frame();
            std::thread::sleep(Duration::from_millis(16).saturating_sub(frame.elapsed()));
        }
        true
    }

    fn has_run(&self) -> bool {
        assert_eq!(self.state().notice, None);
        assert_eq!(self.state().jobs.run_failure, None);
        let run = self.state().results.run.as_ref();
        run.is_some_and(|run| run.complete) && !self.state().jobs.busy()
    }

    fn has_failed(&self) -> bool {
        self.state().notice.is_some()
    }

    /// Where a map lies that is called so.
    fn place(&self, label: &str) -> Rect {
        self.window.get_by_label_contains(label).rect()
    }

    fn head_is_sharp(&self) -> bool {
        self.window
            .query_by_label_contains("more detail is coming")
            .is_none()
    }

    fn point(&mut self, at: Pos2) {
        self.window.event(Event::PointerMoved(at));
    }

    /// A wheel that turns a little: towards the map or away from it.
    fn turn(&mut self, points: f32) {
        self.window.event(Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: vec2(0.0, points),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        });
    }

    fn button(&mut self, at: Pos2, pressed: bool) {
        self.window.event(Event::PointerButton {
            pos: at,
            button: PointerButton::Primary,
            pressed,
            modifiers: Modifiers::NONE,
        });
    }

    /// Saves what the window shows, if `WHYFINDER_PICTURES` names a folder for it.
    fn picture(&mut self, name: &str) {
        if let Some(folder) = std::env::var_os("WHYFINDER_PICTURES") {
            let mut image = self.window.render().expect("the window can be drawn");
            // A window's surface is cleared to this before a frame; the harness clears to nothing.
            let ground = Theme::of(self.state().appearance).background.to_array();
            for pixel in image.pixels_mut() {
                let under = 255 - u16::from(pixel.0[3]);
                for (value, ground) in pixel.0.iter_mut().zip(ground) {
                    *value = value.saturating_add((u16::from(ground) * under / 255) as u8);
                }
            }
            let path = Path::new(&folder).join(format!("{name}.png"));
            image.save(&path).expect("the picture can be saved");
        }
    }

    /// Ten seconds or so over one map: in, around, out and in elsewhere.
    fn pan_and_zoom(&mut self, place: Rect, seconds: f64) {
        let centre = place.center();
        let began = Instant::now();
        let mut held = false;
        loop {
            let t = began.elapsed().as_secs_f64() / seconds;
            if t >= 1.0 {
                break;
            }
            let angle = (t * 40.0) as f32;
            let at = centre + vec2(angle.cos(), (1.3 * angle).sin()) * 0.2 * place.height();
            // Eight parts: zoom in, drag, zoom in, drag, zoom out, drag, zoom out, rest of the way in.
            let part = (t * 8.0) as usize;
            let drags = matches!(part, 1 | 3 | 5);
            self.point(at);
            if drags != held {
                self.button(at, drags);
                held = drags;
            }
            match part {
                0 | 2 => self.turn(14.0),
                4 | 6 => self.turn(-18.0),
                7 => self.turn(30.0),
                _ => {}
            }
            let frame = Instant::now();
            self.frame();
            std::thread::sleep(Duration::from_millis(16).saturating_sub(frame.elapsed()));
        }
        if held {
            self.button(centre, false);
            self.frame();
        }
    }

    /// Looks at another head, of which no tile is there yet.
    fn turn_to_another_head(&mut self, atlas: Rect, turn: usize) {
        let part = |n: usize| 0.1 + 0.8 * ((turn * n) % 23) as f32 / 23.0;
        let at = atlas.min + vec2(part(7), part(5)) * atlas.size();
        self.point(at);
        self.button(at, true);
        self.frame();
        self.button(at, false);
        self.frame();
        self.coarse += usize::from(!self.head_is_sharp());
    }

    /// Zooms somewhere in a few frames, stops, and says how long after the last turn of the wheel the view was sharp
    /// for good, milliseconds. The view glides on for a moment after that turn, so that it rests later still.
    fn rest(&mut self, place: Rect, turn: usize) -> f64 {
        let part = |n: usize| 0.2 + 0.6 * ((turn * n) % 11) as f32 / 11.0;
        // Below the diagonal, where there is something to see.
        let (x, y) = (part(3), part(5));
        let at = place.min + vec2(x.min(y) * 0.8, x.max(y)) * place.size();
        self.point(at);
        for _ in 0..4 {
            self.turn(if turn.is_multiple_of(3) { -90.0 } else { 60.0 });
            self.frame();
            self.coarse += usize::from(!self.head_is_sharp());
        }
        let began = Instant::now();
        let mut sharp_at = 0.0;
        // Tiles that are wanted while the view glides count too.
        let mut glides = true;
        while glides || !self.head_is_sharp() {
            assert!(began.elapsed().as_secs_f64() < 10.0, "the tiles never came");
            self.until(0.016, Self::has_failed);
            if !self.head_is_sharp() {
                self.coarse += 1;
                sharp_at = began.elapsed().as_secs_f64() * 1e3;
            }
            glides = began.elapsed() < GLIDE;
        }
        sharp_at
    }
}

/// Longer than a view glides on.
const GLIDE: Duration = Duration::from_millis(600);

/// Mean, 99th percentile and worst, milliseconds.
fn figures(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    format!(
        "{} frames, median {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    )
}

/// Processor time of all threads so far, milliseconds, to a hundredth of a second.
fn processor_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() * 10.0
}

/// Most memory that the process has held, bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

fn show(shape: &Shape, budget: MemoryBudget, seconds: f64) -> Vec<f64> {
    let model = LongModel::new(shape);
    let mut room = Room::open(&model.experiment, budget);
    println!("drawn by {}", room.screen.adapter());
    let began = Instant::now();
    assert!(room.until(1200.0, Room::has_run), "the prompt was not run");
    let tokens = room
        .state()
        .results
        .run
        .as_ref()
        .map(|r| r.summary.tokens.len());
    assert_eq!(tokens, Some(shape.tokens));
    let opening = std::mem::take(&mut room.frames);
    println!(
        "opened and run in {:.1} s; meanwhile {}",
        began.elapsed().as_secs_f64(),
        figures(opening)
    );
    assert!(room.until(10.0, Room::head_is_sharp));
    room.frames.clear();
    for (name, label) in [("head", "Attention of layer"), ("atlas", "Attention of ")] {
        let place = match name {
            "head" => room.place(label),
            _ => room.place(&format!(
                "Attention of {} heads",
                shape.layers * shape.heads
            )),
        };
        room.steps.clear();
        let before = processor_ms();
        room.pan_and_zoom(place, seconds);
        let frames = std::mem::take(&mut room.frames);
        let each = (processor_ms() - before) / frames.len() as f64;
        println!("  processor time of all threads: {each:.1} ms a frame");
        println!(
            "{name}, {seconds:.0} s of panning and zooming: {}",
            figures(frames)
        );
        println!(
            "  before drawing: {}",
            figures(std::mem::take(&mut room.steps))
        );
    }
    let place = room.place("Attention of layer");
    let atlas = room.place(&format!(
        "Attention of {} heads",
        shape.layers * shape.heads
    ));
    // All heads in view again.
    room.point(atlas.center());
    for _ in 0..60 {
        room.turn(-60.0);
        room.frame();
    }
    let mut heads = BTreeSet::new();
    let rests: Vec<f64> = (1..=20)
        .map(|turn| {
            room.turn_to_another_head(atlas, turn);
            heads.insert((room.state().selection.layer, room.state().selection.head));
            room.rest(place, turn)
        })
        .collect();
    assert!(heads.len() > 5, "{heads:?}");
    assert!(
        room.coarse > 0,
        "all heads were sharp at once, so that nothing was measured"
    );
    let mut sorted = rests.clone();
    sorted.sort_by(f64::total_cmp);
    println!(
        "sharp after the last turn of the wheel: median {:.0} ms, worst {:.0} ms; peak memory {} MiB",
        sorted[10],
        sorted[19],
        peak_bytes() >> 20
    );
    rests
}

#[test]
fn a_long_prompt_opens_pans_and_sharpens() {
    let shape = Shape {
        layers: 2,
        heads: 2,
        groups: 2,
        width: 32,
        mlp: 64,
        vocab: 66,
        tokens: 500,
        gated: false,
    };
    let model = LongModel::new(&shape);
    // The patterns alone would not fit twice over, as they once had to.
    let mut room = Room::open(&model.experiment, MemoryBudget::Bytes(48 << 20));
    assert!(room.until(120.0, Room::has_run), "the prompt was not run");
    let place = room.place("Attention of layer");
    assert!(
        room.window
            .query_by_label_contains("500 queries by 500 keys")
            .is_some()
    );
    room.picture("long-prompt-dark");
    for turn in 1..6 {
        room.rest(place, turn);
    }
    room.window.get_by_label("Light").click();
    // The frame of the click is still drawn in the dark.
    room.frame();
    room.frame();
    room.picture("long-prompt-light");
    let centre = place.center();
    room.point(centre);
    for _ in 0..40 {
        room.turn(120.0);
        room.frame();
    }
    assert!(room.until(10.0, Room::head_is_sharp));
    // At the closest, single weights are drawn, and nothing is said of groups.
    assert!(room.window.query_by_label_contains("to a cell").is_none());
}

#[test]
#[ignore = "takes a minute and 500 MB on disk"]
fn gpt2_small_at_1024_tokens() {
    let shape = Shape {
        layers: 12,
        heads: 12,
        groups: 12,
        width: 768,
        mlp: 3072,
        vocab: 50_257,
        tokens: 1024,
        gated: false,
    };
    let rests = show(&shape, MemoryBudget::default(), 10.0);
    assert!(rests.iter().all(|ms| *ms < 1000.0), "{rests:?}");
}

#[test]
#[ignore = "takes some minutes and 2 GB of memory"]
fn llama_of_1024_heads_at_8192_tokens() {
    let shape = Shape {
        layers: 32,
        heads: 32,
        groups: 8,
        width: 256,
        mlp: 256,
        vocab: 1024,
        tokens: 8192,
        gated: true,
    };
    let rests = show(&shape, MemoryBudget::default(), 10.0);
    assert!(rests.iter().all(|ms| *ms < 2000.0), "{rests:?}");
}
