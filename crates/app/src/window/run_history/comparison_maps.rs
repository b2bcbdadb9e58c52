//! Two maps over pictures: beside each other with one range of colours where they are alike, or one minus the other.

use egui::{Rect, Ui, pos2, vec2};
use whyfinder_experiment::{Difference, Field};

use super::Compared;
use super::comparing::{MapSide, Maps};
use super::comparison::{
    BAR, GAP, HEADING, LINES, cannot, difference_heading, extent_of, map_bar, said, side_heading,
};
use crate::maps::look::DataKey;
use crate::maps::{EffectMap, EffectRange, EffectScale, effect_map};
use crate::window::controls::within;
use crate::window::images::round_extent;
use crate::window::map_states::ComparedViews;
use crate::window::view::View;

/// The line that reads out a map, and the room above it, points.
const READ: f32 = 24.0;

pub(super) fn show(ui: &mut Ui, view: &mut View<'_>, compared: &Compared, maps: &[Maps]) {
    let room = ui.available_rect_before_wrap();
    let below = Rect::from_min_size(
        pos2(room.left(), room.bottom() - BAR),
        vec2(room.width().min(420.0), BAR),
    );
    let above = Rect::from_min_max(room.min, pos2(room.right(), below.top() - 4.0));
    let rows = maps.len().max(1) as f32;
    let most = ((above.height() - (rows - 1.0) * GAP) / rows).floor();
    // No higher than a picture can use, so that what is read out stands below it.
    let width = match compared.difference {
        true => above.width(),
        false => (above.width() - GAP) / 2.0,
    };
    let aspect = maps
        .iter()
        .map(|m| m.sides[0].size)
        .fold(0f32, |most, [w, h]| most.max(h as f32 / w.max(1) as f32));
    let height = (width * aspect + HEADING + READ).ceil().min(most);
    let bottom = above.top() + rows * height + (rows - 1.0) * GAP;
    let below = below.translate(vec2(0.0, bottom + 4.0 - below.top()));
    let scales = bars(ui, view, compared, maps, below, above.width());
    for (row, pair) in maps.iter().enumerate() {
        let top = above.top() + row as f32 * (height + GAP);
        let place = Rect::from_min_size(pos2(above.left(), top), vec2(above.width(), height));
        if compared.difference {
            within(ui, place, ("difference", row), LINES, |ui| {
                match &pair.difference {
                    Ok(Difference { field, errors }) => {
                        let name = (maps.len() > 1).then(|| pair.name.clone());
                        let notes = [name, pair.caution.clone(), said(*errors)];
                        difference_heading(ui, view, compared, &notes);
                        let key = format!("{row}-difference-{:?}", compared.nodes);
                        map(
                            ui,
                            view,
                            &key,
                            &pair.sides[1],
                            field,
                            scales[1],
                            "Difference of effects",
                        );
                    }
                    Err(sentence) => cannot(ui, view, "No difference", sentence),
                }
            });
            continue;
        }
        let width = ((place.width() - GAP) / 2.0).floor();
        for (side, of) in pair.sides.iter().enumerate() {
            let left = place.left() + side as f32 * (width + GAP);
            let place = Rect::from_min_size(pos2(left, place.top()), vec2(width, height));
            within(ui, place, ("map", row, side), LINES, |ui| {
                let note = if maps.len() > 1 { of.name.as_str() } else { "" };
                side_heading(ui, view, compared, side, note);
                let key = format!("{row}-{}", compared.nodes[side]);
                let what = if of.signed { "Effects" } else { "Attribution" };
                let label = format!("{what}, run {}", ["A", "B"][side]);
                map(ui, view, &key, of, &of.field, scales[side], &label);
            });
        }
    }
}

/// The colour bars below the maps, one for both sides where their numbers mean the same, and the scale of each side.
fn bars(
    ui: &mut Ui,
    view: &mut View<'_>,
    compared: &Compared,
    maps: &[Maps],
    below: Rect,
    width: f32,
) -> [EffectScale; 2] {
    let both: Vec<&MapSide> = maps.iter().flat_map(|m| &m.sides).collect();
    if compared.difference {
        let found = maps.iter().filter_map(|m| m.difference.as_ref().ok());
        let fields: Vec<&Field> = found.map(|d| &d.field).collect();
        let bar = Bar {
            label: "difference",
            default: extent_of(fields.iter().copied()),
            fields: &fields,
            signed: true,
            unit: unit(&both),
        };
        return [bar.show(ui, view, below, |kept| &mut kept.difference_range); 2];
    }
    if maps.iter().all(|pair| pair.alike) {
        let bar = |fields| Bar::of("both runs", &both, fields);
        let fields: Vec<&Field> = both.iter().map(|s| &s.field).collect();
        return [bar(&fields).show(ui, view, below, |kept| &mut kept.range); 2];
    }
    let column = ((width - GAP) / 2.0).floor();
    [0, 1].map(|side| {
        let own: Vec<&MapSide> = maps.iter().map(|m| &m.sides[side]).collect();
        let fields: Vec<&Field> = own.iter().map(|s| &s.field).collect();
        let mut place = below.translate(vec2(side as f32 * (column + GAP), 0.0));
        place.set_width(below.width().min(column));
        let bar = Bar::of(["run A", "run B"][side], &own, &fields);
        bar.show(ui, view, place, |kept| &mut kept.own_maps[side])
    })
}

/// A colour bar and what it is of.
struct Bar<'a> {
    label: &'static str,
    fields: &'a [&'a Field],
    default: f32,
    signed: bool,
    unit: &'static str,
}

/// Effects have one, attributions do not.
fn unit(sides: &[&MapSide]) -> &'static str {
    match sides.iter().any(|s| s.signed) {
        true => "dB",
        false => "",
    }
}

impl<'a> Bar<'a> {
    fn of(label: &'static str, sides: &[&MapSide], fields: &'a [&'a Field]) -> Self {
        Self {
            label,
            fields,
            default: round_extent(outside_regions(sides)),
            signed: sides.iter().any(|s| s.signed),
            unit: unit(sides),
        }
    }

    fn show(
        &self,
        ui: &mut Ui,
        view: &mut View<'_>,
        place: Rect,
        range: impl Fn(&mut ComparedViews) -> &mut EffectRange,
    ) -> EffectScale {
        let flipped = view.state.images.flipped;
        let range = range(&mut view.maps.compared);
        let scale = EffectScale {
            extent: range.extent(self.default),
            signed: self.signed,
            flipped,
        };
        if !self.fields.is_empty() {
            let look = view.look;
            within(ui, place, self.label, LINES, |ui| {
                map_bar(
                    ui,
                    look,
                    (self.label, self.unit),
                    self.signed,
                    self.default,
                    self.fields.iter().copied(),
                    range,
                    flipped,
                );
            });
        }
        scale
    }
}

/// The largest value of all maps; the region's own blocks apart, which would outshine all others.
fn outside_regions(sides: &[&MapSide]) -> f32 {
    let mut largest = 0f32;
    for side in sides {
        let cols = side.field.axes.get(1).map_or(1, |a| a.len()).max(1);
        for (i, value) in side.field.values.iter().enumerate() {
            let own = side.of_blocks
                && side.region.is_some_and(|r| {
                    crate::window::images::results::touches(r, i / cols, i % cols, side.cell)
                });
            if value.is_finite() && !own {
                largest = largest.max(value.abs());
            }
        }
    }
    largest
}

fn map(
    ui: &mut Ui,
    view: &mut View<'_>,
    key: &str,
    side: &MapSide,
    field: &Field,
    scale: EffectScale,
    label: &str,
) {
    let data = EffectMap {
        key: DataKey::new(("compared", key), 0),
        label,
        picture: side.picture.as_ref(),
        size: side.size,
        cell: side.cell,
        of_blocks: side.of_blocks,
        block: side.cell,
        values: &field.values,
        stderr: field.effect_errors(),
        count: None,
        measured: &field.mask,
        estimates: None,
        waiting: false,
        reachable: side.reachable.as_deref(),
        unit: if side.signed { "dB" } else { "" },
        scale,
        region: None,
        windows: side.region.as_slice(),
    };
    let kept = &mut view.maps.compared;
    let response = effect_map(ui, view.look, &mut kept.view, &data, kept.block);
    if let Some(cell) = response.picked {
        kept.block = Some(cell);
    }
}
