//! The maps of a causal trace side by side.

use whyfinder_experiment::{Field, Outcome, TraceKind, write};
use whyfinder_paint::{ColourMap, MapArray, MapStyle, Theme};

use crate::{
    FigureError, Svg,
    canvas::{Anchor, Canvas, Face, TextLook},
    cell_grid::CellGrid,
    colour_bar::{self, Ends},
    fonts, token_text, trace_caption,
};

const MARGIN: f32 = 24.0;
const BETWEEN: f32 = 28.0;
/// Columns of the longest token label.
const LABEL_COLUMNS: usize = 16;
const LABEL_SIZE: f32 = 11.0;
const DETAIL_SIZE: f32 = 11.0;

/// Sizes that all maps of the figure share.
#[derive(Clone, Copy, Debug)]
struct Measures {
    label_width: f32,
    cell_width: f32,
    cell_height: f32,
    rows: usize,
    columns: usize,
}

/// Tokens by layers for every kind of site that the outcome has, in one colour range for all.
///
/// The range starts at the corrupted value. Where restoring takes away a good part of what it elsewhere brings, the
/// maps diverge from the corrupted value instead, so that harm can be seen.
///
/// # Errors
/// If the outcome has none of the fields `residual`, `mlp`, `attention` over token and layer.
pub fn trace_figure(outcome: &Outcome, theme: Theme) -> Result<Svg, FigureError> {
    let fields: Vec<&Field> = TraceKind::ALL
        .iter()
        .filter_map(|kind| outcome.field(kind.name()))
        .filter(|f| f.axes.len() == 2 && !f.values.is_empty())
        .collect();
    let Some(first) = fields.first() else {
        return Err(nothing(outcome));
    };
    let measures = Measures::of(outcome, first);
    let mut canvas = Canvas::new(theme);
    let detail = TextLook::new(Face::Sans, DETAIL_SIZE, theme.muted());
    let words = fields
        .iter()
        .map(|f| fonts::width(&trace_caption::peak(outcome, f), detail))
        .fold(200.0, f32::max);
    let panel = measures.label_width + words.max(measures.columns as f32 * measures.cell_width);
    let room = panel * fields.len() as f32 + BETWEEN * (fields.len() - 1) as f32;
    let room = room.max(420.0);

    let mut y = MARGIN + 12.0;
    let title = TextLook::new(Face::SansBold, 15.0, theme.text());
    canvas.text(MARGIN, y, title, "Causal trace");
    let caption = TextLook::new(Face::Sans, 12.0, theme.muted());
    let range = shared_range(outcome, &fields);
    let headline = trace_caption::headline(outcome, range.centre.is_some());
    for line in fonts::flow(&headline, caption, room) {
        y += 18.0;
        canvas.text(MARGIN, y, caption, &line);
    }
    y += 34.0;

    let mut bottom = y;
    for (i, field) in fields.iter().enumerate() {
        let x = MARGIN + i as f32 * (panel + BETWEEN);
        bottom = panel_at(&mut canvas, outcome, field, &measures, range, [x, y])?;
    }

    y = bottom + 26.0;
    let foot = TextLook::new(Face::Sans, 11.0, theme.muted());
    for line in fonts::flow(&trace_caption::footline(outcome), foot, room) {
        canvas.text(MARGIN, y, foot, &line);
        y += 16.0;
    }
    let experiment = write::to_json(&outcome.experiment)?;
    let title = format!("Causal trace: {}", headline.join(", "));
    Ok(canvas.finish(room + 2.0 * MARGIN, y - 16.0 + MARGIN, &title, &experiment))
}

/// One map with heading, labels and bar, its top left corner at `at`; returns its lower end.
fn panel_at(
    canvas: &mut Canvas,
    outcome: &Outcome,
    field: &Field,
    measures: &Measures,
    range: Range,
    at: [f32; 2],
) -> Result<f32, FigureError> {
    let theme = canvas.theme;
    let [x, mut y] = at;
    let left = x + measures.label_width;
    let (name, detail) = trace_caption::heading(outcome, field);
    let bold = TextLook::new(Face::SansBold, 12.5, theme.text());
    let muted = TextLook::new(Face::Sans, DETAIL_SIZE, theme.muted());
    canvas.text(left, y, bold, &name);
    if !detail.is_empty() {
        let start = left + fonts::width(&name, bold) + 8.0;
        canvas.text(start, y, muted, &detail);
    }
    y += 17.0;
    canvas.text(left, y, muted, &trace_caption::peak(outcome, field));
    y += 10.0;

    let floor = trace_caption::reference(outcome, Some(field), "corrupted");
    let map = MapArray::from_field(field, floor)?;
    let Range { low, high, centre } = range;
    let style = MapStyle {
        centre,
        ..MapStyle::sequential(
            if centre.is_some() {
                ColourMap::BlueRed
            } else {
                colours(field)
            },
            theme,
            low,
            high,
        )
    };
    let grid = CellGrid {
        x: left,
        y,
        cell_width: measures.cell_width,
        cell_height: measures.cell_height,
    };
    grid.draw(canvas, &map, &style);
    token_labels(canvas, outcome, field, measures, &grid);
    y += measures.rows as f32 * measures.cell_height;
    y = layer_labels(canvas, field, measures, &grid, y);

    let values = map.range();
    let ends = Ends {
        low: if floor == Some(low) && centre.is_none() {
            "corrupted"
        } else {
            ""
        },
        high: if trace_caption::reference(outcome, Some(field), "clean")
            .is_some_and(|clean| (clean - high).abs() <= 1e-5 * high.abs())
        {
            "clean"
        } else {
            ""
        },
        middle: if centre.is_some() { "corrupted" } else { "" },
        below: values.values > 0 && values.low < low,
        above: values.values > 0 && values.high > high,
    };
    let width = measures.columns as f32 * measures.cell_width;
    colour_bar::draw(canvas, left, y + 12.0, width.max(150.0), &style, &ends);
    Ok(y + 12.0 + colour_bar::HEIGHT)
}

fn token_labels(
    canvas: &mut Canvas,
    outcome: &Outcome,
    field: &Field,
    measures: &Measures,
    grid: &CellGrid,
) {
    let theme = canvas.theme;
    let subject = outcome.summary.subject.unwrap_or([0, 0]);
    let step = (9.5 / measures.cell_height).ceil().max(1.0) as usize;
    let size = LABEL_SIZE.min(measures.cell_height * step as f32);
    for row in 0..measures.rows {
        let is_subject = (subject[0]..subject[1]).contains(&row);
        let (_, y) = grid.corner(row, 0);
        if is_subject {
            canvas.rect(grid.x - 5.0, y, 2.0, measures.cell_height, theme.accent());
        }
        if row % step != 0 {
            continue;
        }
        let colour = if is_subject {
            theme.accent()
        } else {
            theme.muted()
        };
        let face = if is_subject {
            Face::MonoBold
        } else {
            Face::Mono
        };
        let token = token_text::short(&trace_caption::token(outcome, field, row), LABEL_COLUMNS);
        let star = if is_subject { "*" } else { "" };
        let look = TextLook::new(face, size, colour).anchored(Anchor::End);
        let baseline = y + (measures.cell_height - 1.0) / 2.0 + size * 0.35;
        canvas.text(grid.x - 9.0, baseline, look, &format!("{token}{star}"));
    }
}

/// Layer numbers under a map; returns their lower end.
fn layer_labels(
    canvas: &mut Canvas,
    field: &Field,
    measures: &Measures,
    grid: &CellGrid,
    y: f32,
) -> f32 {
    let look = TextLook::new(Face::Mono, 9.5, canvas.theme.muted()).anchored(Anchor::Middle);
    let step = (16.0 / measures.cell_width).ceil().max(1.0) as usize;
    for column in (0..measures.columns).step_by(step) {
        let (x, _) = grid.corner(0, column);
        let text = field.axes[1].labels.text(column);
        canvas.text(x + measures.cell_width / 2.0, y + 13.0, look, &text);
    }
    let name = TextLook::new(Face::Sans, 10.0, canvas.theme.muted()).anchored(Anchor::End);
    canvas.text(grid.x - 9.0, y + 13.0, name, &field.axes[1].name);
    y + 18.0
}

/// The values of the first and last colour, and of the middle one of a diverging map.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: f32,
    high: f32,
    centre: Option<f32>,
}

/// How much of the largest gain the largest loss must be for the maps to diverge.
const LOSS_SHOWN_FROM: f32 = 0.25;

/// From the corrupted value to the largest value or the clean one, whichever is higher; or as far to both sides.
fn shared_range(outcome: &Outcome, fields: &[&Field]) -> Range {
    let values = || {
        fields
            .iter()
            .flat_map(|f| &f.values)
            .filter(|v| v.is_finite())
    };
    let least = values().copied().fold(f32::INFINITY, f32::min);
    let most = values().copied().fold(f32::NEG_INFINITY, f32::max);
    let reference = |name| trace_caption::reference(outcome, fields.first().copied(), name);
    let plain = |low, high| Range {
        low,
        high,
        centre: None,
    };
    let low = reference("corrupted").unwrap_or(least);
    let high = reference("clean").unwrap_or(most).max(most);
    let (gain, loss) = ((high - low).max(0.0), low - least);
    if low.is_finite() && loss > LOSS_SHOWN_FROM * gain {
        let extent = gain.max(loss);
        Range {
            low: low - extent,
            high: low + extent,
            centre: Some(low),
        }
    } else if low.is_finite() && high > low {
        plain(low, high)
    } else if most > least {
        plain(least, most)
    } else {
        plain(0.0, 1.0)
    }
}

fn colours(field: &Field) -> ColourMap {
    match trace_caption::kind(field) {
        Some(TraceKind::Residual) => ColourMap::Purples,
        Some(TraceKind::Mlp) => ColourMap::Greens,
        Some(TraceKind::Attention) => ColourMap::Reds,
        None => ColourMap::Viridis,
    }
}

impl Measures {
    fn of(outcome: &Outcome, field: &Field) -> Self {
        let (rows, columns) = (field.axes[0].len(), field.axes[1].len());
        let look = TextLook::new(Face::MonoBold, LABEL_SIZE, [0; 4]);
        let longest = (0..rows)
            .map(|r| token_text::short(&trace_caption::token(outcome, field, r), LABEL_COLUMNS))
            .max_by_key(|t| t.chars().count())
            .unwrap_or_default();
        Self {
            label_width: fonts::width(&format!("{longest}*"), look) + 14.0,
            cell_width: (220.0 / columns as f32).clamp(6.0, 34.0).round(),
            cell_height: (560.0 / rows as f32).clamp(5.0, 21.0).round(),
            rows,
            columns,
        }
    }
}

fn nothing(outcome: &Outcome) -> FigureError {
    let names: Vec<&str> = outcome.fields.iter().map(|f| f.name.as_str()).collect();
    FigureError::NothingToDraw {
        wanted: "causal trace",
        held: if names.is_empty() {
            "nothing".into()
        } else {
            names.join(", ")
        },
        advice: "Run an experiment with instrument = \"causal-trace\".",
    }
}
