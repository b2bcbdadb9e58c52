//! Effects of blocks over the picture that they were measured on.

use egui::{CursorIcon, PointerButton, Response, Role, Sense, Ui, vec2};
use whyfinder_paint::{ColourMap, MapArray, MapShape, MapStyle, edges_of, flag};

use super::accessible::describe;
use super::cell_ink::{self, CellText};
use super::grid_input::{self, pointer_over};
use super::heatmap_view::{GridFrame, HeatmapView};
use super::look::{Cell, DataKey, MapLook};
use super::painted_map::{self, Picture};
use super::picture_frame::PictureFrame;
use super::raster::Raster;
use super::raster_paint::{Treatment, paint_raster};
use super::reach_contour::dashed;
use super::readout::{self, Readout};
use super::region::Region;
use super::region_box::{region_box, window_outlines};
use super::token_text::{read_number, short_error, short_number, signed_number, signed_with_error};

/// How effects become colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EffectScale {
    /// The value of the last colour; effects from minus it to it.
    pub extent: f32,
    /// Effects with a sign; otherwise the colours begin at zero.
    pub signed: bool,
    /// Blue helps and red harms, in place of the other way round.
    pub flipped: bool,
}

impl EffectScale {
    /// As the painter takes it, opaque.
    pub fn style(&self, look: &MapLook) -> MapStyle {
        let extent = if self.extent > 0.0 { self.extent } else { 1.0 };
        if self.signed {
            MapStyle {
                flip: self.flipped,
                ..MapStyle::signed(ColourMap::BlueRed, look.theme, extent)
            }
        } else {
            look.sequential(ColourMap::Reds, 0.0, extent)
        }
    }

    /// As it lies over a picture.
    pub fn over_picture(&self, look: &MapLook) -> MapStyle {
        MapStyle {
            over_picture: true,
            ..self.style(look)
        }
    }

    /// Which colour says what of differences from a network: `red helps more than in denoise, blue less`.
    pub fn polarity_against(&self, name: &str) -> String {
        let [more, less] = if self.flipped {
            ["blue", "red"]
        } else {
            ["red", "blue"]
        };
        format!("{more} helps more than in {name}, {less} less")
    }

    /// Which colour says what: `red helps, blue harms`.
    pub fn polarity(&self) -> &'static str {
        match (self.signed, self.flipped) {
            (true, false) => "red helps, blue harms",
            (true, true) => "blue helps, red harms",
            (false, _) => "red matters",
        }
    }
}

/// A map of blocks, or of single pixels.
#[derive(Clone, Copy, Debug)]
pub struct EffectMap<'a> {
    pub key: DataKey,
    /// The accessible name, such as `Effect on the region, sr-window`.
    pub label: &'a str,
    /// What lies below; `None` while it is not known.
    pub picture: Option<&'a Raster>,
    /// Width and height in the pixels that regions are given in.
    pub size: [usize; 2],
    /// Side of a cell in those pixels.
    pub cell: usize,
    /// The cells are blocks, not single pixels of the input.
    pub of_blocks: bool,
    /// Side of the blocks of the maps beside it, so that all lie alike; a multiple of `cell`.
    pub block: usize,
    /// Row-major over rows and columns of cells; NaN where not measured.
    pub values: &'a [f32],
    /// Standard error of each; NaN where unknown.
    pub stderr: Option<&'a [f32]>,
    /// Draws behind each.
    pub count: Option<&'a [u32]>,
    /// True where a cell has been measured.
    pub measured: &'a [bool],
    /// Nothing has been asked for yet: the picture stands without the look of cells that are still to come.
    pub waiting: bool,
    /// What a gradient says of each; drawn hatched until the cell is measured.
    pub estimates: Option<&'a [f32]>,
    /// True where a cell can reach the region at all; `None` draws no outline.
    pub reachable: Option<&'a [bool]>,
    pub unit: &'a str,
    pub scale: EffectScale,
    /// The region that is asked about, to be moved and resized; a drag elsewhere draws a new one.
    pub region: Option<Region>,
    /// Attention windows that are looked into: outlines alone.
    pub windows: &'a [Region],
}

/// What a person did on an effect map.
#[derive(Clone, Debug)]
pub struct EffectResponse {
    pub response: Response,
    pub place: PictureFrame,
    pub hovered: Option<Cell>,
    /// The pixel under the pointer, and the one that was clicked in this frame.
    pub pixel: Option<[usize; 2]>,
    pub clicked: Option<[usize; 2]>,
    /// The region after this frame's drag or keys, if it changed.
    pub region: Option<Region>,
    /// The cell clicked or reached with the keys in this frame.
    pub picked: Option<Cell>,
}

impl EffectMap<'_> {
    /// Columns of cells.
    pub fn cols(&self) -> usize {
        self.size[0].div_ceil(self.cell.max(1))
    }

    fn index(&self, cell: Cell) -> Option<usize> {
        (cell.col < self.cols()).then(|| cell.row * self.cols() + cell.col)
    }

    fn value(&self, index: usize) -> Option<f32> {
        self.measured.get(index).filter(|&&m| m)?;
        self.values.get(index).copied().filter(|v| v.is_finite())
    }

    fn error(&self, index: usize) -> Option<f32> {
        self.stderr?.get(index).copied().filter(|e| e.is_finite())
    }

    /// What stands in for a value that has not been measured.
    fn estimate(&self, index: usize) -> Option<f32> {
        self.measured.get(index).filter(|&&m| !m)?;
        self.estimates?
            .get(index)
            .copied()
            .filter(|v| v.is_finite())
    }

    fn is_reachable(&self, index: usize) -> bool {
        self.reachable
            .is_none_or(|r| r.get(index).copied().unwrap_or(false))
    }

    fn build(&self, shape: MapShape) -> Option<MapArray> {
        let flags = (0..shape.cells())
            .map(|index| {
                if self.waiting {
                    return flag::MEASURED;
                }
                if !self.is_reachable(index) {
                    return flag::MASKED;
                }
                if self.estimate(index).is_some() {
                    return flag::MEASURED | flag::NOT_SIGNIFICANT;
                }
                let Some(value) = self.value(index) else {
                    let measured = self.measured.get(index).copied().unwrap_or(false);
                    return if measured { flag::MEASURED } else { 0 };
                };
                match self.error(index) {
                    // An exact zero is no effect, not an uncertain one.
                    Some(error) if value != 0.0 && value.abs() < 2.0 * error => {
                        flag::MEASURED | flag::NOT_SIGNIFICANT
                    }
                    _ => flag::MEASURED,
                }
            })
            .collect();
        let drawn = |(index, &value): (usize, &f32)| self.estimate(index).unwrap_or(value);
        MapArray::new(shape, self.values.iter().enumerate().map(drawn).collect())
            .and_then(|map| map.with_flags(flags))
            .ok()
    }
}

/// Draws the map over its picture in the room left; its last line reads out the cell pointed at or selected.
pub fn effect_map(
    ui: &mut Ui,
    look: &MapLook,
    view: &mut HeatmapView,
    data: &EffectMap<'_>,
    selected: Option<Cell>,
) -> EffectResponse {
    let size = ui.available_size().max(vec2(60.0, 24.0));
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let (space, line) = readout::split(rect);
    let place = PictureFrame::fitted(space, data.size, data.block, *view, ui.pixels_per_point());
    let id = ui.scope_id().with(("effects", data.label));
    let response = ui.interact(place.frame, id, Sense::click_and_drag());
    let inside = |cell: &Cell| data.index(*cell).is_some_and(|i| i < data.values.len());
    let read = grid_input::read_up_to(
        ui,
        &response,
        &place.cells(data.cell),
        view,
        selected,
        place.largest_zoom(),
    );
    let drawn = drawn(ui, &response, view, &place, data);
    let place = PictureFrame {
        view: *view,
        ..place
    };
    let grid = place.cells(data.cell);
    let pointer = pointer_over(ui, &response);
    let pixel = pointer.and_then(|at| place.pixel_at(at));
    let hovered = pointer.and_then(|at| grid.cell_at(at)).filter(inside);
    let mut picked = read.picked.filter(inside);

    let painter = ui.painter_at(place.frame);
    match data.picture {
        Some(picture) => {
            let ground = Treatment::Ground(look.theme);
            paint_raster(ui, &painter, place.content(), picture, ground);
        }
        None => {
            painter.rect_filled(place.shown(), 0.0, look.raised);
        }
    }
    cells(ui, look, data, &place, &grid);
    outlines(ui, look, data, &place, &grid);
    let (mut region, mut clicked) = (None, response.clicked());
    if let Some(asked) = data.region {
        let label = format!("Region over {}", data.label);
        let on_it = region_box(ui, look, id.with("region"), &place, &label, asked);
        region = on_it.changed;
        if on_it.double_clicked {
            view.fit();
        }
        if on_it.clicked {
            // A click is on the block, not on what is drawn around it.
            clicked = true;
            picked = hovered;
            response.request_focus();
        }
    }
    let selected = picked.or(selected).filter(inside);
    marks(ui, look, &place, &grid, selected, hovered);
    if response.has_focus() {
        cell_ink::focus(ui.painter(), look, place.frame);
    }
    let spoken = selected.map_or_else(
        || "no block selected".to_string(),
        |cell| readout_of(data, cell).spoken(),
    );
    describe(&response, Role::Image, data.label, &spoken);
    let read = hovered.or(selected).map(|cell| readout_of(data, cell));
    let hint = match (0..data.values.len()).any(|index| data.estimate(index).is_some()) {
        true => {
            "Hatched: estimated, not measured yet, or below 2 s.e. · dashed: reach of the network"
        }
        false => "Hatched: below 2 s.e. · dashed: reach of the network",
    };
    readout::draw(&ui.painter_at(rect), look, line, read.as_ref(), hint);
    EffectResponse {
        response,
        place,
        hovered,
        clicked: pixel.filter(|_| clicked),
        pixel,
        region: region.or(drawn),
        picked,
    }
}

/// The region that a drag beside the asked one draws, unless the map is zoomed in.
fn drawn(
    ui: &Ui,
    response: &Response,
    view: &mut HeatmapView,
    place: &PictureFrame,
    data: &EffectMap<'_>,
) -> Option<Region> {
    data.region?;
    let shift = ui.input(|i| i.modifiers.shift);
    if !response.dragged_by(PointerButton::Primary) || !(shift || place.view.is_fitted()) {
        return None;
    }
    // The same drag has panned what is zoomed in.
    *view = place.view;
    ui.set_cursor_icon(CursorIcon::Crosshair);
    let (from, to) = ui.input(|i| i.pointer.press_origin().zip(i.pointer.latest_pos()))?;
    let ends = [from, to].map(|at| place.nearest_pixel(at));
    Some(Region::between(ends[0], ends[1], place.size))
}

fn cells(
    ui: &mut Ui,
    look: &MapLook,
    data: &EffectMap<'_>,
    place: &PictureFrame,
    grid: &GridFrame,
) {
    let shape = MapShape::single(grid.rows, grid.cols);
    if shape.cells() != data.values.len() {
        return;
    }
    let style = data.scale.over_picture(look);
    let picture = Picture {
        key: DataKey {
            id: data.key.id.with("effects"),
            version: data.key.version,
        },
        shape,
        style,
        tile_gap: None,
        build: &|| data.build(shape),
    };
    // Blocks that reach beyond the picture are cut at its edge.
    let shown = place.shown();
    ui.scope(|ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(shown));
        painted_map::paint(ui, look, grid, &picture);
        let style = data.scale.style(look);
        let opaque = MapStyle {
            theme: whyfinder_paint::Theme::Light,
            ..style
        };
        cell_ink::numbers(&ui.painter_at(shown), look, grid, &opaque, |cell| {
            let index = data.index(cell)?;
            let value = data.value(index).filter(|_| data.is_reachable(index))?;
            // Colours near zero are clear: what lies below may be of any brightness.
            if value.abs() < 0.2 * data.scale.extent {
                return None;
            }
            let error = data.error(index);
            let mut lines = vec![short_number(value)];
            lines.extend(error.map(short_error));
            Some(CellText {
                value,
                lines,
                faint: error.is_some_and(|e| value.abs() < 2.0 * e),
            })
        });
    });
}

fn outlines(ui: &Ui, look: &MapLook, data: &EffectMap<'_>, place: &PictureFrame, grid: &GridFrame) {
    let painter = ui.painter_at(place.frame.expand(2.0));
    if let Some(reachable) = data.reachable
        && !reachable.iter().all(|&r| r)
    {
        let edges = edges_of(reachable, grid.cols);
        dashed(&painter, grid, &edges, egui::Color32::WHITE);
    }
    window_outlines(&painter, look, place, data.windows);
}

/// The cells pointed at and selected.
fn marks(
    ui: &Ui,
    look: &MapLook,
    place: &PictureFrame,
    grid: &GridFrame,
    selected: Option<Cell>,
    hovered: Option<Cell>,
) {
    let painter = ui.painter_at(place.frame.expand(2.0));
    if let Some(cell) = hovered.filter(|&c| selected != Some(c)) {
        cell_ink::hover(&painter, look, grid.rect(cell));
    }
    if let Some(cell) = selected {
        cell_ink::selection(&painter, look, grid.rect(cell));
    }
}

fn readout_of(data: &EffectMap<'_>, cell: Cell) -> Readout {
    let place = if data.of_blocks {
        format!("row {}, column {}", cell.row, cell.col)
    } else {
        format!("pixel {}, {}", cell.col, cell.row)
    };
    let Some(index) = data.index(cell) else {
        return Readout::default();
    };
    if !data.is_reachable(index) {
        return Readout {
            place,
            value: "0".to_string(),
            note: "cannot reach the region: exactly zero".to_string(),
        };
    }
    let unit = match data.unit {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let Some(value) = data.value(index) else {
        let (value, note) = match data.estimate(index) {
            Some(estimate) => (
                format!("about {}{unit}", signed_number(estimate)),
                "estimated, not measured yet".to_string(),
            ),
            None => ("not measured yet".to_string(), String::new()),
        };
        return Readout { place, value, note };
    };
    let error = data.error(index);
    let reading = match error {
        Some(e) if data.scale.signed && e > 0.0 && value != 0.0 => {
            format!("{}{unit} s.e.", signed_with_error(value, error))
        }
        _ if data.scale.signed => format!("{}{unit}", signed_number(value)),
        _ => format!("{}{unit}", read_number(value)),
    };
    let mut notes = Vec::new();
    if let Some(count) = data.count.and_then(|c| c.get(index)).filter(|&&n| n > 0) {
        notes.push(format!("{count} draws"));
    }
    if error.is_some_and(|e| value != 0.0 && value.abs() < 2.0 * e) {
        notes.push("within 2 s.e. of none".to_string());
    }
    Readout {
        place,
        value: reading,
        note: notes.join(" · "),
    }
}
