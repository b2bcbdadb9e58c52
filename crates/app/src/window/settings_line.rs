//! One line that says how the question is put; each value opens the controls behind it.

use egui::{DragValue, Popup, PopupCloseBehavior, Response, RichText, Ui};
use whyfinder_experiment::{Engine, Metric, TraceKind};

use super::command::Command;
use super::controls::{muted, number, quiet_button, text_button};
use super::question::Question;
use super::stopping::{StopWords, estimate_first, stop_early};
use super::view::View;
use super::words;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let size = egui::vec2(ui.available_width(), 24.0);
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_height(size.y);
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.spacing_mut().interact_size.y = 22.0;
        subject(ui, view);
        ui.add_space(10.0);
        let before = view.state.question.clone();
        let mut q = before.clone();
        muted(ui, view.theme, "Corruption");
        corruption(ui, view, &mut q);
        ui.add_space(10.0);
        muted(ui, view.theme, "Metric");
        metric(ui, view, &mut q);
        ui.add_space(10.0);
        muted(ui, view.theme, "Restoring");
        restoring(ui, view, &mut q);
        if q != before {
            view.push(Command::Edit(Box::new(q)));
        }
        ui.add_space(10.0);
        references(ui, view);
    });
}

fn subject(ui: &mut Ui, view: &mut View<'_>) {
    muted(ui, view.theme, "Subject");
    match (&view.state.question.subject, view.state.subject_tokens()) {
        (Some(subject), range) => {
            ui.label(
                RichText::new(words::shortened(&subject.text, 24))
                    .size(12.5)
                    .color(view.theme.accent),
            )
            .on_hover_text(&subject.text);
            if let Some([a, b]) = range {
                let words = if b == a + 1 {
                    format!("token {a}")
                } else {
                    format!("tokens {a}–{}", b - 1)
                };
                muted(ui, view.theme, words);
            }
            if text_button(ui, view.theme, "×", view.theme.muted)
                .accessible_name("Clear the subject")
                .clicked()
            {
                view.push(Command::ClearSubject);
            }
        }
        (None, _) if view.state.question.disturbance.replace => {
            muted(ui, view.theme, "the tokens that differ");
        }
        (None, _) => {
            muted(ui, view.theme, "none: drag over tokens");
        }
    }
}

fn corruption(ui: &mut Ui, view: &View<'_>, q: &mut Question) {
    let d = &q.disturbance;
    let shown = if d.replace {
        "another prompt".to_string()
    } else {
        let most = match q.trace.confidence {
            Some(_) => "up to ",
            None => "",
        };
        format!(
            "noise {:.1} σ × {most}{}, seed {}",
            d.scale, d.samples, q.seed
        )
    };
    let button = quiet_button(ui, view.theme, &shown, &format!("Corruption: {shown}"));
    let shown = form(&button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_width(320.0);
            ui.radio_value(
                &mut q.disturbance.replace,
                false,
                "Noise on the subject's embeddings",
            );
            ui.add_enabled_ui(!q.disturbance.replace, |ui| noise(ui, view, q));
            ui.separator();
            ui.radio_value(
                &mut q.disturbance.replace,
                true,
                "Another prompt in its place",
            );
            ui.add_enabled_ui(q.disturbance.replace, |ui| replacement(ui, q));
        });
    // A click elsewhere closes the popup, and takes over what was typed like Enter does.
    if shown.is_none()
        && let Some(draft) = ui.data_mut(|d| d.remove_temp::<String>(replacement_id()))
    {
        q.disturbance.replacement = draft;
    }
}

/// Where the other prompt is kept while it is typed.
fn replacement_id() -> egui::Id {
    egui::Id::unique("replacement-draft")
}

/// A popup below its button whose controls keep their frames.
fn form(button: &Response) -> Popup<'_> {
    Popup::menu(button).style(egui::style::StyleModifier::default())
}

/// The other prompt, taken over when it has been typed to its end.
fn replacement(ui: &mut Ui, q: &mut Question) {
    let id = replacement_id();
    let kept = ui.data(|d| d.get_temp::<String>(id));
    let mut draft = kept.unwrap_or_else(|| match q.disturbance.replacement.as_str() {
        // Most often one word of the prompt is changed.
        "" => q.prompt.clone(),
        replacement => replacement.to_string(),
    });
    let field = egui::TextEdit::singleline(&mut draft)
        .hint_text("As many tokens as the prompt; Enter takes it")
        .desired_width(f32::INFINITY);
    let response = ui.add(field).accessible_name("Replacement prompt");
    if response.lost_focus() {
        q.disturbance.replacement = draft;
        ui.data_mut(|d| d.remove::<String>(id));
    } else if response.has_focus() {
        ui.data_mut(|d| d.insert_temp(id, draft));
    }
}

fn noise(ui: &mut Ui, view: &View<'_>, q: &mut Question) {
    egui::Grid::new("noise")
        .num_columns(2)
        .spacing([12.0, 6.0])
        .show(ui, |ui| {
            let label = ui.label("Scale");
            ui.add(
                DragValue::new(&mut q.disturbance.scale)
                    .range(0.0..=50.0)
                    .speed(0.05)
                    .max_decimals(2)
                    .suffix(" σ"),
            )
            .labelled_by(label.id)
            .on_hover_text("Times the standard deviation of the subject's token embeddings");
            ui.end_row();
            let label = ui.label("Samples");
            ui.add(
                DragValue::new(&mut q.disturbance.samples)
                    .range(1..=200)
                    .speed(0.1),
            )
            .labelled_by(label.id)
            .on_hover_text("Noise draws per cell; the standard error comes from them");
            ui.end_row();
            let label = ui.label("Seed");
            ui.add(DragValue::new(&mut q.seed).speed(0.1))
                .labelled_by(label.id);
            ui.end_row();
        });
    let words = StopWords {
        draws: "a cell's noise draws",
        most: match q.disturbance.samples {
            samples if samples > 10 => format!("{samples} samples are the most"),
            _ => "raise the samples: they are the most, and with ten there is one look".to_string(),
        },
        unit: "",
        decimals: 4,
    };
    ui.add_enabled_ui(q.trace.engine == Engine::Exact, |ui| {
        let trace = &mut q.trace;
        stop_early(
            ui,
            view.theme,
            &words,
            &mut trace.confidence,
            &mut trace.resolution,
        );
    });
}

fn metric(ui: &mut Ui, view: &View<'_>, q: &mut Question) {
    let answer = q.answer.clone().or_else(|| {
        let run = view.state.results.run.as_ref()?;
        run.top().first().map(|t| t.text.clone())
    });
    let word = words::metric_word(q.trace.metric);
    let shown = match &answer {
        Some(answer) => format!("{word} of {}", words::shortened(&words::token(answer), 20)),
        None => word.clone(),
    };
    let button = quiet_button(ui, view.theme, &shown, &format!("Metric: {word}"));
    form(&button).show(|ui| {
        ui.set_width(230.0);
        for metric in Metric::ALL {
            let usable = !metric.needs_foil() || q.foil.is_some();
            ui.add_enabled_ui(usable, |ui| {
                let row =
                    egui::Button::selectable(q.trace.metric == metric, words::metric_word(metric));
                let row = ui
                    .add(row)
                    .on_disabled_hover_text("Choose a foil first: click the chip named foil");
                if row.clicked() {
                    q.trace.metric = metric;
                }
            });
        }
    });
}

fn restoring(ui: &mut Ui, view: &View<'_>, q: &mut Question) {
    let t = &q.trace;
    let mut shown = if t.kinds.len() == TraceKind::ALL.len() {
        "all three".to_string()
    } else {
        let names: Vec<_> = t.kinds.iter().map(|k| k.name()).collect();
        if names.is_empty() {
            "nothing".to_string()
        } else {
            names.join(", ")
        }
    };
    shown += &format!(" · window {}", t.window);
    if !t.severed.is_empty() {
        let names: Vec<_> = t.severed.iter().map(|k| k.name()).collect();
        shown += &format!(" · {} severed", names.join(", "));
    }
    if t.engine == Engine::Plain {
        shown += " · plain engine";
    }
    let button = quiet_button(ui, view.theme, &shown, &format!("Restoring: {shown}"));
    form(&button)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_width(300.0);
            muted(ui, view.theme, "Restore one at a time");
            for kind in TraceKind::ALL {
                toggle(ui, &mut q.trace.kinds, kind, words::kind_title(kind));
            }
            ui.horizontal(|ui| {
                let label = ui.label("Window of layers for MLP and attention");
                ui.add(
                    DragValue::new(&mut q.trace.window)
                        .range(1..=100)
                        .speed(0.1),
                )
                .labelled_by(label.id);
            });
            ui.separator();
            muted(
                ui,
                view.theme,
                "Hold corrupted at the restored token (severed)",
            );
            for kind in [TraceKind::Mlp, TraceKind::Attention] {
                toggle(
                    ui,
                    &mut q.trace.severed,
                    kind,
                    &format!("Sever {}", words::kind_title(kind)),
                );
            }
            ui.separator();
            estimate_first(
                ui,
                &mut q.trace.estimate,
                "at most half of the sweep's time, and left out where it would take more",
            );
            ui.separator();
            ui.radio_value(
                &mut q.trace.engine,
                Engine::Exact,
                "Exact engine: only what a cell can change",
            );
            ui.radio_value(
                &mut q.trace.engine,
                Engine::Plain,
                "Plain engine: a full pass per cell, for checking",
            );
        });
}

fn toggle(ui: &mut Ui, list: &mut Vec<TraceKind>, kind: TraceKind, label: &str) {
    let mut on = list.contains(&kind);
    if ui.checkbox(&mut on, label).changed() {
        list.retain(|k| *k != kind);
        if on {
            list.push(kind);
            list.sort_by_key(|k| *k as u8);
        }
    }
}

/// What effects are measured from and to; left out where the line has no room for it.
fn references(ui: &mut Ui, view: &View<'_>) {
    let Some(trace) = &view.state.results.trace else {
        return;
    };
    let metric = trace.metric();
    let (Some(clean), Some(corrupted)) = (trace.clean(), trace.corrupted()) else {
        return;
    };
    let stderr = trace.summary.reference_stderr.get("corrupted").copied();
    let clean = words::value(metric, clean);
    let corrupted = crate::maps::token_text::with_error(corrupted, stderr);
    let letters = (clean.len() + corrupted.len() + 18) as f32;
    if ui.available_width() < letters * 7.0 {
        return;
    }
    muted(ui, view.theme, "clean");
    number(ui, view.theme, clean);
    muted(ui, view.theme, "· corrupted");
    number(ui, view.theme, corrupted);
}
