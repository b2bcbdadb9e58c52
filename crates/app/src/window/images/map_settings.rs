//! The settings behind a method and a task; each opens from the line that says it.

use egui::{Button, DragValue, Grid, Popup, PopupCloseBehavior, Ui};
use whyfinder_experiment::ImageTask;
use whyfinder_experiment::image_experiment::{Baseline, Detector, Fill, LamPath, Precision};

use super::asking::ImageQuestion;
use super::command::ImageCommand;
use super::intervention_settings;
use super::methods::MethodName;
use crate::window::command::Command;
use crate::window::controls::{muted, quiet_button};
use crate::window::question::Question;
use crate::window::view::View;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let before = view.state.question.clone();
    let mut q = before.clone();
    let line = q.images.settings.line(q.images.method);
    let button = quiet_button(ui, view.theme, &line, &format!("Settings: {line}"));
    form(&button, |ui| settings(ui, view, &mut q));
    if q.images.method == MethodName::CausalEffectMap {
        let line = intervention_settings::line(&q);
        let button = quiet_button(ui, view.theme, &line, &format!("Interventions: {line}"));
        form(&button, |ui| intervention_settings::show(ui, view, &mut q));
    }
    let line = task_line(view, &q.images);
    let button = quiet_button(ui, view.theme, &line, &format!("Task: {line}"));
    form(&button, |ui| task(ui, view, &mut q.images));
    if q.seed != before.seed {
        // The seed belongs to the whole question.
        view.push(Command::Edit(Box::new(q)));
    } else if q.images != before.images {
        view.push(Command::Image(ImageCommand::Ask(Box::new(q.images))));
    }
}

fn form(button: &egui::Response, add: impl FnOnce(&mut Ui)) {
    Popup::menu(button)
        .style(egui::style::StyleModifier::default())
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            ui.set_width(300.0);
            add(ui);
        });
}

pub(super) fn grid(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    Grid::new("settings")
        .num_columns(2)
        .spacing([12.0, 6.0])
        .show(ui, add);
}

pub(super) fn row(ui: &mut Ui, name: &str, hover: &str, value: DragValue<'_>) {
    let label = ui.label(name);
    ui.add(value).labelled_by(label.id).on_hover_text(hover);
    ui.end_row();
}

pub(super) fn choice<T: PartialEq + Copy>(
    ui: &mut Ui,
    name: &str,
    value: &mut T,
    all: &[(T, &str)],
) {
    ui.label(name);
    // From the top: centred in a row of two lines, the second line would lie under the next row.
    let lines = egui::Layout::left_to_right(egui::Align::TOP).with_main_wrap(true);
    ui.with_layout(lines, |ui| {
        ui.spacing_mut().item_spacing = egui::vec2(2.0, 2.0);
        ui.set_max_width(208.0);
        for (each, words) in all {
            let chip = Button::selectable(value == each, *words);
            if ui.add(chip).clicked() {
                *value = *each;
            }
        }
    });
    ui.end_row();
}

const DETECTORS: [(Detector, &str); 3] = [
    (Detector::Gradient, "edges"),
    (Detector::Sum, "sum"),
    (Detector::Psnr, "PSNR"),
];

fn settings(ui: &mut Ui, view: &View<'_>, q: &mut Question) {
    let network = q.images.active_network().unwrap_or_default();
    let scale = view.state.images.scale(network);
    let method = q.images.method;
    let s = &mut q.images.settings;
    let block_words = "Side of a block in the output's pixels; a multiple of the network's scale";
    grid(ui, |ui| match method {
        MethodName::CausalEffectMap => {
            let e = &mut s.effects;
            block(ui, &mut e.block, scale, block_words);
            row(
                ui,
                "Coarse draws",
                "Interventions on every block",
                DragValue::new(&mut e.coarse).range(1..=100).speed(0.1),
            );
            row(
                ui,
                "Fine draws",
                "Interventions on blocks that a coarse one moved; 0 leaves the stage out",
                DragValue::new(&mut e.fine).range(0..=1000).speed(0.2),
            );
            row(
                ui,
                "Tolerance",
                "Smaller effects are zero",
                DragValue::new(&mut e.tolerance)
                    .range(0.0..=1.0)
                    .speed(0.001)
                    .max_decimals(3)
                    .suffix(" dB"),
            );
        }
        MethodName::Lam => {
            let l = &mut s.lam;
            choice(
                ui,
                "Path",
                &mut l.path,
                &[
                    (LamPath::ProgressiveBlur, "less blur"),
                    (LamPath::GaussianLinear, "from blurred"),
                    (LamPath::BlackLinear, "from black"),
                ],
            );
            row(
                ui,
                "Steps",
                "Steps of the path",
                DragValue::new(&mut l.fold).range(1..=500).speed(0.2),
            );
            row(
                ui,
                "Blur",
                "Standard deviation of the blur that the path begins with",
                DragValue::new(&mut l.sigma)
                    .range(0.1..=20.0)
                    .speed(0.02)
                    .suffix(" px"),
            );
            choice(ui, "Detector", &mut l.detector, &DETECTORS);
            precision(ui, &mut l.precision);
        }
        MethodName::Gradient => {
            choice(ui, "Detector", &mut s.gradient.detector, &DETECTORS);
            precision(ui, &mut s.gradient.precision);
        }
        MethodName::IntegratedGradients => {
            let i = &mut s.integrated;
            choice(
                ui,
                "Baseline",
                &mut i.baseline,
                &[
                    (Baseline::Blur, "blurred"),
                    (Baseline::Black, "black"),
                    (Baseline::Mean, "mean"),
                ],
            );
            row(
                ui,
                "Steps",
                "Steps of the path",
                DragValue::new(&mut i.steps).range(1..=500).speed(0.2),
            );
            choice(ui, "Detector", &mut i.detector, &DETECTORS);
            precision(ui, &mut i.precision);
        }
        MethodName::Occlusion => {
            let o = &mut s.occlusion;
            block(ui, &mut o.block, scale, block_words);
            choice(
                ui,
                "Cover",
                &mut o.fill,
                &[
                    (Fill::Grey, "grey"),
                    (Fill::Blur, "blur"),
                    (Fill::Mean, "mean"),
                ],
            );
        }
        MethodName::Rise => {
            let r = &mut s.rise;
            row(
                ui,
                "Masks",
                "Random masks; the error falls with the root of their number",
                DragValue::new(&mut r.masks).range(10..=100_000).speed(10),
            );
            row(
                ui,
                "Grid",
                "Cells along each side of a mask",
                DragValue::new(&mut r.grid).range(2..=64).speed(0.1),
            );
            row(
                ui,
                "Kept",
                "Probability that a cell is kept",
                DragValue::new(&mut r.probability)
                    .range(0.05..=0.95)
                    .speed(0.005),
            );
        }
        MethodName::ReceptiveField => {
            row(
                ui,
                "Inputs",
                "Random pictures that the field is averaged over",
                DragValue::new(&mut s.field.inputs)
                    .range(0..=100)
                    .speed(0.1),
            );
        }
    });
}

fn precision(ui: &mut Ui, value: &mut Precision) {
    choice(
        ui,
        "Precision",
        value,
        &[
            (Precision::Single, "single"),
            (Precision::Double, "double (slow)"),
        ],
    );
}

fn block(ui: &mut Ui, block: &mut usize, scale: usize, hover: &str) {
    let step = scale.max(1);
    let mut cells = (*block / step).max(1);
    let label = ui.label("Block");
    let shown = DragValue::new(&mut cells)
        .range(1..=64)
        .speed(0.05)
        .custom_formatter(move |n, _| format!("{:.0} px", n * step as f64))
        .custom_parser(move |text| {
            let pixels: f64 = text.trim().trim_end_matches("px").trim().parse().ok()?;
            Some((pixels / step as f64).round())
        });
    if ui
        .add(shown)
        .labelled_by(label.id)
        .on_hover_text(hover)
        .changed()
    {
        *block = cells * step;
    }
    ui.end_row();
}

/// The task, as asked or as the network was made for.
fn task_line(view: &View<'_>, q: &ImageQuestion) -> String {
    let active = q.active_network().unwrap_or_default();
    let image = view
        .state
        .images
        .opened
        .get(active)
        .and_then(|m| m.image.as_ref());
    let scale = view.state.images.scale(active);
    let task = q.task.or(match scale {
        1 => Some(ImageTask::Denoise),
        _ => Some(ImageTask::SuperResolution),
    });
    match task {
        Some(ImageTask::SuperResolution) => format!("super-resolution ×{scale}"),
        Some(ImageTask::Derain) => "derain".to_string(),
        Some(ImageTask::Denoise) | None => {
            let sigma = q.sigma.or(image.and_then(|i| i.sigma)).unwrap_or(50.0);
            format!("denoise, noise {sigma}")
        }
    }
}

fn task(ui: &mut Ui, view: &View<'_>, q: &mut ImageQuestion) {
    muted(ui, view.theme, "How the input is made from the truth");
    if ui
        .add(Button::selectable(
            q.task.is_none(),
            "As the network was made for",
        ))
        .clicked()
    {
        q.task = None;
    }
    for task in ImageTask::ALL {
        if ui
            .add(Button::selectable(q.task == Some(task), task.name()))
            .clicked()
        {
            q.task = Some(task);
        }
    }
    ui.separator();
    let mut own = q.sigma.is_some();
    if ui.checkbox(&mut own, "Noise of another strength").changed() {
        q.sigma = own.then_some(50.0);
    }
    if let Some(sigma) = &mut q.sigma {
        ui.horizontal(|ui| {
            let label = ui.label("Standard deviation, of 255");
            ui.add(DragValue::new(sigma).range(0.0..=255.0).speed(0.5))
                .labelled_by(label.id);
        });
    }
}
