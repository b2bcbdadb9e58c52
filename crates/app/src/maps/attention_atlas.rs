//! All heads of all layers in one picture.

use egui::{Mesh, Rect, Response, Role, Sense, Ui, pos2, vec2};
use whyfinder_paint::{ColourMap, MapArray, MapShape, MapStyle, Reduction};

use super::accessible::describe;
use super::axis_labels::{AxisText, Marked, column_numbers_above, row_labels};
use super::cell_ink;
use super::colour_bar::ColourRange;
use super::grid_input;
use super::head_view::visible_at;
use super::heatmap_view::{GridFrame, HeatmapView, fit_frame};
use super::look::{Cell, DataKey, MapLook};
use super::painted_map::{self, Picture};
use super::readout::{self, Readout};
use super::recorded_atlas::{self, ShownHeads};
use super::token_text::{read_number, short_number, visible_token, whole};
use super::weights::AtlasWeights;

/// A head's place, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Head {
    pub layer: usize,
    pub head: usize,
}

/// Attention of every head over one prompt.
#[derive(Clone, Copy, Debug)]
pub struct AtlasData<'a> {
    pub key: DataKey,
    pub layers: usize,
    pub heads: usize,
    pub queries: usize,
    pub keys: usize,
    pub weights: AtlasWeights<'a>,
    /// One per key; queries are the last of them.
    pub tokens: &'a [String],
    /// Keys after their query are blank.
    pub causal: bool,
}

/// What the person chose for the atlas.
#[derive(Clone, Copy, Debug)]
pub struct AtlasState {
    pub view: HeatmapView,
    /// What a pixel shows that covers several weights.
    pub within: Reduction,
    /// Each head in its own colour range, instead of one for all.
    pub per_head: bool,
    pub map: ColourMap,
    /// The shared range; 0 to 1 by default.
    pub range: ColourRange,
}

impl Default for AtlasState {
    fn default() -> Self {
        Self {
            view: HeatmapView::default(),
            within: Reduction::MaxAbs,
            per_head: false,
            map: ColourMap::Magma,
            range: ColourRange::default(),
        }
    }
}

impl AtlasState {
    /// The colours and what they span: weights from 0 to 1, or to each head's largest where heads have their own range.
    fn style(&self, look: &MapLook) -> MapStyle {
        let [low, high] = self.range.ends([0.0, 1.0]);
        MapStyle {
            reduction: self.within,
            ..look.sequential(self.map, low, high)
        }
    }
}

/// The query and the key with the largest weight of a head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StrongestPair {
    pub query: usize,
    pub key: usize,
    pub weight: f32,
}

/// What a person did on the atlas.
#[derive(Clone, Debug)]
pub struct AtlasResponse {
    pub response: Response,
    /// Where the heads lie: layers are rows, heads are columns.
    pub grid: GridFrame,
    pub hovered: Option<Head>,
    /// The head clicked or reached with the keys in this frame.
    pub picked: Option<Head>,
}

const LARGEST_TILE: f32 = 220.0;

/// Draws all heads, layers down and heads across, over the room left; the last line reads out the head pointed at or
/// selected.
pub fn attention_atlas(
    ui: &mut Ui,
    look: &MapLook,
    state: &mut AtlasState,
    data: &AtlasData<'_>,
    selected: Option<Head>,
) -> AtlasResponse {
    let (rect, response) = ui.allocate_exact_size(
        ui.available_size().max(vec2(40.0, 40.0)),
        Sense::click_and_drag(),
    );
    let (space, line) = readout::split(rect);
    let grid = place(ui, look, space, state.view, data);
    let mut cell = selected.map(|h| Cell::new(h.layer, h.head));
    let input = grid_input::read(ui, &response, &grid, &mut state.view, cell);
    cell = input.picked.or(cell);
    let grid = GridFrame {
        view: state.view,
        ..grid
    };

    let read = input.hovered.or(cell).map(|cell| {
        let mut read = readout_of(data, cell);
        let at = response.hover_pos().filter(|_| input.hovered.is_some());
        if let Some(here) = at.and_then(|at| pair_at(ui, data, &grid, at)) {
            read.note = format!("{} · here: {here}", read.note);
        }
        read
    });
    let label = format!(
        "Attention of {} heads: {} layers by {} heads, {} tokens, {}",
        data.layers * data.heads,
        data.layers,
        data.heads,
        data.tokens.len(),
        state.within.words(),
    );
    let value = cell.map_or_else(
        || "no head selected".to_string(),
        |cell| readout_of(data, cell).spoken(),
    );
    describe(&response, Role::Image, &label, &value);

    if ui.is_rect_visible(rect) {
        draw(ui, look, state, data, &grid, cell, input.hovered);
        let painter = ui.painter_at(rect.expand(4.0));
        if response.has_focus() {
            cell_ink::focus(&painter, look, grid.frame);
        }
        readout::draw(
            &painter,
            look,
            line,
            read.as_ref(),
            "Point at a head to read its strongest pair",
        );
    }
    let head = |cell: Cell| Head {
        layer: cell.row,
        head: cell.col,
    };
    AtlasResponse {
        response,
        grid,
        hovered: input.hovered.map(head),
        picked: input.picked.map(head),
    }
}

/// Switches for what a pixel shows and for the range, to stand in a heading beside the atlas.
///
/// Returns whether one was changed.
pub fn atlas_switches(ui: &mut Ui, state: &mut AtlasState) -> bool {
    let before = *state;
    ui.selectable_value(&mut state.within, Reduction::MaxAbs, "max")
        .on_hover_text("A pixel that covers several weights shows the largest");
    ui.selectable_value(&mut state.within, Reduction::Mean, "mean")
        .on_hover_text("A pixel that covers several weights shows their mean");
    ui.toggle_value(&mut state.per_head, "per head")
        .on_hover_text("Each head from 0 to its own largest weight, instead of one range for all");
    before.within != state.within || before.per_head != state.per_head
}

/// The largest weight of a head, leaving out queries that see only one key, whose weight is 1 by necessity.
///
/// `None` where nothing is measured.
pub fn strongest_pair(data: &AtlasData<'_>, head: Head) -> Option<StrongestPair> {
    if head.layer >= data.layers || head.head >= data.heads {
        return None;
    }
    let cells = data.queries * data.keys;
    let tile = head.layer * data.heads + head.head;
    let weights = match data.weights {
        AtlasWeights::Whole(values) => values.get(tile * cells..(tile + 1) * cells)?,
        AtlasWeights::Recorded(records) => {
            let record = records.get(head.layer)?.as_ref()?;
            return recorded_atlas::strongest_pair(record, head.head);
        }
    };
    let mut strongest: Option<StrongestPair> = None;
    for (query, row) in weights.chunks_exact(data.keys.max(1)).enumerate() {
        let seen = if data.causal {
            visible_at(query, data.queries, data.keys)
        } else {
            data.keys
        };
        if seen < 2 && data.keys > 1 {
            continue;
        }
        for (key, &weight) in row.iter().enumerate().take(seen) {
            if weight.is_finite() && strongest.is_none_or(|s| weight > s.weight) {
                strongest = Some(StrongestPair { query, key, weight });
            }
        }
    }
    strongest
}

fn readout_of(data: &AtlasData<'_>, cell: Cell) -> Readout {
    let head = Head {
        layer: cell.row,
        head: cell.col,
    };
    let first_query = data.keys.saturating_sub(data.queries);
    match strongest_pair(data, head) {
        Some(pair) => Readout {
            place: format!("L{}H{}", head.layer, head.head),
            value: read_number(pair.weight),
            note: format!(
                "strongest: {} → {}",
                token(data, first_query + pair.query),
                token(data, pair.key)
            ),
        },
        None => Readout {
            place: format!("L{}H{}", head.layer, head.head),
            value: String::new(),
            note: "not measured yet".to_string(),
        },
    }
}

fn shape_of(data: &AtlasData<'_>) -> MapShape {
    MapShape {
        rows: data.layers,
        columns: data.heads,
        height: data.queries,
        width: data.keys,
    }
}

/// Cells of at least this many points can be pointed at one by one.
const POINTABLE: f32 = 3.0;

/// The pair under the pointer with its weight, where cells are large enough to be told apart.
fn pair_at(ui: &Ui, data: &AtlasData<'_>, grid: &GridFrame, at: egui::Pos2) -> Option<String> {
    let shape = shape_of(data);
    let scale = ui.pixels_per_point();
    let gap = gap(grid.cell_size().min_elem());
    let view = painted_map::view_of(grid, shape, Some(gap), scale);
    if view.cell[0].min(view.cell[1]) < f64::from(POINTABLE * scale) {
        return None;
    }
    let cell = view.hit(shape, [f64::from(at.x * scale), f64::from(at.y * scale)])?;
    if data.causal && cell.column >= visible_at(cell.row, data.queries, data.keys) {
        return None;
    }
    let weight = match data.weights {
        AtlasWeights::Whole(values) => *values.get(shape.index(cell)?)?,
        AtlasWeights::Recorded(records) => {
            records
                .get(cell.tile_row)?
                .as_ref()?
                .weight(cell.tile_column, cell.row, cell.column)
        }
    };
    if !weight.is_finite() {
        return None;
    }
    let first = data.keys.saturating_sub(data.queries);
    Some(format!(
        "{} → {} {}",
        token(data, first + cell.row),
        token(data, cell.column),
        short_number(weight)
    ))
}

fn token(data: &AtlasData<'_>, index: usize) -> String {
    data.tokens
        .get(index)
        .map_or_else(|| index.to_string(), |t| visible_token(t))
}

fn place(
    ui: &Ui,
    look: &MapLook,
    space: Rect,
    view: HeatmapView,
    data: &AtlasData<'_>,
) -> GridFrame {
    let widest = whole(
        ui.painter(),
        &data.layers.max(1).saturating_sub(1).to_string(),
        &look.mono_font,
        look.muted,
    )
    .size();
    let mut inner = space;
    inner.min += vec2(widest.x + 8.0, widest.y + 4.0);
    inner.max -= vec2(2.0, 4.0);
    let inner = Rect::from_min_max(inner.min, inner.max.max(inner.min));
    let stretch = tile_stretch(data);
    let frame = fit_frame(
        inner,
        data.layers,
        data.heads,
        LARGEST_TILE,
        stretch,
        ui.pixels_per_point(),
    );
    GridFrame {
        frame,
        rows: data.layers,
        cols: data.heads,
        view,
    }
}

/// Tiles are as square as their maps: a step of generation with one query is a wide tile.
fn tile_stretch(data: &AtlasData<'_>) -> f32 {
    let (q, k) = (data.queries.max(1) as f32, data.keys.max(1) as f32);
    (q / k).max(k / q).clamp(1.0, 4.0)
}

fn gap(pitch: f32) -> f32 {
    if pitch >= 40.0 {
        3.0
    } else if pitch >= 12.0 {
        2.0
    } else {
        1.0
    }
}

fn draw(
    ui: &Ui,
    look: &MapLook,
    state: &AtlasState,
    data: &AtlasData<'_>,
    grid: &GridFrame,
    selected: Option<Cell>,
    hovered: Option<Cell>,
) {
    let gap = gap(grid.cell_size().min_elem());
    let inside = |cell: Cell| {
        let mut rect = grid.rect(cell);
        rect.max -= vec2(gap, gap);
        rect
    };
    let clipped = ui.painter_at(grid.frame.expand(3.0));
    if data.causal {
        ui.painter_at(grid.frame)
            .add(unseen_ground(look, data, grid, inside));
    }
    match data.weights {
        AtlasWeights::Whole(values) => paint_whole(ui, look, state, data, values, grid, gap),
        AtlasWeights::Recorded(_) => paint_recorded(ui, look, state, data, grid, gap),
    }
    if let Some(cell) = hovered.filter(|&c| selected != Some(c)) {
        cell_ink::hover(&clipped, look, inside(cell));
    }
    if let Some(cell) = selected {
        cell_ink::selection(&clipped, look, inside(cell));
    }
    let marked = |pick: fn(Cell) -> usize| Marked {
        selected: selected.map(pick),
        hovered: hovered.map(pick),
    };
    let painter = ui.painter();
    row_labels(
        painter,
        look,
        grid,
        AxisText::Numbers,
        marked(|c| c.row),
        60.0,
    );
    column_numbers_above(painter, look, grid, marked(|c| c.col));
}

fn paint_whole(
    ui: &Ui,
    look: &MapLook,
    state: &AtlasState,
    data: &AtlasData<'_>,
    values: &[f32],
    grid: &GridFrame,
    gap: f32,
) {
    let (shape, per_head) = (shape_of(data), state.per_head);
    let picture = Picture {
        key: DataKey {
            id: data.key.id.with(("atlas", per_head)),
            version: data.key.version,
        },
        shape,
        style: state.style(look),
        tile_gap: Some(gap),
        build: &|| build(values, shape, per_head, data.causal),
    };
    painted_map::paint(ui, look, grid, &picture);
}

fn paint_recorded(
    ui: &Ui,
    look: &MapLook,
    state: &AtlasState,
    data: &AtlasData<'_>,
    grid: &GridFrame,
    gap: f32,
) {
    let AtlasWeights::Recorded(records) = data.weights else {
        return;
    };
    let scale = ui.pixels_per_point();
    let shown = ShownHeads::of(records, grid, gap, scale, (state.within, state.per_head));
    let Some(shown) = shown else { return };
    let shape = shown.shape();
    let whole = painted_map::view_of(grid, shape_of(data), Some(gap), scale);
    let pitch = grid.cell_size() * scale;
    let view = shown.view(&whole, [f64::from(pitch.x), f64::from(pitch.y)]);
    let picture = Picture {
        key: DataKey {
            id: data.key.id.with("recorded atlas"),
            version: shown.version(data.key.version),
        },
        shape,
        style: state.style(look),
        tile_gap: Some(gap),
        build: &|| shown.map(),
    };
    painted_map::paint_view(ui, look, grid.frame, &picture, view, None);
}

/// A ground behind what a causal model cannot see, so that each tile shows its extent. Only that half of a tile is
/// filled: where the processor stands in for the graphics card, each filled pixel counts.
fn unseen_ground(
    look: &MapLook,
    data: &AtlasData<'_>,
    grid: &GridFrame,
    inside: impl Fn(Cell) -> Rect,
) -> Mesh {
    let mut mesh = Mesh::default();
    let first = visible_at(0, data.queries, data.keys).saturating_sub(1);
    let seen = first as f32 / data.keys.max(1) as f32;
    for row in grid.visible_rows() {
        for col in grid.visible_cols() {
            let tile = inside(Cell::new(row, col));
            let start = mesh.vertices.len() as u32;
            let corner = pos2(tile.left() + seen * tile.width(), tile.top());
            for at in [corner, tile.right_top(), tile.right_bottom()] {
                mesh.colored_vertex(at, look.panel);
            }
            mesh.add_triangle(start, start + 1, start + 2);
        }
    }
    mesh
}

fn build(values: &[f32], shape: MapShape, per_head: bool, causal: bool) -> Option<MapArray> {
    let mut values = values.to_vec();
    if per_head && shape.tile_cells() > 0 {
        for tile in values.chunks_mut(shape.tile_cells()) {
            let largest = tile
                .iter()
                .copied()
                .filter(|v| v.is_finite())
                .fold(0.0, f32::max);
            if largest > 0.0 {
                tile.iter_mut().for_each(|v| *v /= largest);
            }
        }
    }
    painted_map::measured_where_finite(shape, values, causal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_pair_leaves_out_what_is_certain() {
        let values = [1.0, 0.0, 0.0, 0.4, 0.6, 0.0, 0.1, 0.7, 0.2];
        let data = AtlasData {
            key: DataKey::new("test", 0),
            layers: 1,
            heads: 1,
            queries: 3,
            keys: 3,
            weights: AtlasWeights::Whole(&values),
            tokens: &[],
            causal: true,
        };
        let head = Head { layer: 0, head: 0 };
        let pair = strongest_pair(&data, head).expect("measured");
        assert_eq!((pair.query, pair.key, pair.weight), (2, 1, 0.7));
        assert_eq!(strongest_pair(&data, Head { layer: 1, head: 0 }), None);
        let nothing = [f32::NAN; 9];
        let empty = AtlasData {
            weights: AtlasWeights::Whole(&nothing),
            ..data
        };
        assert_eq!(strongest_pair(&empty, head), None);
    }
}
