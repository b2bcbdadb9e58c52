//! How far it is, on standard error: a bar on a terminal, JSON lines where they are asked for, else nothing.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use whyfinder_instrument::Progress;

#[derive(Debug)]
pub(crate) enum ProgressLine {
    Bar(ProgressBar),
    Json,
    Silent,
}

impl ProgressLine {
    pub(crate) fn new(json: bool) -> Self {
        if json {
            return Self::Json;
        }
        if !stderr().is_terminal() {
            return Self::Silent;
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        // The template is checked by a test.
        let style = style().unwrap_or_else(ProgressStyle::default_bar);
        bar.set_style(style);
        Self::Bar(bar)
    }

    pub(crate) fn opening(&self, model: &str) {
        match self {
            Self::Bar(bar) => bar.set_message(format!("opening {model}")),
            Self::Json => line(&json!({ "event": "opening", "model": model })),
            Self::Silent => {}
        }
    }

    pub(crate) fn started(&self) {
        match self {
            Self::Bar(bar) => bar.set_message(""),
            Self::Json => line(&json!({ "event": "started" })),
            Self::Silent => {}
        }
    }

    pub(crate) fn progress(&self, progress: Progress) {
        match self {
            Self::Bar(bar) => {
                bar.set_length(progress.total as u64);
                bar.set_position(progress.done as u64);
                bar.set_message(progress.seconds_left.map_or(String::new(), |s| {
                    format!(
                        "{} left",
                        spoken(Duration::from_secs_f64(s.clamp(0.0, 1e9)))
                    )
                }));
            }
            Self::Json => line(&json!({
                "event": "progress",
                "done": progress.done,
                "total": progress.total,
                "seconds_left": progress.seconds_left,
            })),
            Self::Silent => {}
        }
    }
}

impl ProgressLine {
    /// A sentence that has to be read, on a line of its own.
    pub(crate) fn note(&self, sentence: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| eprintln!("{sentence}")),
            Self::Json => line(&json!({ "event": "note", "message": sentence })),
            Self::Silent => eprintln!("{sentence}"),
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn style() -> Option<ProgressStyle> {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}").ok()?;
    Some(style.progress_chars("━╸─"))
}

fn line(value: &serde_json::Value) {
    eprintln!("{value}");
}

/// A time as it is said: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn spoken(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..120 => format!("{whole} s"),
        120..7200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_template_can_be_read() {
        assert!(style().is_some());
    }

    #[test]
    fn times_are_said_with_what_matters() {
        let said = |s| spoken(Duration::from_secs_f64(s));
        assert_eq!(said(0.42), "0.4 s");
        assert_eq!(said(9.97), "10 s");
        assert_eq!(said(200.0), "3 min 20 s");
        assert_eq!(said(7500.0), "2 h 5 min");
    }
}
