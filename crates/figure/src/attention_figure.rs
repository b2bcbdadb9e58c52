//! Every attention head at once, and the most telling one with its tokens.

use whyfinder_experiment::{Axis, Field, Outcome, Part, Site, write};
use whyfinder_paint::{
    ColourMap, MapArray, MapStyle, PixelRect, Theme, View, array::CellState, cpu,
};

use crate::{
    FigureError, Svg,
    canvas::{Anchor, Canvas, Face, TextLook},
    cell_grid::CellGrid,
    colour_bar::{self, Ends},
    fonts, numbers, token_text,
};

const MARGIN: f32 = 24.0;
/// Side of the square that the atlas may fill.
const ATLAS_SIDE: f32 = 420.0;
const TILE_GAP: f32 = 4.0;
const HEAD_SIDE: f32 = 380.0;
/// Pixels of the embedded pictures per unit.
const SHARPNESS: f32 = 3.0;
const LABEL_COLUMNS: usize = 14;

/// The atlas of all layers and heads beside the head of [`strongest_head`].
///
/// # Errors
/// If the outcome holds no attention pattern, or patterns of different sizes.
pub fn attention_figure(outcome: &Outcome, theme: Theme) -> Result<Svg, FigureError> {
    let overviews = overviews(outcome)?;
    let mut layers = patterns(outcome);
    // Tokens along each side of a cell.
    let mut group = 1;
    if layers.is_empty() {
        layers = overviews.iter().map(|(layer, f)| (*layer, f)).collect();
        group = outcome
            .attention
            .first()
            .map_or(1, |record| 1 << record.overview().level);
    }
    if layers.is_empty() {
        return Err(nothing(outcome));
    }
    let fields: Vec<&Field> = layers.iter().map(|&(_, field)| field).collect();
    let atlas = MapArray::atlas(&fields)?.with_causal_mask();
    let (row, head) = strongest_head(&atlas);
    // On paper the strong weights are the dark ones: pale yellow would drown in white.
    let style = MapStyle {
        flip: theme == Theme::Light,
        ..MapStyle::sequential(ColourMap::Magma, theme, 0.0, 1.0)
    };

    let mut canvas = Canvas::new(theme);
    let title = TextLook::new(Face::SansBold, 15.0, theme.text());
    canvas.text(MARGIN, MARGIN + 12.0, title, "Attention");
    let top = MARGIN + 68.0;
    let (atlas_width, atlas_bottom) = draw_atlas(
        &mut canvas,
        &atlas,
        &style,
        &layers,
        [MARGIN, top],
        (row, head),
    )?;
    let left = MARGIN + atlas_width + 40.0;
    let tile = row * atlas.shape().columns + head;
    let map = atlas.tile(tile).ok_or_else(|| nothing(outcome))?;
    let name = format!("Layer {} · head {head}", layers[row].0);
    let (head_width, head_bottom) = draw_head(
        &mut canvas,
        outcome,
        &map,
        group,
        &style,
        &name,
        [left, top],
    )?;
    let width = (left + head_width + MARGIN).max(560.0);

    let caption = TextLook::new(Face::Sans, 12.0, theme.muted());
    let seen = if draws_cells(&atlas) {
        ""
    } else {
        style.reduction.words()
    };
    let cells = if group > 1 {
        format!("each cell: the largest of {group} × {group} weights")
    } else {
        String::new()
    };
    let pieces = [
        counted(atlas.shape().tiles(), "head"),
        "weight of each key for each query, 0 to 1".into(),
        cells,
        seen.into(),
        "blank: later tokens, which cannot be seen".into(),
    ];
    let lines = fonts::flow(&pieces, caption, width - 2.0 * MARGIN);
    canvas.text(MARGIN, MARGIN + 30.0, caption, &lines.join(" · "));

    let mut y = atlas_bottom.max(head_bottom) + 26.0;
    let foot = TextLook::new(Face::Sans, 11.0, theme.muted());
    let pieces = [
        outcome.experiment.model.clone(),
        counted(
            match group {
                1 => atlas.shape().height,
                _ => outcome.summary.tokens.len(),
            },
            "token",
        ),
        outcome.provenance.program.clone(),
    ];
    for line in fonts::flow(&pieces, foot, width - 2.0 * MARGIN) {
        canvas.text(MARGIN, y, foot, &line);
        y += 16.0;
    }
    let experiment = write::to_json(&outcome.experiment)?;
    let heads = counted(atlas.shape().tiles(), "head");
    let title = format!("Attention of {heads}; shown large: {name}");
    Ok(canvas.finish(width, y - 16.0 + MARGIN, &title, &experiment))
}

/// Row and column of the tile in which the last query attends most to one key other than the first and itself, for
/// much attention to the first token or to oneself says little. With fewer than three tokens, to any key.
pub fn strongest_head(atlas: &MapArray) -> (usize, usize) {
    let shape = atlas.shape();
    let weight = |tile: usize| {
        let last = shape.height.saturating_sub(1);
        let keys = if shape.width >= 3 {
            1..shape.width - 1
        } else {
            0..shape.width
        };
        keys.filter_map(
            |key| match atlas.state((tile * shape.height + last) * shape.width + key) {
                CellState::Value(v) => Some(v),
                _ => None,
            },
        )
        .fold(f32::NEG_INFINITY, f32::max)
    };
    let best = (0..shape.tiles()).max_by(|&a, &b| weight(a).total_cmp(&weight(b)).then(b.cmp(&a)));
    let best = best.unwrap_or(0);
    (best / shape.columns.max(1), best % shape.columns.max(1))
}

fn counted(n: usize, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{plural}")
}

/// Attention patterns with their layers, in order.
fn patterns(outcome: &Outcome) -> Vec<(usize, &Field)> {
    let mut layers: Vec<(usize, &Field)> = outcome
        .fields
        .iter()
        .filter(|f| f.axes.len() == 3 && !f.values.is_empty())
        .filter_map(|f| {
            let site: Site = f.name.parse().ok()?;
            (site.part == Part::Pattern).then_some((site.layer?, f))
        })
        .collect();
    layers.sort_by_key(|&(layer, _)| layer);
    layers
}

/// Overviews of recorded attention with their layers, in order: the largest weight of each cell.
fn overviews(outcome: &Outcome) -> Result<Vec<(usize, Field)>, FigureError> {
    outcome
        .attention
        .iter()
        .map(|record| {
            let overview = record.overview();
            let axes = vec![
                Axis::numbered("head", record.sizes.heads),
                Axis::numbered("query", overview.side),
                Axis::numbered("key", overview.side),
            ];
            let name = Site::block(record.layer, Part::Pattern).to_string();
            let field = Field::measured(&name, axes, overview.max.clone())?;
            Ok((record.layer, field))
        })
        .collect()
}

/// Units per cell of the atlas.
fn atlas_scale(atlas: &MapArray) -> f32 {
    let shape = atlas.shape();
    let side = |tiles: usize, cells: usize| {
        (ATLAS_SIDE + TILE_GAP) / tiles.max(1) as f32 / cells.max(1) as f32
            - TILE_GAP / cells.max(1) as f32
    };
    side(shape.columns, shape.width)
        .min(side(shape.rows, shape.height))
        .clamp(8.0 / shape.width.max(1) as f32, 8.0)
}

/// Whether each cell of the atlas has a pixel of its own.
fn draws_cells(atlas: &MapArray) -> bool {
    atlas_scale(atlas) * SHARPNESS >= 1.0
}

/// Returns width and lower end.
fn draw_atlas(
    canvas: &mut Canvas,
    atlas: &MapArray,
    style: &MapStyle,
    layers: &[(usize, &Field)],
    at: [f32; 2],
    (row, head): (usize, usize),
) -> Result<(f32, f32), FigureError> {
    let theme = canvas.theme;
    let shape = atlas.shape();
    let scale = atlas_scale(atlas);
    let tile = [shape.width as f32 * scale, shape.height as f32 * scale];
    let pitch = [tile[0] + TILE_GAP, tile[1] + TILE_GAP];
    let size = [
        shape.columns as f32 * pitch[0] - TILE_GAP,
        shape.rows as f32 * pitch[1] - TILE_GAP,
    ];
    let (x, y) = (at[0] + 24.0, at[1] + 18.0);
    let pixels = size.map(|s| (s * SHARPNESS).ceil() as u32);
    let view = View {
        target: PixelRect {
            x: 0,
            y: 0,
            width: pixels[0],
            height: pixels[1],
        },
        offset: [0.0; 2],
        cell: [f64::from(scale * SHARPNESS); 2],
        tile_gap: f64::from(TILE_GAP * SHARPNESS),
        pixels_per_point: SHARPNESS,
    };
    let image = cpu::draw(atlas, &view, style);
    let drawn = pixels.map(|p| p as f32 / SHARPNESS);
    canvas.image(x, y, drawn[0], drawn[1], &image)?;

    let label = TextLook::new(Face::Mono, 9.5, theme.muted());
    let every = |pitch: f32| (16.0 / pitch).ceil().max(1.0) as usize;
    for column in (0..shape.columns).step_by(every(pitch[0])) {
        let middle = x + column as f32 * pitch[0] + tile[0] / 2.0;
        let look = label.anchored(Anchor::Middle);
        canvas.text(middle, y - 6.0, look, &column.to_string());
    }
    for (i, (layer, _)) in layers.iter().enumerate().step_by(every(pitch[1])) {
        let middle = y + i as f32 * pitch[1] + tile[1] / 2.0 + 3.5;
        let look = label.anchored(Anchor::End);
        canvas.text(x - 7.0, middle, look, &layer.to_string());
    }
    let bold = TextLook::new(Face::SansBold, 12.5, theme.text());
    let muted = TextLook::new(Face::Sans, 11.0, theme.muted());
    let start = x + fonts::width("All heads", bold) + 8.0;
    canvas.text(x, y - 22.0, bold, "All heads");
    canvas.text(start, y - 22.0, muted, "layer ↓ head →");
    canvas.outline(
        x + head as f32 * pitch[0] - 1.5,
        y + row as f32 * pitch[1] - 1.5,
        tile[0] + 3.0,
        tile[1] + 3.0,
        theme.selection(),
        1.5,
    );
    let bar = y + size[1] + 14.0;
    let range = atlas.range();
    let ends = Ends {
        below: range.low < 0.0,
        above: range.high > 1.0,
        ..Ends::default()
    };
    colour_bar::draw(canvas, x, bar, size[0].clamp(120.0, 200.0), style, &ends);
    Ok((24.0 + size[0].max(160.0), bar + colour_bar::HEIGHT))
}

/// Returns width and lower end.
fn draw_head(
    canvas: &mut Canvas,
    outcome: &Outcome,
    map: &MapArray,
    group: usize,
    style: &MapStyle,
    name: &str,
    at: [f32; 2],
) -> Result<(f32, f32), FigureError> {
    let theme = canvas.theme;
    let (queries, keys) = (map.shape().height, map.shape().width);
    let tokens: Vec<String> = (0..keys.max(queries))
        .map(|i| match outcome.summary.tokens.get(i * group) {
            Some(token) => token_text::short(token, LABEL_COLUMNS),
            None => i.to_string(),
        })
        .collect();
    let cell = (HEAD_SIDE / keys.max(1) as f32).min(36.0);
    let size = 10.5f32.min(cell * 0.9).max(7.0);
    let step = (size / cell).ceil().max(1.0) as usize;
    let look = TextLook::new(Face::Mono, size, theme.muted());
    let longest = tokens.iter().max_by_key(|t| t.chars().count());
    let label = longest.map_or(0.0, |t| fonts::width(t, look));
    let (x, y) = (at[0] + label + 8.0, at[1] + 18.0);

    let bold = TextLook::new(Face::SansBold, 12.5, theme.text());
    let muted = TextLook::new(Face::Sans, 11.0, theme.muted());
    canvas.text(at[0], at[1] - 4.0, bold, name);
    let start = at[0] + fonts::width(name, bold) + 8.0;
    canvas.text(start, at[1] - 4.0, muted, "query ↓ key →");
    canvas.text(at[0], at[1] + 11.0, muted, &strongest_words(map, &tokens));

    let grid = CellGrid {
        x,
        y,
        cell_width: cell,
        cell_height: cell,
    };
    if queries * keys <= 4096 {
        grid.draw(canvas, map, style);
    } else {
        let sides = [keys as f32 * cell, queries as f32 * cell];
        let [width, height] = sides.map(|s| (s * SHARPNESS) as u32);
        let target = PixelRect {
            x: 0,
            y: 0,
            width,
            height,
        };
        let view = View::fit(map.shape(), target, 0.0, false, SHARPNESS);
        canvas.image(x, y, sides[0], sides[1], &cpu::draw(map, &view, style))?;
    }
    if cell >= 22.0 {
        grid.numbers(canvas, map, style, 0.05);
    }
    let [first, end] = outcome.summary.subject.unwrap_or([0, 0]);
    let subject = [first / group, end.div_ceil(group)];
    let coloured = |i: usize| {
        let inside = (subject[0]..subject[1]).contains(&i);
        TextLook::new(
            Face::Mono,
            size,
            if inside {
                theme.accent()
            } else {
                theme.muted()
            },
        )
    };
    for query in (0..queries).step_by(step) {
        let (_, top) = grid.corner(query, 0);
        let baseline = top + cell / 2.0 + size * 0.35;
        let look = coloured(query).anchored(Anchor::End);
        canvas.text(x - 7.0, baseline, look, &tokens[query]);
    }
    let below = y + queries as f32 * cell;
    for key in (0..keys).step_by(step) {
        let middle = x + (key as f32 + 0.5) * cell;
        let look = coloured(key).turned(45.0);
        canvas.text(middle - size * 0.3, below + size, look, &tokens[key]);
    }
    // Half of the longest label's slant reaches right and down beyond the last key.
    let slant = label * 0.71 + 12.0;
    let width = label + 8.0 + keys as f32 * cell + slant;
    let heading = start - at[0] + 90.0;
    Ok((width.max(heading), below + slant))
}

fn strongest_words(map: &MapArray, tokens: &[String]) -> String {
    let (queries, keys) = (map.shape().height, map.shape().width);
    let last = queries.saturating_sub(1);
    let inner = if keys >= 3 { 1..keys - 1 } else { 0..keys };
    let best = inner
        .filter_map(|key| match map.state(last * keys + key) {
            CellState::Value(v) => Some((key, v)),
            _ => None,
        })
        .max_by(|a, b| a.1.total_cmp(&b.1));
    match best {
        Some((key, weight)) => format!(
            "chosen: the last token attends most to {}, {}",
            tokens[key],
            numbers::number(weight)
        ),
        None => String::new(),
    }
}

fn nothing(outcome: &Outcome) -> FigureError {
    let names: Vec<&str> = outcome.fields.iter().map(|f| f.name.as_str()).collect();
    FigureError::NothingToDraw {
        wanted: "picture of attention",
        held: if names.is_empty() {
            "nothing".into()
        } else {
            names.join(", ")
        },
        advice: "Run an experiment with instrument = \"run\" and sites = [\"blocks.*.attn.hook_pattern\"], or attention = true for long prompts.",
    }
}
