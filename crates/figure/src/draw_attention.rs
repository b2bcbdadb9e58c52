//! Attention: every head at once, one head with its tokens, and the next tokens that a run holds likely.

use whyfinder_experiment::{AttentionRecord, Axis, Field, InstrumentSettings, Outcome, Site};
use whyfinder_paint::array::CellState;
use whyfinder_paint::{ColourMap, MapArray, MapStyle, Theme};

use crate::description::Part;
use crate::draw_trace::LABEL_COLUMNS;
use crate::drawing::{BarGroup, Bars, Content, Drawing, Grid, Labels, Scale, Tiles};
use crate::{FigureError, View, numbers, token_text};

/// Tokens of a head that are computed one by one from a record.
const MOST_TOKENS: usize = 512;
/// Bars of a group.
const MOST_BARS: usize = 10;

/// The patterns of all layers, and how many tokens a cell covers along each side.
struct Patterns {
    layers: Vec<usize>,
    map: MapArray,
    group: usize,
    /// Whether keys after their query are blank.
    causal: bool,
}

/// Every layer and head.
pub(crate) fn atlas(outcome: &Outcome, theme: Theme) -> Result<Option<Drawing>, FigureError> {
    let Some(patterns) = patterns(outcome)? else {
        return Ok(None);
    };
    let shape = patterns.map.shape();
    let (row, column) = strongest_head(&patterns.map);
    let heads = shape.tiles();
    Ok(Some(Drawing {
        title: "All heads".into(),
        details: vec![counted(heads, "head")],
        scale: Some(scale(&patterns.map, patterns.group, patterns.causal, theme)),
        content: Content::Tiles(Tiles {
            rows: Labels {
                name: "layer".into(),
                texts: patterns.layers.iter().map(usize::to_string).collect(),
                ..Labels::default()
            },
            columns: Labels {
                name: "head".into(),
                texts: (0..shape.columns).map(|h| h.to_string()).collect(),
                ..Labels::default()
            },
            inner: ["query".into(), "key".into()],
            map: patterns.map,
            marked: (heads > 1).then_some([row, column]),
        }),
        hatched: None,
    }))
}

/// One head, of all tokens or of some.
pub(crate) fn head(
    outcome: &Outcome,
    [layer, head]: [usize; 2],
    tokens: Option<[usize; 2]>,
    shown: Option<Part>,
    theme: Theme,
) -> Result<Option<Drawing>, FigureError> {
    let record = outcome.attention.iter().find(|r| r.layer == layer);
    let (map, group, first, causal) = match (record, tokens) {
        (Some(record), Some([from, end])) => {
            if head >= record.sizes.heads || end > record.sizes.tokens || end - from > MOST_TOKENS {
                return Ok(None);
            }
            (part(record, head, from, end)?, 1, from, true)
        }
        _ => {
            let Some(patterns) = patterns(outcome)? else {
                return Ok(None);
            };
            let Some(row) = patterns.layers.iter().position(|l| *l == layer) else {
                return Ok(None);
            };
            let columns = patterns.map.shape().columns;
            if head >= columns {
                return Ok(None);
            }
            let Some(map) = patterns.map.tile(row * columns + head) else {
                return Ok(None);
            };
            match tokens {
                Some([from, end]) => match cut(&map, from, end, patterns.causal)? {
                    Some(map) => (map, patterns.group, from, patterns.causal),
                    None => return Ok(None),
                },
                None => (map, patterns.group, 0, patterns.causal),
            }
        }
    };
    let labels = |name: &str, n: usize| labels(outcome, name, n, group, first);
    let (queries, keys) = (map.shape().height, map.shape().width);
    let rows = labels("query", queries);
    let mut details = vec![];
    let ends = tokens.is_none_or(|[_, end]| end == outcome.summary.tokens.len());
    if let Some(text) = strongest_words(&map, &rows.texts, shown, first == 0, ends) {
        details.push(text);
    }
    Ok(Some(Drawing {
        title: format!("Layer {layer} · head {head}"),
        details,
        scale: Some(scale(&map, group, causal, theme)),
        content: Content::Grid(Grid {
            columns: labels("key", keys),
            rows,
            map,
            errors: None,
            counts: None,
            square: true,
        }),
        hatched: None,
    }))
}

/// The view and the part to draw where a part of a whole head is asked for, which is told in tokens. Of a record,
/// tokens are weighed one by one where they are few enough; otherwise its overview has cells of several.
pub(crate) fn part_of_record(
    outcome: &Outcome,
    view: &View,
    part: Option<Part>,
) -> (View, Option<Part>) {
    let (
        View::Head {
            layer,
            head,
            tokens: None,
        },
        Some(part),
    ) = (view, part)
    else {
        return (view.clone(), part);
    };
    let record = outcome.attention.iter().find(|r| r.layer == *layer);
    let Some(record) = record.filter(|r| r.overview().level > 0) else {
        return (view.clone(), Some(part));
    };
    let sides = [part.rows, part.columns].map(|[from, end]| [from, end.min(record.sizes.tokens)]);
    let from = sides[0][0].min(sides[1][0]);
    let end = sides[0][1].max(sides[1][1]);
    if from < end && end - from <= MOST_TOKENS {
        let view = View::Head {
            layer: *layer,
            head: *head,
            tokens: Some([from, end]),
        };
        let [rows, columns] = sides.map(|side| side.map(|token| token.saturating_sub(from)));
        return (view, Some(Part { rows, columns }));
    }
    let group = 1 << record.overview().level;
    let [rows, columns] = sides.map(|[from, end]| [from / group, end.div_ceil(group)]);
    (view.clone(), Some(Part { rows, columns }))
}

/// The most likely next tokens of the clean and the corrupted run.
pub(crate) fn predictions(outcome: &Outcome) -> Option<Drawing> {
    let shown = |name: &str| matches!(name, "clean" | "corrupted");
    let mut groups: Vec<BarGroup> = outcome
        .distributions
        .iter()
        .filter(|d| shown(&d.name))
        .chain(
            outcome
                .distributions
                .iter()
                .filter(|d| !shown(&d.name))
                .take(1),
        )
        .take(2)
        .map(|d| BarGroup {
            name: format!("{} run", d.name),
            labels: d
                .top
                .iter()
                .take(MOST_BARS)
                .map(|t| token_text::short(&t.text, LABEL_COLUMNS))
                .collect(),
            values: d
                .top
                .iter()
                .take(MOST_BARS)
                .map(|t| t.probability)
                .collect(),
        })
        .collect();
    if groups.is_empty() {
        groups = vec![last_row(outcome)?];
    }
    Some(Drawing {
        title: "Next token".into(),
        details: Vec::new(),
        content: Content::Bars(Bars {
            name: "probability".into(),
            groups,
        }),
        scale: None,
        hatched: None,
    })
}

/// The last token's row of the field of probabilities, by ids.
fn last_row(outcome: &Outcome) -> Option<BarGroup> {
    let (ids, shares) = (outcome.field("top")?, outcome.field("top.probability")?);
    let [tokens, ranks] = *shares.shape().as_slice() else {
        return None;
    };
    let start = tokens.checked_sub(1)? * ranks;
    let row = start..start + ranks.min(MOST_BARS);
    Some(BarGroup {
        name: "after the last token".into(),
        labels: ids
            .values
            .get(row.clone())?
            .iter()
            .map(|id| format!("#{id}"))
            .collect(),
        values: shares.values.get(row)?.to_vec(),
    })
}

/// The head that [`strongest_head`] finds: its layer and number.
pub(crate) fn telling_head(outcome: &Outcome) -> Option<(usize, usize)> {
    let patterns = patterns(outcome).ok()??;
    let (row, head) = strongest_head(&patterns.map);
    Some((*patterns.layers.get(row)?, head))
}

/// Row and column of the tile in which the last query attends most to one key other than the first and itself, for
/// much attention to the first token or to oneself says little. With fewer than three tokens, to any key.
pub(crate) fn strongest_head(atlas: &MapArray) -> (usize, usize) {
    let shape = atlas.shape();
    let weight = |tile: usize| {
        let last = shape.height.saturating_sub(1);
        telling_keys(shape.width)
            .filter_map(
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

fn telling_keys(keys: usize) -> std::ops::Range<usize> {
    if keys >= 3 { 1..keys - 1 } else { 0..keys }
}

/// What the last query that is shown attends to most, apart from the first token, which draws attention without meaning,
/// and itself. `begins`, `ends`: the map's first and last tokens are the prompt's.
fn strongest_words(
    map: &MapArray,
    tokens: &[String],
    shown: Option<Part>,
    begins: bool,
    ends: bool,
) -> Option<String> {
    let (queries, keys) = (map.shape().height, map.shape().width);
    let shown = shown.unwrap_or(Part {
        rows: [0, queries],
        columns: [0, keys],
    });
    let query = shown.rows[1].min(queries).checked_sub(1)?;
    let [from, to] = [shown.columns[0], shown.columns[1].min(keys)];
    let (key, weight) = (from..to)
        .filter(|&key| key != query && !(begins && key == 0))
        .filter_map(|key| match map.state(query * keys + key) {
            CellState::Value(v) => Some((key, v)),
            _ => None,
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let who = match ends && query + 1 == queries {
        true => "the last token",
        false => tokens.get(query)?,
    };
    let among = match begins && from == 0 && to > query {
        true => "",
        false => " of these",
    };
    Some(format!(
        "{who} attends most to {}{among}, {}",
        tokens.get(key)?,
        numbers::number(weight)
    ))
}

pub(crate) fn counted(n: usize, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{plural}")
}

/// On paper the strong weights are the dark ones: pale yellow would drown in white.
fn scale(map: &MapArray, group: usize, causal: bool, theme: Theme) -> Scale {
    let range = map.range();
    let mut remarks = Vec::new();
    if causal {
        remarks.push("blank: later tokens, which cannot be seen".to_string());
    }
    if group > 1 {
        remarks.insert(
            0,
            format!("each cell: the largest of {group} × {group} weights"),
        );
    }
    Scale {
        style: MapStyle {
            flip: theme == Theme::Light,
            ..MapStyle::sequential(ColourMap::Magma, theme, 0.0, 1.0)
        },
        name: "attention weight of each key for each query".into(),
        marks: Vec::new(),
        polarity: None,
        remarks,
        values: [range.low, range.high],
        fixed: false,
    }
}

fn labels(outcome: &Outcome, name: &str, n: usize, group: usize, first: usize) -> Labels {
    let [from, end] = outcome.summary.subject.unwrap_or([0, 0]);
    let texts = (0..n)
        .map(|i| {
            let token = first + i * group;
            match outcome.summary.tokens.get(token) {
                Some(text) => token_text::short(text, LABEL_COLUMNS),
                None => token.to_string(),
            }
        })
        .collect();
    let place = |token: usize| token.saturating_sub(first).min(n * group);
    Labels {
        name: name.into(),
        texts,
        tokens: true,
        marked: place(from) / group..place(end).div_ceil(group),
    }
}

fn patterns(outcome: &Outcome) -> Result<Option<Patterns>, FigureError> {
    let mut fields: Vec<(usize, &Field)> = outcome
        .fields
        .iter()
        .filter(|f| f.axes.len() == 3 && !f.values.is_empty())
        .filter_map(|f| {
            let site: Site = f.name.parse().ok()?;
            (site.part == whyfinder_experiment::Part::Pattern).then_some((site.layer?, f))
        })
        .collect();
    let overviews = overviews(outcome)?;
    let mut group = 1;
    if fields.is_empty() {
        fields = overviews.iter().map(|(layer, f)| (*layer, f)).collect();
        group = outcome
            .attention
            .first()
            .map_or(1, |r| 1 << r.overview().level);
    }
    if fields.is_empty() {
        return Ok(None);
    }
    fields.sort_by_key(|&(layer, _)| layer);
    let maps: Vec<&Field> = fields.iter().map(|&(_, f)| f).collect();
    // Other programs' patterns may look both ways; ours are known not to.
    let is_import = matches!(
        outcome.experiment.instrument,
        InstrumentSettings::Import { .. }
    );
    let causal = !is_import || maps.iter().all(|f| f.is_causal());
    let mut map = MapArray::atlas(&maps)?;
    if causal {
        map = map.with_causal_mask();
    }
    Ok(Some(Patterns {
        layers: fields.iter().map(|&(layer, _)| layer).collect(),
        map,
        group,
        causal,
    }))
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
            let name = Site::block(record.layer, whyfinder_experiment::Part::Pattern).to_string();
            let field = Field::measured(&name, axes, overview.max.clone())?;
            Ok((record.layer, field))
        })
        .collect()
}

/// Single weights of some tokens.
fn part(
    record: &AttentionRecord,
    head: usize,
    from: usize,
    end: usize,
) -> Result<MapArray, FigureError> {
    let side = end - from;
    let values = (from..end)
        .flat_map(|query| (from..end).map(move |key| record.weight(head, query, key)))
        .collect();
    Ok(MapArray::single(side, side, values)?.with_causal_mask())
}

fn cut(
    map: &MapArray,
    from: usize,
    end: usize,
    causal: bool,
) -> Result<Option<MapArray>, FigureError> {
    let (height, width) = (map.shape().height, map.shape().width);
    if end > height || end > width || height != width {
        return Ok(None);
    }
    let side = end - from;
    let values = (from..end)
        .flat_map(|row| map.values()[row * width + from..row * width + end].to_vec())
        .collect();
    let part = MapArray::single(side, side, values)?;
    Ok(Some(if causal {
        part.with_causal_mask()
    } else {
        part
    }))
}
