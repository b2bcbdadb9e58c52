//! What one pixel reads inside its attention window, head by head, in networks that have such windows.

use std::time::Duration;

use egui::{RichText, ScrollArea, Ui};
use whyfinder_experiment::{Axis, Field, Labels};

use super::command::ImageCommand;
use super::results::{ATTENTION, MapResult};
use super::state::{ImageJob, Part, PixelOf};
use crate::maps::look::DataKey;
use crate::maps::{Cell, SmallWeights, weights_strip};
use crate::window::command::Command;
use crate::window::controls::{empty_state, text_button};
use crate::window::state::Phase;
use crate::window::view::View;

/// The parts of a layer's name that tell it from others: `layers.0 blocks.1`.
fn short(layer: &str) -> String {
    let parts: Vec<&str> = layer.split('.').collect();
    let numbered: Vec<String> = parts
        .windows(2)
        .filter(|pair| pair[1].chars().all(|c| c.is_ascii_digit()))
        .map(|pair| format!("{}.{}", pair[0], pair[1]))
        .collect();
    if numbered.is_empty() {
        format!("layer {layer}")
    } else {
        numbered.join(" ")
    }
}

/// A reading that waits longer than this is said to wait.
const SOON: Duration = Duration::from_millis(400);

/// Which network and which pixel of its input it is, and why that one.
pub(crate) fn describe(view: &View<'_>) -> String {
    let images = &view.state.images;
    let q = &view.state.question.images;
    let Some(network) = images.attending(q) else {
        return String::new();
    };
    let name = match q.networks.len() {
        0 | 1 => String::new(),
        _ => format!("{} · ", images.name(network)),
    };
    let place = match answer(view, network).and_then(MapResult::pixel) {
        Some([x, y]) => {
            let scale = images.scale(network);
            let here = |at: &Option<PixelOf>| {
                let at = at.as_ref().filter(|at| at.network == network);
                at.is_some_and(|at| at.pixel == [x * scale, y * scale])
            };
            let why = if here(&images.pinned) {
                " · pinned"
            } else if here(&images.pointed) {
                " · pointer"
            } else if images.attended().is_none() {
                " · middle"
            } else {
                ""
            };
            format!("at {x}, {y}{why}")
        }
        None => {
            let side = images.window(network).unwrap_or_default();
            format!("windows of {side} × {side}")
        }
    };
    let waits = |j: &ImageJob| {
        j.part == Part::Attention && j.job.phase == Phase::Queued && j.asked.elapsed() > SOON
    };
    let waiting = match view.state.jobs.images.iter().any(waits) {
        true => " · the next after this run",
        false => "",
    };
    format!("{name}{place}{waiting}")
}

/// What is known of a network's attention.
fn answer<'a>(view: &View<'a>, network: &str) -> Option<&'a MapResult> {
    let result = view.state.images.results.of(network);
    result
        .filter(|r| r.restore_failure.is_none())
        .and_then(|r| r.attention.as_ref())
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let q = &view.state.question.images;
    let active = q.active_network().unwrap_or_default();
    let attending = view.state.images.attending(q);
    let map = attending.and_then(|network| answer(view, network));
    let layers: Vec<_> = map
        .map(|m| m.attention_layers().collect())
        .unwrap_or_default();
    if layers.is_empty() {
        let sentence = if attending.is_some() {
            "Point at the picture or the map: what the pixel there attends to inside its window is read at once."
                .to_string()
        } else {
            match q.networks.len() {
                0 | 1 => format!(
                    "{} has no attention windows: it reads its surroundings through convolutions alone.",
                    view.state.images.name(active)
                ),
                _ => "None of these networks has attention windows: they read their surroundings through \
                      convolutions alone."
                    .to_string(),
            }
        };
        empty_state(ui, view.theme, "Window attention", &sentence, None);
        return;
    }
    let version = map.map_or(0, |m| m.version);
    let pixel = map.and_then(|m| m.pixel());
    if view.state.images.pinned.is_some()
        && text_button(ui, view.theme, "Unpin", view.theme.selection)
            .on_hover_text("Let the attention follow the pointer again")
            .clicked()
    {
        view.push(Command::Image(ImageCommand::Pin(None)));
    }
    ScrollArea::vertical().id_salt("windows").show(ui, |ui| {
        for field in layers {
            let [heads, rows, cols] = *field.shape() else {
                continue;
            };
            let layer = &field.name[ATTENTION.len()..];
            let words = format!("{} · {heads} heads", short(layer));
            let words = RichText::new(words).size(12.5).color(view.theme.muted);
            ui.add(egui::Label::new(words).truncate())
                .on_hover_text(layer);
            let labels: Vec<String> = (0..heads)
                .map(|h| format!("Window attention of layer {layer}, head {h}"))
                .collect();
            let captions: Vec<String> = (0..heads).map(|h| h.to_string()).collect();
            let size = rows * cols;
            let maps: Vec<SmallWeights<'_>> = (0..heads)
                .map(|h| SmallWeights {
                    key: DataKey::new(("window-attention", attending, layer), version),
                    label: &labels[h],
                    caption: &captions[h],
                    rows,
                    cols,
                    weights: &field.values[h * size..(h + 1) * size],
                    mark: pixel.and_then(|at| cell_of(field, at)),
                })
                .collect();
            weights_strip(ui, view.look, &maps, 6);
        }
    });
}

/// The pixel's own cell in its window.
fn cell_of(field: &Field, [x, y]: [usize; 2]) -> Option<Cell> {
    let [_, rows, cols] = field.axes.as_slice() else {
        return None;
    };
    let at = |axis: &Axis, pixel: usize| match &axis.labels {
        Labels::Number(n) => n.iter().position(|&label| label as usize == pixel),
        Labels::Text(_) => None,
    };
    Some(Cell::new(at(rows, y)?, at(cols, x)?))
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn layers_are_named_by_their_numbers() {
        let long = "layers.0.residual_group.blocks.1.attn.pattern";
        assert_eq!(short(long), "layers.0 blocks.1");
        assert_eq!(short("3"), "layer 3");
    }
}
