//! What blocks are replaced by, how often, and by which of the programs' rules.

use egui::{DragValue, Ui};
use whyfinder_experiment::Engine;
use whyfinder_experiment::image_experiment::{Bank, Draws, Quirk};

use super::map_settings::{choice, grid, row};
use crate::window::controls::muted;
use crate::window::question::Question;
use crate::window::stopping::{StopWords, estimate_first, stop_early};
use crate::window::view::View;

pub(super) fn line(q: &Question) -> String {
    let e = &q.images.settings.effects;
    let bank = match &e.bank {
        Bank::Builtin => "built-in".to_string(),
        Bank::File(path) => path
            .file_name()
            .map_or("own bank".to_string(), |n| n.to_string_lossy().into_owned()),
    };
    let authors = if e.compatible.is_empty() {
        ""
    } else {
        " · as the authors"
    };
    let early = match e.confidence {
        Some(confidence) => format!(" · {:.0} % sure", 100.0 * confidence),
        None => String::new(),
    };
    format!("{bank} · seed {}{early}{authors}", q.seed)
}

pub(super) fn show(ui: &mut Ui, view: &View<'_>, q: &mut Question) {
    let e = &mut q.images.settings.effects;
    if let Bank::File(path) = &e.bank {
        muted(ui, view.theme, path.display().to_string());
        if ui.button("Use the built-in bank").clicked() {
            e.bank = Bank::Builtin;
        }
    } else {
        muted(
            ui,
            view.theme,
            "Patches: the built-in bank, which is generated",
        );
    }
    grid(ui, |ui| {
        row(
            ui,
            "Seed",
            "Of the draws, and of the noise that degrades the picture",
            DragValue::new(&mut q.seed).speed(0.1),
        );
        choice(
            ui,
            "Draws",
            &mut e.draws,
            &[
                (Draws::Numpy, "numpy"),
                (Draws::Stream, "by block"),
                (Draws::Common, "common"),
            ],
        );
        choice(
            ui,
            "Engine",
            &mut e.engine,
            &[(Engine::Exact, "exact"), (Engine::Plain, "plain")],
        );
    });
    ui.separator();
    let words = StopWords {
        draws: "a block's fine draws",
        most: format!("{} fine draws are the most", e.fine),
        unit: " dB",
        decimals: 3,
    };
    ui.add_enabled_ui(e.fine > 0, |ui| {
        stop_early(ui, view.theme, &words, &mut e.confidence, &mut e.resolution);
    });
    estimate_first(ui, &mut e.estimate, "about as long as a few passes");
    ui.separator();
    let mut authors = Quirk::ALL.iter().all(|quirk| e.repeats(*quirk));
    if ui
        .checkbox(&mut authors, "Repeat the quirks of the authors' program")
        .on_hover_text("Red and blue exchanged in patches, the region counted, patches resized without smoothing, a square grid")
        .changed()
    {
        e.compatible = if authors { Quirk::ALL.to_vec() } else { Vec::new() };
    }
    ui.checkbox(&mut e.mediation, "Split into direct and globally carried parts")
        .on_hover_text("For networks with channel attention: how much of an effect is carried by the global pooling");
}
