//! The maps of several networks on the same region: aligned, with one zoom and one colour range.

use egui::{Rect, Ui, pos2, vec2};

use super::command::ImageCommand;
use super::effect_panel::{HEADING, LINE, block_side, flip_button, heading_line, map, scale};
use super::map_data::{MapData, map_data};
use super::{counts_row, output_view, pointed_at};
use crate::maps::PictureFrame;
use crate::maps::heatmap_view::HeatmapView;
use crate::window::command::Command;
use crate::window::controls::{heading, muted, within};
use crate::window::view::View;

const GAP: f32 = 12.0;
const BAR: f32 = 36.0;
/// Panels are not made smaller than this: a row has fewer of them instead, points.
const LEAST: f32 = 120.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>, room: Rect, size: [usize; 2]) {
    let networks = view.state.question.images.networks.clone();
    let maps: Vec<Option<MapData>> = networks
        .iter()
        .map(|n| map_data(&view.state.images, &view.state.question.images, n))
        .collect();
    let block = maps
        .iter()
        .flatten()
        .map(|d| d.cell)
        .max()
        .unwrap_or_else(|| block_side(view, None));
    let scale = scale(view, &maps);
    let top = Rect::from_min_size(room.min, vec2(room.width(), HEADING));
    within(ui, top, "modes", 0.0, |ui| {
        heading_line(ui, |ui| modes(ui, view, &scale))
    });

    let place = Rect::from_min_max(
        pos2(room.left(), room.top() + HEADING),
        pos2(room.right(), room.bottom() - BAR),
    );
    let layout = Panels::of(place, networks.len(), size, block);
    let mut pointed = None;
    for (i, (network, data)) in networks.iter().zip(&maps).enumerate() {
        let [upper, lower] = layout.places(place, i);
        within(ui, upper, ("map", i), 0.0, |ui| {
            panel_heading(ui, view, network, i, data.as_ref());
            let on_map = map(ui, view, network, data.as_ref(), size, block, Some(scale));
            pointed = pointed.or(on_map.map(|pixel| (network.as_str(), pixel)));
        });
        within(ui, lower, ("output", i), 0.0, |ui| {
            let on_output = output_view::show(ui, view, network, size, block, true);
            pointed = pointed.or(on_output.map(|pixel| (network.as_str(), pixel)));
        });
    }
    pointed_at::note(view, pointed);
    let width = (layout.frame.x * 2.0 + GAP).clamp(240.0, room.width());
    let bar = Rect::from_min_size(
        pos2(room.left(), layout.bottom(place) + 4.0),
        vec2(width, BAR),
    );
    within(ui, bar, "bar", 0.0, |ui| counts_row::bar(ui, view, &maps));
}

/// What the panels show: each map by itself, or differences from the active network's.
fn modes(ui: &mut Ui, view: &mut View<'_>, scale: &crate::maps::EffectScale) {
    let q = &view.state.question.images;
    let title = view.state.images.part(q).title;
    let active = q.active_network().unwrap_or_default();
    let active = view.state.images.name(active);
    let differences = view.state.images.differences;
    let of = if differences {
        // What is in the first panel stays as it is: the colours have two meanings.
        format!(
            "{active}: {} · others: {}",
            scale.polarity(),
            scale.polarity_against(&active)
        )
    } else {
        let count = q.networks.len();
        format!(
            "{count} networks, one region, one range · {}",
            scale.polarity()
        )
    };
    // Where there is little room, what the maps are comes before what the button says in full.
    let narrow = ui.available_width() < 640.0;
    let buttons = if narrow { 236.0 } else { 372.0 };
    let room = vec2((ui.available_width() - buttons).max(80.0), HEADING);
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(room, layout, |ui| {
        ui.set_width(room.x);
        heading(ui, view.theme, title, &of);
    });
    ui.spacing_mut().button_padding = vec2(8.0, 2.0);
    ui.spacing_mut().interact_size.y = 22.0;
    for (on, words) in [
        (false, "Side by side".to_string()),
        (true, format!("Difference from {active}")),
    ] {
        let shown = if narrow && on { "Difference" } else { &words };
        let button = egui::Button::selectable(differences == on, shown).truncate();
        if ui.add(button).accessible_name(&words).clicked() {
            view.push(Command::Image(ImageCommand::ShowDifferences(on)));
        }
    }
    flip_button(ui, view, scale);
}

/// The network's name and how good it is here; a click reads its numbers out.
fn panel_heading(
    ui: &mut Ui,
    view: &mut View<'_>,
    network: &str,
    index: usize,
    data: Option<&MapData>,
) {
    let state = view.state;
    let q = &state.question.images;
    let name = state.images.name(network);
    let active = q.active == index;
    let result = state.images.results.of(network);
    let psnr = q
        .asked_region()
        .and_then(|region| result?.psnr_in(region))
        .filter(|v| v.is_finite())
        .map(|v| format!("{v:.2} dB here"))
        .unwrap_or_default();
    let note = if data.is_some_and(|d| d.difference) {
        format!(
            "minus {}",
            state.images.name(q.active_network().unwrap_or_default())
        )
    } else {
        psnr
    };
    heading_line(ui, |ui| {
        ui.spacing_mut().button_padding = vec2(6.0, 1.0);
        ui.spacing_mut().interact_size.y = 20.0;
        let room = ui.available_width() - 100.0;
        ui.scope(|ui| {
            ui.set_max_width(room.max(60.0));
            let row = egui::Button::selectable(
                active,
                egui::RichText::new(&name).font(crate::window::fonts::semibold(12.5)),
            )
            .truncate();
            if ui
                .add(row)
                .accessible_name(format!("Read out {name}"))
                .clicked()
            {
                view.push(Command::Image(ImageCommand::ShowNetwork(index)));
            }
        });
        muted(ui, view.theme, note);
    });
}

/// Where the panels lie: in rows of as many as have room, a map above its output.
struct Panels {
    columns: usize,
    pitch: f32,
    /// A picture, without its line.
    frame: egui::Vec2,
    count: usize,
}

impl Panels {
    fn of(place: Rect, count: usize, size: [usize; 2], block: usize) -> Self {
        let width = |columns: usize| {
            ((place.width() - GAP * (columns - 1) as f32) / columns as f32).floor()
        };
        let mut columns = count.max(1);
        while columns > 1 && width(columns) < LEAST {
            columns -= 1;
        }
        let rows = count.div_ceil(columns).max(1) as f32;
        let each = place.height() / rows - HEADING - 2.0 * LINE - GAP;
        let space = Rect::from_min_size(place.min, vec2(width(columns), (each / 2.0).max(60.0)));
        let frame = PictureFrame::fitted(space, size, block, HeatmapView::default(), 1.0).frame;
        Self {
            columns,
            pitch: width(columns) + GAP,
            frame: frame.size(),
            count,
        }
    }

    fn row_height(&self) -> f32 {
        HEADING + 2.0 * (self.frame.y + LINE) + GAP
    }

    fn places(&self, place: Rect, index: usize) -> [Rect; 2] {
        let (row, column) = (index / self.columns, index % self.columns);
        let min = place.min + vec2(column as f32 * self.pitch, row as f32 * self.row_height());
        let width = self.pitch - GAP;
        let upper = Rect::from_min_size(min, vec2(width, HEADING + self.frame.y + LINE));
        let lower = Rect::from_min_size(
            pos2(min.x, upper.bottom() + 4.0),
            vec2(width, self.frame.y + LINE),
        );
        [upper, lower]
    }

    fn bottom(&self, place: Rect) -> f32 {
        let rows = self.count.div_ceil(self.columns).max(1) as f32;
        place.top() + rows * self.row_height()
    }
}
