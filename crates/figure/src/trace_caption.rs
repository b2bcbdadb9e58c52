//! The sentences around a causal trace.

use whyfinder_experiment::{
    Corruption, Field, InstrumentSettings, Outcome, TraceKind, TraceSettings,
};

use crate::{numbers, token_text};

/// Characters of the corrupted prompt that are shown.
const PROMPT_SHOWN: usize = 80;

/// Pieces of the line above the maps: what, of what, how measured.
/// `signed`: the maps show what lies below the corrupted value, too.
pub(crate) fn headline(outcome: &Outcome, signed: bool) -> Vec<String> {
    let summary = &outcome.summary;
    let metric = settings(outcome).map_or("probability", |s| s.metric.name());
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
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!(", {unit},")
    };
    let mut pieces = vec![format!("{metric}{target}{unit} after restoring one site")];
    if let Some(corrupted) = reference(outcome, None, "corrupted") {
        let stderr = summary.reference_stderr.get("corrupted").copied();
        let text = numbers::with_error(corrupted, stderr, false);
        let place = if signed { "middle" } else { "floor" };
        pieces.push(format!("{place} = corrupted {text}"));
    }
    if let Some(clean) = reference(outcome, None, "clean") {
        pieces.push(format!("clean {}", numbers::number(clean)));
    }
    let has_errors = |f: &Field| {
        f.effect_errors()
            .is_some_and(|s| s.iter().any(|v| v.is_finite()))
    };
    if outcome.fields.iter().any(has_errors) {
        pieces.push("hatched: |effect| < 2 s.e.".into());
    }
    pieces
}

/// Pieces of the line below the maps: where the numbers come from.
pub(crate) fn footline(outcome: &Outcome) -> Vec<String> {
    let experiment = &outcome.experiment;
    let mut pieces = vec![experiment.model.clone()];
    if let InstrumentSettings::CausalTrace { corruption, trace } = &experiment.instrument {
        pieces.push(match corruption {
            Corruption::Noise {
                scale,
                samples,
                sd,
                file,
            } => {
                let scale = numbers::setting(*scale);
                let source = match (file, sd) {
                    (Some(_), _) => "noise from a file".to_string(),
                    (None, Some(sd)) => format!("noise {scale} × {}", numbers::setting(*sd)),
                    (None, None) => format!("noise {scale} σ"),
                };
                format!(
                    "{source} on the subject (*), {samples} samples, seed {}",
                    experiment.seed
                )
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
    if !outcome.provenance.program.is_empty() {
        pieces.push(outcome.provenance.program.clone());
    }
    pieces
}

/// A map's name, and what is special about it.
pub(crate) fn heading(outcome: &Outcome, field: &Field) -> (String, String) {
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
    (name.to_string(), window)
}

/// The cell with the largest effect, in words; how far the map has come if it is not complete.
pub(crate) fn peak(outcome: &Outcome, field: &Field) -> String {
    let measured = field.mask.iter().filter(|&&m| m).count();
    if measured < field.mask.len() {
        return format!("{measured} of {} cells measured", field.mask.len());
    }
    let floor = reference(outcome, Some(field), "corrupted").unwrap_or(0.0);
    let [_, layers] = *field.shape().as_slice() else {
        return String::new();
    };
    let best = (0..field.values.len())
        .filter(|&i| field.values[i].is_finite())
        .max_by(|&a, &b| {
            let effect = |i: usize| (field.values[i] - floor).abs();
            effect(a).total_cmp(&effect(b))
        });
    let Some(best) = best else {
        return String::new();
    };
    let stderr = field.effect_errors().and_then(|s| s.get(best).copied());
    let effect = numbers::with_error(field.values[best] - floor, stderr, true);
    let token = token_text::short(&token(outcome, field, best / layers), 10);
    let layer = field.axes[1].labels.text(best % layers);
    format!("peak {effect} at {token}, layer {layer}")
}

/// The text of a token row.
pub(crate) fn token(outcome: &Outcome, field: &Field, row: usize) -> String {
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
pub(crate) fn reference(outcome: &Outcome, field: Option<&Field>, name: &str) -> Option<f32> {
    field
        .and_then(|f| f.reference.get(name))
        .or_else(|| outcome.summary.reference.get(name))
        .copied()
        .filter(|v| v.is_finite())
}

pub(crate) fn kind(field: &Field) -> Option<TraceKind> {
    TraceKind::ALL.into_iter().find(|k| k.name() == field.name)
}

fn settings(outcome: &Outcome) -> Option<&TraceSettings> {
    match &outcome.experiment.instrument {
        InstrumentSettings::CausalTrace { trace, .. } => Some(trace),
        InstrumentSettings::Run { .. } | InstrumentSettings::Image { .. } => None,
    }
}
