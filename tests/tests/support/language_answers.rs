//! What the scripted worker answers about a language model: every number is made by a formula.

use whyfinder_experiment::outcome::{Distribution, Summary, TokenProbability};
use whyfinder_experiment::{
    Axis, Corruption, Experiment, Field, InstrumentSettings, Outcome, Provenance, TraceKind,
};
use whyfinder_instrument::{CellTokens, MeasuredCell, Report};
use whyfinder_worker::protocol::{OpenedModel, Tokenized};

pub(crate) const LAYERS: usize = 6;
pub(crate) const HEADS: usize = 4;
pub(crate) const CLEAN: f32 = 0.931;
pub(crate) const CORRUPTED: f32 = 0.042;
/// An answer whose cells have half of the others' effects, once they are all measured.
pub(crate) const WEAK: &str = " Kasdin";

pub(crate) fn opened(model: &str) -> OpenedModel {
    OpenedModel {
        reference: model.to_string(),
        name: model.rsplit('/').next().unwrap_or(model).to_string(),
        family: "GPT-2".into(),
        architecture: "GPT2LMHeadModel".into(),
        layers: LAYERS,
        heads: HEADS,
        kv_heads: HEADS,
        d_model: 128,
        vocab: 1021,
        max_positions: 96,
        parameters: 1_340_000,
        bytes: 5_400_000,
        dtype: "f32".into(),
        device: "cpu".into(),
        parity: Some(3e-6),
        image: None,
    }
}

/// Words with the space in front; long ones in two.
fn split(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for word in
        text.split_inclusive(|_: char| true)
            .fold(Vec::<String>::new(), |mut words, letter| {
                match words.last_mut() {
                    Some(word) if letter != " " => word.push_str(letter),
                    _ => words.push(letter.to_string()),
                }
                words
            })
    {
        if word.trim().len() > 5 && word.trim().chars().next().is_some_and(char::is_uppercase) {
            let at = word.char_indices().nth(3).map_or(word.len(), |(i, _)| i);
            tokens.push(word[..at].to_string());
            tokens.push(word[at..].to_string());
        } else {
            tokens.push(word);
        }
    }
    tokens
}

pub(crate) fn ids(tokens: &[String]) -> Vec<u32> {
    tokens
        .iter()
        .map(|t| t.bytes().fold(7u32, |h, b| (h * 31 + u32::from(b)) % 1021))
        .collect()
}

pub(crate) fn tokenized(model: String, text: String, ticket: u64) -> Tokenized {
    let tokens = split(&text);
    let mut at = 0;
    let spans = tokens
        .iter()
        .map(|t| {
            let span = (at, at + t.len());
            at += t.len();
            span
        })
        .collect();
    Tokenized {
        ticket,
        model,
        ids: ids(&tokens),
        text,
        tokens,
        spans,
        error: None,
    }
}

pub(crate) fn tokens_of(experiment: &Experiment) -> Vec<String> {
    split(experiment.input.prompt.as_deref().unwrap_or_default())
}

/// The subject's tokens, wherever the experiment names it by words or by positions.
fn subject_of(experiment: &Experiment) -> Option<[usize; 2]> {
    let input = &experiment.input;
    input.subject_tokens.or_else(|| {
        let prompt = input.prompt.as_deref()?;
        let start = prompt.find(input.subject.as_deref()?)?;
        let end = start + input.subject.as_deref()?.len();
        let tokens = tokenized(String::new(), prompt.into(), 0);
        let touches = |s: &(usize, usize)| s.0 < end && s.1 > start;
        let first = tokens.spans.iter().position(touches)?;
        let last = tokens.spans.iter().rposition(touches)?;
        Some([first, last + 1])
    })
}

pub(crate) fn kinds_of(experiment: &Experiment) -> Vec<TraceKind> {
    match &experiment.instrument {
        InstrumentSettings::CausalTrace { trace, .. } => trace.kinds.clone(),
        InstrumentSettings::Run { .. }
        | InstrumentSettings::Import { .. }
        | InstrumentSettings::Image { .. } => Vec::new(),
    }
}

fn samples_of(experiment: &Experiment) -> usize {
    match &experiment.instrument {
        InstrumentSettings::CausalTrace {
            corruption: Corruption::Noise { samples, .. },
            ..
        } => *samples,
        _ => 1,
    }
}

/// A number in 0..1 that looks random and never changes.
pub(crate) fn noise(a: usize, b: usize, c: usize) -> f32 {
    let mut h = (a as u64 + 1) * 0x9e37_79b9_7f4a_7c15;
    h ^= (b as u64 + 11).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h ^= (c as u64 + 101).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^= h >> 31;
    h = h.wrapping_mul(0xd6e8_feb8_6659_fd93);
    (h >> 40) as f32 / (1u64 << 24) as f32
}

pub(crate) fn pattern(layer: usize, tokens: usize) -> Field {
    let mut values = Vec::with_capacity(HEADS * tokens * tokens);
    for head in 0..HEADS {
        for query in 0..tokens {
            let mut row: Vec<f32> = (0..tokens)
                .map(|key| {
                    if key > query {
                        return 0.0;
                    }
                    let base = 0.05 * noise(layer * HEADS + head, query, key);
                    let previous = if key + 1 == query { 1.0 } else { 0.0 };
                    let first = if key == 0 { 1.0 } else { 0.0 };
                    let name = if (3..5).contains(&key) && query > 4 {
                        1.0
                    } else {
                        0.0
                    };
                    match (layer + head) % 4 {
                        0 => base + previous,
                        1 => base + first,
                        2 => base + name * noise(key, layer, head),
                        _ => base + noise(query, key, layer * 7 + head).powi(3),
                    }
                })
                .collect();
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|w| *w /= sum.max(1e-6));
            values.extend(row);
        }
    }
    let axes = vec![
        Axis::numbered("head", HEADS),
        Axis::numbered("query", tokens),
        Axis::numbered("key", tokens),
    ];
    Field::measured(&format!("blocks.{layer}.attn.hook_pattern"), axes, values)
        .expect("as many values as cells")
}

pub(crate) fn clean_top() -> Vec<TokenProbability> {
    [" Jorath", " Kasdin", " Ostra", " Muren", " the"]
        .iter()
        .zip([0.931, 0.021, 0.014, 0.009, 0.004])
        .enumerate()
        .map(|(i, (text, probability))| TokenProbability {
            id: 300 + i as u32,
            text: (*text).into(),
            probability,
            logit: probability.ln(),
        })
        .collect()
}

/// What a prompt's run says next; after "on" something else than after anything else.
pub(crate) fn next_tokens(experiment: &Experiment) -> Vec<TokenProbability> {
    let mut top = clean_top();
    if tokens_of(experiment).last().is_some_and(|t| t == " on") {
        let others = [(" Muren", 0.61), (" Jorath", 0.12), (" Sel", 0.05)];
        for (token, (text, probability)) in top.iter_mut().zip(others) {
            (token.text, token.probability) = (text.into(), probability);
        }
        top.truncate(others.len());
    }
    top
}

fn corrupted_top() -> Vec<TokenProbability> {
    let mut top = clean_top();
    for (token, p) in top.iter_mut().zip([CORRUPTED, 0.19, 0.16, 0.11, 0.02]) {
        token.probability = p;
    }
    top
}

/// The mean of a cell: an early site at the end of the name, a late one at the last token.
pub(crate) fn value(kind: TraceKind, token: usize, layer: usize, tokens: usize) -> f32 {
    let l = layer as f32;
    let strength = match kind {
        TraceKind::Residual if (3..=4).contains(&token) => {
            (0.45 + 0.2 * (token as f32 - 3.0)) * (1.0 - (l - 1.5).abs() / 4.0).max(0.0)
        }
        TraceKind::Residual if token + 1 == tokens => ((l - 1.5) / 3.5).clamp(0.0, 1.0),
        TraceKind::Mlp if token == 4 => 0.6 * (1.0 - (l - 2.0).abs() / 2.5).max(0.0),
        TraceKind::Attention if token + 1 == tokens => 0.4 * (1.0 - (l - 4.0).abs() / 2.0).max(0.0),
        _ => 0.02 * noise(token, layer, kind as usize),
    };
    CORRUPTED + (CLEAN - CORRUPTED) * strength
}

pub(crate) fn measured(kind: TraceKind, cell: usize, tokens: usize) -> MeasuredCell {
    let (token, layer) = (cell / LAYERS, cell % LAYERS);
    let mean = value(kind, token, layer, tokens);
    // Pairs around the mean keep it exact.
    let samples = (0..10)
        .map(|i| {
            let spread = 0.06 * noise(cell, i / 2, kind as usize);
            if i % 2 == 0 {
                mean + spread
            } else {
                mean - spread
            }
        })
        .collect();
    let rest = 1.0 - mean;
    let tracked: Vec<f32> = [mean, 0.3 * rest, 0.2 * rest, 0.1 * rest, 0.02].to_vec();
    MeasuredCell {
        cell,
        samples,
        tokens: CellTokens {
            top: (0..5).map(|i| (300 + i as u32, tracked[i])).collect(),
            texts: clean_top().into_iter().map(|t| t.text).collect(),
            tracked,
        },
    }
}

fn trace_summary(experiment: &Experiment) -> Summary {
    let tokens = tokens_of(experiment);
    let mut summary = Summary {
        metric: "probability".into(),
        answer: clean_top().into_iter().find(|t| {
            experiment.input.answer.is_none() || experiment.input.answer.as_ref() == Some(&t.text)
        }),
        token_ids: ids(&tokens),
        subject: subject_of(experiment),
        tokens,
        noise_sd: Some(0.13),
        seconds: 1.4,
        passes: 96.0,
        passes_plain: 902.0,
        peak_bytes: 41_000_000,
        ..Summary::default()
    };
    summary.reference.insert("clean".into(), CLEAN);
    summary.reference.insert("corrupted".into(), CORRUPTED);
    summary.reference_stderr.insert("corrupted".into(), 0.011);
    summary
}

fn empty_grids(experiment: &Experiment) -> Vec<Field> {
    let tokens = tokens_of(experiment);
    kinds_of(experiment)
        .iter()
        .map(|kind| {
            let axes = vec![
                Axis::text("token", tokens.clone()),
                Axis::numbered("layer", LAYERS),
            ];
            Field::sampled(kind.name(), axes, samples_of(experiment))
        })
        .collect()
}

fn trace_distributions() -> Vec<Distribution> {
    vec![
        Distribution {
            name: "clean".into(),
            top: clean_top(),
        },
        Distribution {
            name: "corrupted".into(),
            top: corrupted_top(),
        },
        Distribution {
            name: "tracked".into(),
            top: clean_top(),
        },
    ]
}

pub(crate) fn trace_started(experiment: &Experiment) -> Report {
    Report::Started {
        fields: empty_grids(experiment),
        summary: trace_summary(experiment),
        distributions: trace_distributions(),
    }
}

pub(crate) fn trace_outcome(experiment: Experiment) -> Outcome {
    let tokens = tokens_of(&experiment).len();
    let mut fields = empty_grids(&experiment);
    for field in &mut fields {
        let kind = TraceKind::ALL
            .into_iter()
            .find(|k| k.name() == field.name)
            .expect("a kind of the trace");
        for cell in 0..field.values.len() {
            let mut samples = measured(kind, cell, tokens).samples;
            if experiment.input.answer.as_deref() == Some(WEAK) {
                samples
                    .iter_mut()
                    .for_each(|v| *v = CORRUPTED + 0.5 * (*v - CORRUPTED));
            }
            field.set_samples(cell, &samples);
        }
    }
    Outcome {
        fields,
        summary: trace_summary(&experiment),
        provenance: Provenance::default(),
        distributions: trace_distributions(),
        experiment,
        attention: Vec::new(),
    }
}
