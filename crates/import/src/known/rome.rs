//! Causal traces as the authors of ROME save them (Meng et al. 2022): `knowledge_N.npz`, `knowledge_N_mlp.npz` and
//! `knowledge_N_attn.npz`, each with `scores` over token and layer between `low_score` and `high_score`.

use std::path::{Path, PathBuf};

use whyfinder_experiment::outcome::TokenProbability;
use whyfinder_experiment::{Axis, Field, ImportForm, Metric, TraceKind};

use crate::array::Limits;
use crate::assemble::Draft;
use crate::contents::read_contents;
use crate::{Contents, ImportError};

pub(crate) fn is_one(contents: &Contents) -> bool {
    contents.array("correct_prediction").is_some()
        || contents.array("low_score").is_some() && contents.array("high_score").is_some()
}

pub(crate) fn draft(
    contents: &Contents,
    path: &Path,
    limits: Limits,
) -> Result<Draft, ImportError> {
    let Some(scores) = contents.array("scores") else {
        return Err(ImportError::refused(
            "The file is of a causal trace in ROME's form, but holds no scores: the model did not know the answer, so \
             nothing was traced.",
        ));
    };
    let [tokens, layers] = *scores.shape.as_slice() else {
        return Err(ImportError::refused(format!(
            "The scores of a causal trace in ROME's form are over token and layer, and these are {}.",
            scores.words()
        )));
    };
    if scores.values.is_empty() {
        return Err(ImportError::holds_nothing(scores));
    }
    let own = kind(contents);
    let mut fields = vec![grid(contents, own)?];
    let mut files = Vec::new();
    for other in TraceKind::ALL.into_iter().filter(|k| *k != own) {
        let Some(beside) = sibling(path, own, other).filter(|p| p.is_file()) else {
            continue;
        };
        // What lies beside is taken along if it is of the same prompt; if it cannot be read, it is not what was opened.
        if let Ok(theirs) = read_contents(&beside, limits)
            && kind(&theirs) == other
            && theirs.array("input_ids") == contents.array("input_ids")
            && let Ok(field) = grid(&theirs, other)
            && field.shape() == [tokens, layers]
        {
            fields.push(field);
            files.push((beside, theirs.digest));
        }
    }
    fields.sort_by_key(|f| TraceKind::ALL.iter().position(|k| k.name() == f.name));
    let mut draft = Draft::new(ImportForm::Trace);
    draft.recognised = format!("a causal trace in ROME's form, {tokens} tokens by {layers} layers");
    draft.metric = Metric::Probability.name().to_string();
    for (name, key) in [("corrupted", "low_score"), ("clean", "high_score")] {
        if let Some(value) = contents.scalar(key) {
            draft.reference.insert(name.into(), value);
        }
    }
    if let Some(texts) = contents
        .texts
        .get("input_tokens")
        .filter(|t| t.len() == tokens)
    {
        draft.tokens.clone_from(texts);
    }
    if let Some(range) = contents.array("subject_range")
        && let [first, end] = *range.values.as_slice()
        && first >= 0.0
        && first < end
        && end <= tokens as f32
    {
        draft.subject = Some([first as usize, end as usize]);
    }
    if let Some(answer) = contents.text("answer") {
        draft.answer = Some(TokenProbability {
            id: 0,
            text: answer.to_string(),
            probability: contents.scalar("high_score").unwrap_or(f32::NAN),
            logit: f32::NAN,
        });
    }
    let window = contents.scalar("window").filter(|w| *w > 0.0);
    if let Some(window) = window
        && fields.iter().any(|f| f.name != TraceKind::Residual.name())
    {
        draft
            .notices
            .push(format!("MLP and attention: windows of {window} layers."));
    }
    draft.notices.push(
        "The file holds means without their samples, so no standard errors can be given.".into(),
    );
    draft.fields = fields;
    draft.files = files;
    Ok(draft)
}

fn kind(contents: &Contents) -> TraceKind {
    match contents.text("kind") {
        Some("mlp") => TraceKind::Mlp,
        Some("attn") => TraceKind::Attention,
        _ => TraceKind::Residual,
    }
}

fn ending(kind: TraceKind) -> &'static str {
    match kind {
        TraceKind::Residual => "",
        TraceKind::Mlp => "_mlp",
        TraceKind::Attention => "_attn",
    }
}

/// The file of another kind of the same trace.
fn sibling(path: &Path, own: TraceKind, other: TraceKind) -> Option<PathBuf> {
    let stem = path.file_stem()?.to_str()?.strip_suffix(ending(own))?;
    Some(path.with_file_name(format!("{stem}{}.npz", ending(other))))
}

fn grid(contents: &Contents, kind: TraceKind) -> Result<Field, ImportError> {
    let refused = |e: whyfinder_experiment::ExperimentError| ImportError::refused(e.to_string());
    let scores = contents
        .array("scores")
        .ok_or_else(|| ImportError::refused("The file holds no scores."))?;
    let [tokens, layers] = *scores.shape.as_slice() else {
        return Err(ImportError::refused(
            "The scores are not over token and layer.",
        ));
    };
    let labels = contents
        .texts
        .get("input_tokens")
        .filter(|t| t.len() == tokens);
    let axes = vec![
        labels.map_or_else(
            || Axis::numbered("token", tokens),
            |texts| Axis::text("token", texts.clone()),
        ),
        Axis::numbered("layer", layers),
    ];
    let mut field = Field::measured(kind.name(), axes, scores.values.clone()).map_err(refused)?;
    field.metric = Some(Metric::Probability);
    for (name, key) in [("corrupted", "low_score"), ("clean", "high_score")] {
        if let Some(value) = contents.scalar(key) {
            field.reference.insert(name.into(), value);
        }
    }
    Ok(field)
}
