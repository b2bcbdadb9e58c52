//! Causal traces as grids of tokens by layers, and as lines over layers.

use whyfinder_experiment::field::mean_and_stderr;
use whyfinder_experiment::{
    Corruption, Field, InstrumentSettings, Outcome, TraceKind, TraceSettings,
};
use whyfinder_paint::{ColourMap, MapStyle, Theme};

use crate::description::Part;
use crate::drawing::{Content, Drawing, Grid, Labels, Lines, Polarity, Scale, Series, map_of};
use crate::{FigureError, numbers, token_text};

/// What a gradient said beforehand of a map is kept under the map's name with this.
const ESTIMATE: &str = ".estimate";
/// Columns of the longest token label.
pub(crate) const LABEL_COLUMNS: usize = 14;
/// Characters of the corrupted prompt that are shown.
const PROMPT_SHOWN: usize = 80;
/// How much of the largest gain the largest loss must be for maps to diverge.
const LOSS_SHOWN_FROM: f32 = 0.25;
/// Standard errors to either side that hold 95 % of a normal distribution.
const BAND: f32 = 1.96;

/// Whether a field is a map of tokens by layers that a trace has measured.
pub(crate) fn is_trace(field: &Field) -> bool {
    matches!(field.axes.as_slice(), [t, l] if t.name == "token" && l.name == "layer")
}

/// Tokens by layers. The range starts at the corrupted value and is one for all kinds; where restoring takes away a
/// good part of what it elsewhere brings, the maps diverge from the corrupted value instead, so that harm is seen.
///
/// Of `part` alone is told what stands out.
///
/// # Errors
/// If the field is no map.
pub(crate) fn grid(
    outcome: &Outcome,
    field: &Field,
    part: Option<Part>,
    theme: Theme,
) -> Result<Drawing, FigureError> {
    let corrupted = reference(outcome, Some(field), "corrupted");
    let (low, high, centre) = shared_range(outcome, field);
    let floor = corrupted.or(centre);
    let map = map_of(field, floor)?;
    let colours = if centre.is_some() {
        ColourMap::BlueRed
    } else {
        colours(field)
    };
    let range = map.range();
    let polarity = centre.map(|_| match corrupted {
        Some(_) => Polarity::Centre("corrupted".into()),
        None => Polarity::Centre("zero".into()),
    });
    let mut remarks = Vec::new();
    if centre.is_none() && corrupted.is_some() {
        remarks.push("from the corrupted value up: what restoring brings back".into());
    }
    remarks.extend(samples(field));
    let marks = ["corrupted", "clean"]
        .iter()
        .filter_map(|name| Some((reference(outcome, Some(field), name)?, (*name).to_string())))
        .collect();
    let hatched = field
        .effect_errors()
        .map(|_| "|effect| < 2 s.e.".to_string());
    let (name, window) = heading(outcome, field);
    Ok(Drawing {
        title: name,
        details: [window, peak(outcome, field, part)]
            .into_iter()
            .filter(|d| !d.is_empty())
            .collect(),
        content: Content::Grid(Grid {
            rows: tokens(outcome, field),
            columns: Labels {
                name: "layer".into(),
                ..Labels::of(&field.axes[1])
            },
            map,
            errors: field.effect_errors().map(<[f32]>::to_vec),
            counts: field.count.clone(),
            square: false,
        }),
        scale: Some(Scale {
            style: MapStyle {
                centre,
                ..MapStyle::sequential(colours, theme, low, high)
            },
            name: metric(outcome),
            marks,
            polarity,
            remarks,
            values: [range.low, range.high],
            fixed: false,
        }),
        hatched,
    })
}

/// A line over the layers for each role of tokens (Meng et al. 2022, figure 2), with bands of 95 % where there are
/// samples.
pub(crate) fn lines(outcome: &Outcome, field: &Field) -> Drawing {
    let layers = field.axes[1].len();
    let series = roles(outcome, field.axes[0].len())
        .into_iter()
        .map(|(name, rows)| {
            let cells = |layer: usize| rows.clone().map(move |row| row * layers + layer);
            let values = (0..layers)
                .map(|layer| {
                    let sum: f32 = cells(layer).map(|c| field.values[c]).sum();
                    sum / rows.len() as f32
                })
                .collect();
            let errors: Option<Vec<f32>> = field.samples.as_ref().map(|_| {
                (0..layers)
                    .map(|layer| BAND * error_of_mean(field, &cells(layer).collect::<Vec<_>>()))
                    .collect()
            });
            Series {
                name,
                values,
                errors: errors.filter(|e| e.iter().any(|e| e.is_finite())),
            }
        })
        .collect();
    let references = ["corrupted", "clean"]
        .iter()
        .filter_map(|name| Some(((*name).to_string(), reference(outcome, Some(field), name)?)))
        .collect();
    let (name, window) = heading(outcome, field);
    let x = (0..layers)
        .map(|i| field.axes[1].labels.text(i).parse().unwrap_or(i as f64))
        .collect();
    Drawing {
        title: format!("{name} by layer"),
        details: [Some(window), samples(field)]
            .into_iter()
            .flatten()
            .filter(|d| !d.is_empty())
            .collect(),
        content: Content::Lines(Lines {
            x_name: "layer".into(),
            x,
            y_name: metric(outcome),
            series,
            references,
            band: "band: 95 % of the mean effect".into(),
        }),
        scale: None,
        hatched: None,
    }
}

/// The standard error of the mean over cells of what restoring adds, sample by sample.
fn error_of_mean(field: &Field, cells: &[usize]) -> f32 {
    let n = cells
        .iter()
        .map(|&c| field.samples_of(c).len())
        .min()
        .unwrap_or(0);
    let means: Vec<f32> = (0..n)
        .map(|i| {
            let sum: f32 = cells.iter().map(|&c| field.samples_of(c)[i]).sum();
            let floor = field
                .paired_with
                .as_ref()
                .and_then(|p| p.get(i))
                .unwrap_or(&0.0);
            sum / cells.len() as f32 - floor
        })
        .collect();
    mean_and_stderr(&means).1
}

/// Rows by their role in the prompt; roles that no token has are left out.
fn roles(outcome: &Outcome, tokens: usize) -> Vec<(String, std::ops::Range<usize>)> {
    let last = tokens.saturating_sub(1);
    let Some([first, end]) = outcome
        .summary
        .subject
        .filter(|[a, b]| a < b && *b <= tokens)
    else {
        return vec![
            ("earlier tokens".to_string(), 0..last),
            ("last token".to_string(), last..tokens),
        ]
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    };
    let subject = if end - first == 1 {
        vec![("subject".to_string(), first..end)]
    } else {
        vec![
            ("first subject token".to_string(), first..first + 1),
            ("middle subject tokens".to_string(), first + 1..end - 1),
            ("last subject token".to_string(), end - 1..end),
        ]
    };
    subject
        .into_iter()
        .chain([
            ("first token after".to_string(), end..(end + 1).min(last)),
            ("further tokens".to_string(), (end + 1).min(last)..last),
            ("last token".to_string(), last.max(end)..tokens),
        ])
        .filter(|(_, rows)| !rows.is_empty())
        .collect()
}

/// The corruption and the model, in pieces.
pub(crate) fn circumstances(outcome: &Outcome) -> Vec<String> {
    let experiment = &outcome.experiment;
    let mut pieces = vec![experiment.model.clone()];
    if let InstrumentSettings::CausalTrace { corruption, trace } = &experiment.instrument {
        pieces.push(match corruption {
            Corruption::Noise {
                scale, sd, file, ..
            } => {
                let scale = numbers::setting(*scale);
                let source = match (file, sd) {
                    (Some(_), _) => "noise from a file".to_string(),
                    (None, Some(sd)) => format!("noise {scale} × {}", numbers::setting(*sd)),
                    (None, None) => format!("noise {scale} σ"),
                };
                format!("{source} on the subject (*), seed {}", experiment.seed)
            }
            Corruption::Replace { prompt } => {
                let shown: String = prompt.chars().take(PROMPT_SHOWN).collect();
                let more = if shown.len() < prompt.len() {
                    "…"
                } else {
                    ""
                };
                format!("corrupted prompt “{shown}{more}”")
            }
        });
        if !trace.severed.is_empty() {
            let names: Vec<&str> = trace.severed.iter().map(|k| k.name()).collect();
            pieces.push(format!("severed: {}", names.join(" and ")));
        }
    }
    pieces
}

/// `10 samples`, or from fewest to most where cells differ; none for a field without.
pub(crate) fn samples(field: &Field) -> Option<String> {
    let counts = field.count.as_ref()?.iter().filter(|c| **c > 0);
    let least = counts.clone().min()?;
    let most = counts.max()?;
    Some(match (least, most) {
        (1, 1) => "1 sample".into(),
        _ if least == most => format!("{most} samples"),
        _ => format!("{least} to {most} samples"),
    })
}

/// What is read off, of what, in which unit.
fn metric(outcome: &Outcome) -> String {
    let summary = &outcome.summary;
    let metric = match (settings(outcome), summary.metric.as_str()) {
        (Some(settings), _) => settings.metric.name(),
        (None, "") => "value",
        (None, metric) => metric,
    };
    let metric = metric.replace('-', " ");
    let unit = settings(outcome).map_or("", |s| s.metric.unit());
    let of = |token: &Option<whyfinder_experiment::outcome::TokenProbability>| {
        token.as_ref().map(|t| token_text::short(&t.text, 24))
    };
    let target = match (of(&summary.answer), of(&summary.foil)) {
        (Some(answer), Some(foil)) if metric == "logit difference" => {
            format!(" of {answer} over {foil}")
        }
        (Some(answer), _) => format!(" of {answer}"),
        _ => String::new(),
    };
    if unit.is_empty() {
        format!("{metric}{target}")
    } else {
        format!("{metric}{target}, {unit}")
    }
}

/// A map's name, and what is special about it.
fn heading(outcome: &Outcome, field: &Field) -> (String, String) {
    let window = match (kind(field), settings(outcome)) {
        (Some(TraceKind::Mlp | TraceKind::Attention), Some(s)) if s.window != 1 => {
            format!("window {}", s.window)
        }
        _ => String::new(),
    };
    let name = match kind(field) {
        Some(TraceKind::Residual) => "Residual stream",
        Some(TraceKind::Mlp) => "MLP",
        Some(TraceKind::Attention) => "Attention",
        None => field.name.as_str(),
    };
    let name = match field.name.ends_with(ESTIMATE) {
        true if kind(field).is_some() => format!("{name}, estimated by gradient"),
        _ => name.to_string(),
    };
    (name, window)
}

/// The shown cell with the largest effect, in words; how far the map has come if it is not complete.
fn peak(outcome: &Outcome, field: &Field, part: Option<Part>) -> String {
    let columns = field.axes[1].len().max(1);
    let within = |[first, end]: [usize; 2], i: usize| (first..end).contains(&i);
    let shown = |i: usize| {
        part.is_none_or(|p| within(p.rows, i / columns) && within(p.columns, i % columns))
    };
    let cells = || (0..field.values.len()).filter(|&i| shown(i));
    let (all, measured) = cells().fold((0, 0), |(all, measured), i| {
        let is_measured = field.mask.get(i).is_none_or(|m| *m);
        (all + 1, measured + usize::from(is_measured))
    });
    if measured < all {
        return format!("{measured} of {all} cells measured");
    }
    let floor = reference(outcome, Some(field), "corrupted").unwrap_or(0.0);
    let effect = |i: usize| (field.values[i] - floor).abs();
    let best = cells()
        .filter(|&i| field.values[i].is_finite())
        .max_by(|&a, &b| effect(a).total_cmp(&effect(b)));
    let Some(best) = best else {
        return String::new();
    };
    let stderr = field.effect_errors().and_then(|s| s.get(best).copied());
    let effect = numbers::with_error(field.values[best] - floor, stderr, true);
    let token = token_text::short(&token(outcome, field, best / columns), 10);
    let layer = field.axes[1].labels.text(best % columns);
    format!("peak {effect} at {token}, layer {layer}")
}

fn tokens(outcome: &Outcome, field: &Field) -> Labels {
    let [first, end] = outcome.summary.subject.unwrap_or([0, 0]);
    let texts = (0..field.axes[0].len())
        .map(|row| {
            let text = token_text::short(&token(outcome, field, row), LABEL_COLUMNS);
            if (first..end).contains(&row) {
                format!("{text}*")
            } else {
                text
            }
        })
        .collect();
    Labels {
        name: "token".into(),
        texts,
        tokens: true,
        marked: first..end,
    }
}

/// The text of a token row.
fn token(outcome: &Outcome, field: &Field, row: usize) -> String {
    match outcome.summary.tokens.get(row) {
        Some(token) => token.clone(),
        None => field
            .axes
            .first()
            .map(|a| a.labels.text(row))
            .unwrap_or_default(),
    }
}

/// A reference value of a field, or of the whole outcome.
fn reference(outcome: &Outcome, field: Option<&Field>, name: &str) -> Option<f32> {
    field
        .and_then(|f| f.reference.get(name))
        .or_else(|| outcome.summary.reference.get(name))
        .copied()
        .filter(|v| v.is_finite())
}

fn kind(field: &Field) -> Option<TraceKind> {
    let name = field.name.strip_suffix(ESTIMATE).unwrap_or(&field.name);
    TraceKind::ALL.into_iter().find(|k| k.name() == name)
}

fn settings(outcome: &Outcome) -> Option<&TraceSettings> {
    match &outcome.experiment.instrument {
        InstrumentSettings::CausalTrace { trace, .. } => Some(trace),
        InstrumentSettings::Run { .. }
        | InstrumentSettings::Import { .. }
        | InstrumentSettings::Image { .. } => None,
    }
}

/// From the corrupted value to the largest value or the clean one, whichever is higher; or as far to both sides.
fn shared_range(outcome: &Outcome, field: &Field) -> (f32, f32, Option<f32>) {
    let all: Vec<&Field> = TraceKind::ALL
        .iter()
        .filter_map(|kind| outcome.field(kind.name()))
        .filter(|f| is_trace(f))
        .collect();
    let all = if all.is_empty() { vec![field] } else { all };
    let values = || all.iter().flat_map(|f| &f.values).filter(|v| v.is_finite());
    let least = values().copied().fold(f32::INFINITY, f32::min);
    let most = values().copied().fold(f32::NEG_INFINITY, f32::max);
    let corrupted = reference(outcome, Some(field), "corrupted");
    if corrupted.is_none() && least < 0.0 && most > 0.0 {
        let extent = most.max(-least);
        return (-extent, extent, Some(0.0));
    }
    let low = corrupted.unwrap_or(least);
    let high = reference(outcome, Some(field), "clean")
        .unwrap_or(most)
        .max(most);
    let (gain, loss) = ((high - low).max(0.0), low - least);
    if low.is_finite() && loss > LOSS_SHOWN_FROM * gain {
        let extent = gain.max(loss);
        (low - extent, low + extent, Some(low))
    } else if low.is_finite() && high > low {
        (low, high, None)
    } else if most > least {
        (least, most, None)
    } else {
        (0.0, 1.0, None)
    }
}

fn colours(field: &Field) -> ColourMap {
    match kind(field) {
        Some(TraceKind::Residual) => ColourMap::Purples,
        Some(TraceKind::Mlp) => ColourMap::Greens,
        Some(TraceKind::Attention) => ColourMap::Reds,
        None => ColourMap::Viridis,
    }
}
