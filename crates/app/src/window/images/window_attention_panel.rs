//! What the region reads inside its attention window, head by head, in networks that have such windows.

use egui::{RichText, ScrollArea, Ui};

use crate::maps::look::DataKey;
use crate::maps::{SmallWeights, weights_strip};
use crate::window::controls::empty_state;
use crate::window::view::View;

/// Fields that hold the attention of one layer: over head, and y and x of the window.
const FIELD: &str = "attention.";

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

pub(crate) fn describe(view: &View<'_>) -> String {
    let q = &view.state.question.images;
    let image = q
        .active_network()
        .and_then(|n| view.state.images.opened.get(n))
        .and_then(|m| m.image.as_ref());
    match image.and_then(|i| i.window) {
        Some(side) => format!("windows of {side} × {side}"),
        None => String::new(),
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let q = &view.state.question.images;
    let active = q.active_network().unwrap_or_default();
    let name = view.state.images.name(active);
    let map = view
        .state
        .images
        .results
        .of(active)
        .filter(|r| r.restore_failure.is_none())
        .and_then(|r| r.attention.as_ref());
    let layers: Vec<_> = map
        .map(|m| {
            m.fields
                .iter()
                .filter(|f| f.name.starts_with(FIELD))
                .collect()
        })
        .unwrap_or_default();
    if layers.is_empty() {
        let has_windows = view
            .state
            .images
            .opened
            .get(active)
            .and_then(|m| m.image.as_ref())
            .is_some_and(|i| i.window.is_some());
        let sentence = if has_windows {
            "Run the map: it brings the attention of the window around the region's middle."
                .to_string()
        } else {
            format!(
                "{name} has no attention windows: it reads its surroundings through convolutions alone."
            )
        };
        empty_state(ui, view.theme, "Window attention", &sentence, None);
        return;
    }
    let version = map.map_or(0, |m| m.version);
    ScrollArea::vertical().id_salt("windows").show(ui, |ui| {
        for field in layers {
            let [heads, rows, cols] = *field.shape() else {
                continue;
            };
            let layer = &field.name[FIELD.len()..];
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
                    key: DataKey::new(("window-attention", active, layer), version),
                    label: &labels[h],
                    caption: &captions[h],
                    rows,
                    cols,
                    weights: &field.values[h * size..(h + 1) * size],
                })
                .collect();
            weights_strip(ui, view.look, &maps, 6);
        }
    });
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
