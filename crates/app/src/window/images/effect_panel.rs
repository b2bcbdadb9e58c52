//! The middle of the window: effects over the input beside the output, or the maps of all compared networks.

use egui::{Rect, Ui, pos2, vec2};

use super::command::ImageCommand;
use super::map_data::{MapData, map_data, output_size};
use super::parts::MapPart;
use super::{compared_maps, counts_row, output_view, pointed_at};
use crate::maps::heatmap_view::HeatmapView;
use crate::maps::look::DataKey;
use crate::maps::{EffectMap, EffectRange, EffectScale, PictureFrame, PictureState, effect_map};
use crate::window::command::Command;
use crate::window::controls::{empty_state, error_state, heading, text_button, within};
use crate::window::map_states::LastMap;
use crate::window::view::View;

/// Zoom, divider and colour range of all pictures and maps: linked, so that one place stands in all of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EffectViews {
    pub(crate) view: HeatmapView,
    pub(crate) picture: PictureState,
    pub(crate) range: EffectRange,
    pub(crate) difference_range: EffectRange,
}

/// Height of the line of counts below the colour bar, points.
const COUNTS: f32 = 58.0;
const GAP: f32 = 16.0;
/// Height of a heading, points.
pub(crate) const HEADING: f32 = 26.0;
/// Below this a picture has more frame than content, points.
const LEAST_PICTURE: f32 = 80.0;
/// Height of the line that reads out a map, points.
pub(crate) const LINE: f32 = 20.0;

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let q = &view.state.question.images;
    let active = q.active_network().unwrap_or_default().to_string();
    let result = view.state.images.results.of(&active);
    let size = result.and_then(|r| output_size(&view.state.images, r));
    if let Some(message) = result.and_then(|r| r.restore_failure.as_deref()) {
        let title = format!(
            "{} could not take the picture",
            view.state.images.name(&active)
        );
        if error_state(ui, view.theme, &title, message, "Choose another picture…") {
            view.push(Command::Image(ImageCommand::ChoosePicture));
        }
        return;
    }
    let Some(size) = size else {
        nothing_yet(ui, view);
        return;
    };
    let room = ui.available_rect_before_wrap();
    if q.networks.len() > 1 {
        compared_maps::show(ui, view, room, size);
    } else {
        alone(ui, view, room, &active, size);
    }
}

/// Height that pictures and maps can use in a column of this width, points.
pub(crate) fn wanted_height(view: &View<'_>, width: f32) -> f32 {
    let q = &view.state.question.images;
    let size = q
        .active_network()
        .and_then(|n| view.state.images.results.of(n))
        .and_then(|r| output_size(&view.state.images, r))
        .unwrap_or([1, 1]);
    let aspect = size[1] as f32 / size[0].max(1) as f32;
    match q.networks.len() {
        0 | 1 => HEADING + (width - GAP) / 2.0 * aspect + LINE + COUNTS + 6.0,
        n => 2.0 * HEADING + 2.0 * (width / n as f32 * aspect + LINE) + 2.0 * GAP + COUNTS,
    }
}

fn nothing_yet(ui: &mut Ui, view: &mut View<'_>) {
    let title = "Which pixels help a region, and which harm it";
    if view.state.question.images.picture.is_some() {
        let sentence = "The picture is on its way through the network.";
        empty_state(ui, view.theme, title, sentence, None);
    } else {
        let sentence = "Choose a picture, drop one here or paste one. Then drag a region on the output: each block of the \
                        input says how much of the region's quality it carries.";
        if empty_state(ui, view.theme, title, sentence, Some("Choose a picture…")) {
            view.push(Command::Image(ImageCommand::ChoosePicture));
        }
    }
}

/// One network: its map beside its output.
fn alone(ui: &mut Ui, view: &mut View<'_>, room: Rect, network: &str, size: [usize; 2]) {
    let half = ((room.width() - GAP) / 2.0).floor();
    let most = room.height() - HEADING - COUNTS - GAP;
    let data = map_data(&view.state.images, &view.state.question.images, network);
    let block = block_side(view, data.as_ref());
    let space = Rect::from_min_size(room.min, vec2(half, (most - LINE).max(LEAST_PICTURE)));
    let frame = PictureFrame::fitted(space, size, block, HeatmapView::default(), 1.0).frame;
    let height = frame.height() + LINE;
    let place = |column: usize| {
        let left = room.left() + column as f32 * (half + GAP);
        Rect::from_min_size(pos2(left, room.top()), vec2(half, HEADING + height))
    };
    let (mut on_map, mut on_output) = (None, None);
    within(ui, place(0), "map", 0.0, |ui| {
        map_heading(ui, view, network, data.as_ref());
        on_map = map(ui, view, network, data.as_ref(), size, block, None);
    });
    within(ui, place(1), "output", 0.0, |ui| {
        let words = if view
            .state
            .images
            .results
            .of(network)
            .is_some_and(|r| r.truth().is_some())
        {
            "drag the region · hold D to compare"
        } else {
            "drag the region"
        };
        heading_line(ui, |ui| {
            heading(ui, view.theme, "Output", words);
        });
        on_output = output_view::show(ui, view, network, size, block, true);
    });
    pointed_at::note(view, on_map.or(on_output).map(|pixel| (network, pixel)));
    let below = room.top() + HEADING + height + 6.0;
    let bar = Rect::from_min_size(
        pos2(room.left(), below),
        vec2(frame.width().max(200.0).min(half), COUNTS),
    );
    let counts = Rect::from_min_size(
        pos2(room.left() + half + GAP, below),
        vec2(room.right() - room.left() - half - GAP, COUNTS),
    );
    let maps = [data];
    within(ui, bar, "bar", 0.0, |ui| counts_row::bar(ui, view, &maps));
    within(ui, counts, "counts", 0.0, |ui| {
        counts_row::counts(ui, view, network)
    });
}

/// One line of the height of a heading.
pub(crate) fn heading_line(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let size = vec2(ui.available_width(), HEADING);
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing.x = 6.0;
        add(ui);
    });
}

/// Side of the blocks that pictures and maps are laid out by.
pub(crate) fn block_side(view: &View<'_>, data: Option<&MapData>) -> usize {
    let q = &view.state.question.images;
    data.map(|d| d.cell)
        .or_else(|| q.settings.block(q.method))
        .unwrap_or(1)
}

/// The colours of all maps that are shown: one range.
pub(crate) fn scale(view: &View<'_>, maps: &[Option<MapData>]) -> EffectScale {
    let signed = view.state.images.part(&view.state.question.images).signed;
    let differences = view.state.images.differences && maps.len() > 1;
    let default = counts_row::default_extent(maps);
    let range = if differences {
        view.maps.pictures.difference_range
    } else {
        view.maps.pictures.range
    };
    EffectScale {
        extent: range.extent(default),
        signed: signed || differences,
        flipped: view.state.images.flipped,
    }
}

fn map_heading(ui: &mut Ui, view: &mut View<'_>, network: &str, data: Option<&MapData>) {
    let part = view.state.images.part(&view.state.question.images);
    let scale = scale(view, &[data.cloned()]);
    heading_line(ui, |ui| {
        let flip = 54.0;
        let room = vec2(ui.available_width() - flip, HEADING);
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        ui.allocate_ui_with_layout(room, layout, |ui| {
            ui.set_width(room.x);
            let of = describe(view, network, part, &scale);
            heading(ui, view.theme, part.title, &of);
        });
        flip_button(ui, view, &scale);
    });
}

/// What, of what, how measured.
pub(crate) fn describe(
    view: &View<'_>,
    network: &str,
    part: &MapPart,
    scale: &EffectScale,
) -> String {
    let images = &view.state.images;
    let map = images.results.of(network).and_then(|r| r.map.as_ref());
    let moved = map
        .and_then(|m| m.region())
        .filter(|r| view.state.question.images.asked_region() != Some(*r))
        .map(|r| format!("of region {} · ", r.words()))
        .unwrap_or_default();
    match (part.field, part.unit) {
        ("effect", "dB") if part.signed => {
            format!("{moved}dB · {}", scale.polarity())
        }
        (_, "") => format!("{moved}{}", part.sentence),
        (_, unit) => format!("{moved}{unit} · {}", part.sentence),
    }
}

/// Turns the polarity round, where there is one.
pub(crate) fn flip_button(ui: &mut Ui, view: &mut View<'_>, scale: &EffectScale) {
    if !scale.signed {
        return;
    }
    let hover = format!("{}; click to turn the colours round", scale.polarity());
    if text_button(ui, view.theme, "Flip", view.theme.selection)
        .accessible_name("Flip the polarity")
        .on_hover_text(hover)
        .clicked()
    {
        view.push(Command::Image(ImageCommand::FlipPolarity));
    }
}

/// One network's map over its input, or what stands in its place; gives the pixel that the pointer is on.
pub(crate) fn map(
    ui: &mut Ui,
    view: &mut View<'_>,
    network: &str,
    data: Option<&MapData>,
    size: [usize; 2],
    block: usize,
    shared: Option<EffectScale>,
) -> Option<[usize; 2]> {
    let state = view.state;
    let q = &state.question.images;
    let result = state.images.results.of(network);
    let name = state.images.name(network);
    let part = state.images.part(q);
    let label = format!("{}, {name}", part.title);
    let windows = pointed_at::windows(state, network, size);
    let scale = shared.unwrap_or_else(|| scale(view, &[data.cloned()]));
    // Before the first cell there is a map without any: the picture stands where it will be.
    let waiting = data.is_none();
    let empty: MapData;
    let data = match data {
        Some(data) => data,
        None => {
            empty = unmeasured(size, block);
            &empty
        }
    };
    let shown = EffectMap {
        key: DataKey::new(("effects", network), data.version),
        label: &label,
        picture: result.and_then(|r| r.input()),
        size,
        cell: data.cell,
        of_blocks: q.settings.block(q.method).is_some(),
        block,
        values: &data.values,
        stderr: data.stderr.as_deref(),
        count: data.count.as_deref(),
        measured: &data.measured,
        waiting,
        estimates: data.estimates.as_deref(),
        reachable: data.reachable.as_deref(),
        unit: part.unit,
        scale,
        region: q.asked_region(),
        windows: &windows,
    };
    let rect = ui.available_rect_before_wrap();
    let selected = state.images.block;
    let response = effect_map(
        ui,
        view.look,
        &mut view.maps.pictures.view,
        &shown,
        selected,
    );
    view.maps.place(LastMap::Effects, rect);
    if response.response.has_focus() || response.response.clicked() {
        view.maps.last = LastMap::Effects;
    }
    if let Some(cell) = response.picked {
        view.push(Command::Image(ImageCommand::SelectBlock(cell)));
    }
    if let Some(region) = response.region
        && Some(region) != q.asked_region()
    {
        view.push(Command::Image(ImageCommand::SetRegion(region)));
    }
    pointed_at::pin(view, network, response.clicked);
    if let Some(message) = result.and_then(|r| r.map_failure.as_deref()) {
        let place = response.place.frame.shrink(12.0);
        within(ui, place, "failure", 0.0, |ui| {
            if error_state(
                ui,
                view.theme,
                "The map could not be measured",
                message,
                "Run again",
            ) {
                view.push(Command::Image(ImageCommand::Run));
            }
        });
    }
    response.pixel
}

/// A map in which nothing has been asked for yet: the picture alone, without the dots of cells that are to come.
fn unmeasured(size: [usize; 2], block: usize) -> MapData {
    let cols = size[0].div_ceil(block);
    let cells = cols * size[1].div_ceil(block);
    MapData {
        values: vec![0.0; cells],
        stderr: None,
        count: None,
        measured: vec![false; cells],
        estimates: None,
        reachable: None,
        cols,
        cell: block,
        version: 0,
        region: None,
        region_apart: false,
        difference: false,
    }
}
