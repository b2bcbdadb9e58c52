//! Deletion and insertion: how fast the region's quality goes, and comes back, in the order that the maps give.

use egui::{Color32, Ui, vec2};
use whyfinder_experiment::{Experiment, Field, ImageMethod, InstrumentSettings, Labels};

use super::command::ImageCommand;
use super::results::{MapResult, NetworkResult};
use super::state::Part;
use crate::maps::{Curve, CurvesPlot, curves_plot};
use crate::window::command::Command;
use crate::window::controls::{empty_state, error_state};
use crate::window::state::State;
use crate::window::view::View;

pub(crate) fn describe(view: &View<'_>) -> String {
    let what = "deletion and insertion of blocks, in the order each map gives";
    let Some(result) = of_active(view) else {
        return what.to_string();
    };
    let Some(curves) = &result.curves else {
        return what.to_string();
    };
    let name = view.state.images.name(&result.network);
    match first_step(curves) {
        Some(first) => format!("{what} · {name} · {first}"),
        None => format!("{what} · {name}"),
    }
}

fn of_active<'a>(view: &View<'a>) -> Option<&'a NetworkResult> {
    let state: &'a State = view.state;
    state
        .images
        .results
        .of(state.question.images.active_network()?)
}

/// Whether two scores are of one network, picture and region, whichever map is on screen.
fn answers_the_same(a: &Experiment, b: &Experiment) -> bool {
    let input = |e: &Experiment| match &e.instrument {
        InstrumentSettings::Image { input, .. } => Some(input.clone()),
        _ => None,
    };
    a.model == b.model && a.seed == b.seed && input(a) == input(b)
}

/// One line of a plot.
struct Line<'a> {
    name: String,
    values: &'a [f32],
    area: Option<f32>,
    random: bool,
}

/// Short names of the instruments, as on their chips.
fn short(name: &str) -> &str {
    match name {
        "causal-effect-map" => "CEM",
        "lam" => "LAM",
        "integrated-gradients" => "IG",
        "rise" => "RISE",
        other => other,
    }
}

/// The curves of one kind: a row of the field for each map, and the mean of random orders last.
fn lines<'a>(result: &'a MapResult, kind: &str) -> Vec<Line<'a>> {
    let area = |name: &str| {
        result
            .summary
            .reference
            .get(&format!("{kind}.{name}"))
            .copied()
    };
    let mut all = Vec::new();
    if let Some(field) = result.field(kind)
        && let [maps, shares] = field.axes.as_slice()
    {
        for map in 0..maps.len() {
            let range = map * shares.len()..(map + 1) * shares.len();
            let name = maps.labels.text(map);
            if known(field, range.clone()) {
                all.push(Line {
                    values: &field.values[range],
                    area: area(&name),
                    name: short(&name).to_string(),
                    random: false,
                });
            }
        }
    }
    if let Some(field) = result.field(&format!("{kind}.random"))
        && known(field, 0..field.values.len())
    {
        all.push(Line {
            values: &field.values,
            area: area("random"),
            name: "random".to_string(),
            random: true,
        });
    }
    all
}

/// Shares of the blocks after each step.
fn shares_of(result: &MapResult, kind: &str) -> Vec<f32> {
    let axis = result.field(kind).and_then(|f| f.axes.last());
    match axis.map(|a| &a.labels) {
        Some(Labels::Number(shares)) => shares.iter().map(|&s| s as f32).collect(),
        _ => Vec::new(),
    }
}

/// How many blocks, and pixels of the output, the first step exchanges.
fn first_step(result: &MapResult) -> Option<String> {
    let share = *shares_of(result, "deletion").get(1)?;
    let (blocks, side) = (share * number_of_blocks(result)?, side_of(result));
    let pixels = blocks.round() as usize * side * side;
    Some(format!("first step {blocks:.0} blocks, {pixels} px"))
}

/// How many blocks are exchanged in all.
fn number_of_blocks(result: &MapResult) -> Option<f32> {
    result.summary.reference.get("blocks").copied()
}

/// Side of a block in the output's pixels.
fn side_of(result: &MapResult) -> usize {
    match &result.experiment.instrument {
        InstrumentSettings::Image {
            method: ImageMethod::Faithfulness(settings),
            ..
        } => settings.block,
        _ => 0,
    }
}

fn known(field: &Field, range: std::ops::Range<usize>) -> bool {
    field.values[range].iter().filter(|v| v.is_finite()).count() > 1
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let theme = view.theme;
    let running = view
        .state
        .jobs
        .images
        .iter()
        .any(|j| j.part == Part::Curves);
    let result = of_active(view);
    if let Some(message) = result.and_then(|r| r.curves_failure.as_deref()) {
        let title = "The maps could not be scored";
        if error_state(ui, theme, title, message, "Score again") {
            view.push(Command::Image(ImageCommand::Score));
        }
        return;
    }
    let seed = view.state.question.seed;
    let q = &view.state.question.images;
    let wanted = q.active_network().and_then(|n| q.scoring(n, seed));
    let curves = result.and_then(|r| r.curves.as_ref());
    let current = curves.filter(|c| {
        let wanted = wanted.as_ref();
        wanted.is_some_and(|w| answers_the_same(&c.experiment, w))
    });
    let Some(curves) = current else {
        nothing_yet(ui, view, running, wanted.is_some());
        return;
    };
    let kinds = [
        ("deletion", "Deletion", "of the blocks replaced"),
        ("insertion", "Insertion", "of the blocks put back"),
    ];
    let colours: [Color32; 5] = [
        theme.accent,
        theme.selection,
        theme.good,
        theme.helps,
        theme.harms,
    ];
    let gap = 24.0;
    let size = vec2((ui.available_width() - gap) / 2.0, ui.available_height());
    let side = side_of(curves);
    let blocks = number_of_blocks(curves).map(|n| [n as usize, side * side]);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for (kind, label, along) in kinds {
            let shares = shares_of(curves, kind);
            let found = lines(curves, kind);
            let shown: Vec<Curve<'_>> = found
                .iter()
                .enumerate()
                .map(|(i, line)| Curve {
                    name: &line.name,
                    values: line.values,
                    area: line.area,
                    colour: if line.random {
                        theme.faint
                    } else {
                        colours[i % colours.len()]
                    },
                })
                .collect();
            let plot = CurvesPlot {
                label,
                along,
                shares: &shares,
                blocks,
                unit: "dB",
                curves: &shown,
            };
            ui.allocate_ui(size, |ui| {
                ui.set_width(size.x);
                curves_plot(ui, view.look, &plot, size.y.min(280.0));
            });
        }
    });
}

fn nothing_yet(ui: &mut Ui, view: &mut View<'_>, running: bool, possible: bool) {
    let title = "Whether the map can be trusted";
    let sentence = "How fast the region's quality falls when blocks are replaced in a map's order, strongest first, and \
                    how fast it comes back: the faithful map falls first.";
    if running {
        empty_state(ui, view.theme, title, "The maps are being scored.", None);
        return;
    }
    ui.set_max_width(ui.available_width().min(620.0));
    let words = egui::RichText::new(sentence).color(view.theme.muted);
    ui.add(egui::Label::new(words).wrap());
    if possible && ui.button("Score the maps").clicked() {
        view.push(Command::Image(ImageCommand::Score));
    }
}
