//! A reading of a file as the answer to an experiment that another program made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use whyfinder_experiment::outcome::{EffectCounts, TokenProbability};
use whyfinder_experiment::{Axis, Field, ImportForm, Part, Site};

use crate::effects::{maps, ordered, side};
use crate::known::long_table::kind_in;
use crate::plan::Plan;
use crate::{AxisRole, Contents, ForeignArray, ImportError};

/// Layers of patterns, the missing ones between them included.
pub(crate) const MOST_LAYERS: usize = 1024;

/// What was read, before it is an answer.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) form: ImportForm,
    pub(crate) recognised: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) tokens: Vec<String>,
    pub(crate) subject: Option<[usize; 2]>,
    pub(crate) answer: Option<TokenProbability>,
    pub(crate) metric: String,
    pub(crate) reference: BTreeMap<String, f32>,
    pub(crate) effects: Option<EffectCounts>,
    pub(crate) model: Option<String>,
    pub(crate) notices: Vec<String>,
    /// Files that were read beside the one opened, with their digests.
    pub(crate) files: Vec<(PathBuf, String)>,
}

impl Draft {
    pub(crate) fn new(form: ImportForm) -> Self {
        Self {
            form,
            recognised: String::new(),
            fields: Vec::new(),
            tokens: Vec::new(),
            subject: None,
            answer: None,
            metric: String::new(),
            reference: BTreeMap::new(),
            effects: None,
            model: None,
            notices: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// A file read as a plan says.
pub(crate) fn draft(contents: &Contents, plan: &Plan) -> Result<Draft, ImportError> {
    let arrays: Vec<&ForeignArray> = plan
        .arrays
        .iter()
        .map(|name| {
            contents
                .array(name)
                .ok_or_else(|| ImportError::refused(format!("The file has no array \"{name}\".")))
        })
        .collect::<Result<_, _>>()?;
    if let Some(other) = arrays.iter().find(|a| a.shape.len() != plan.axes.len()) {
        return Err(ImportError::refused(format!(
            "{} axes are named, and the array {} has {}.",
            plan.axes.len(),
            other.words(),
            other.shape.len()
        )));
    }
    let mut draft = Draft::new(plan.form);
    draft.recognised.clone_from(&plan.recognised);
    draft.fields = match plan.form {
        ImportForm::Attention => patterns(&arrays, plan)?,
        ImportForm::Trace | ImportForm::Effects => {
            let mut fields = Vec::new();
            for array in &arrays {
                fields.extend(maps(array, plan, &array.name)?);
            }
            fields
        }
    };
    let over_layers = |f: &Field| f.axes[0].name == "token" && f.axes[1].name == "layer";
    if plan.form == ImportForm::Effects
        && draft.fields.len() == 1
        && draft.fields.iter().all(over_layers)
        && let Some(kind) = kind_in(&draft.fields[0].name)
    {
        draft.form = ImportForm::Trace;
        draft.fields[0].name = kind.name().to_string();
    }
    let batch = arrays
        .first()
        .map_or(1, |a| side(a, &plan.axes, &AxisRole::Batch));
    if batch > 1 {
        draft.notices.push(format!(
            "The file holds {batch} sequences; the first is shown."
        ));
    }
    draft.tokens.clone_from(&plan.tokens);
    draft.notices.extend(
        contents
            .unread
            .iter()
            .map(|what| format!("Not read: {what}.")),
    );
    Ok(draft)
}

/// One field over head, query and key for each layer, named by its site.
pub(crate) fn patterns(arrays: &[&ForeignArray], plan: &Plan) -> Result<Vec<Field>, ImportError> {
    use AxisRole::{Head, Key, Layer, Query};
    for role in [Query, Key] {
        if !plan.axes.contains(&role) {
            return Err(ImportError::refused(format!(
                "Attention is over query and key, and no axis is named {role}."
            )));
        }
    }
    if let Some(other) = plan
        .axes
        .iter()
        .find(|a| !matches!(a, AxisRole::Batch | Layer | Head | Query | Key))
    {
        return Err(ImportError::refused(format!(
            "Attention is over layer, head, query and key; the axis \"{other}\" has no place in it."
        )));
    }
    let of_each = arrays.first().map_or(1, |a| side(a, &plan.axes, &Layer));
    let count = arrays.len() * of_each;
    if count > MOST_LAYERS {
        return Err(ImportError::refused(format!(
            "The file would have {count} layers, more than the {MOST_LAYERS} that are read."
        )));
    }
    let mut fields = Vec::with_capacity(count);
    for (index, array) in arrays.iter().enumerate() {
        let [heads, queries, keys] = [Head, Query, Key].map(|role| side(array, &plan.axes, &role));
        let cells = heads * queries * keys;
        if cells == 0 {
            return Err(ImportError::holds_nothing(array));
        }
        let mut values = ordered(array, &plan.axes, &[Layer, Head, Query, Key]);
        if array.dtype == "uint8" {
            // Weights of 0 to 1 in 255 steps.
            for value in values.to_mut() {
                *value /= 255.0;
            }
        }
        for (layer, part) in values.chunks_exact(cells).enumerate() {
            let position = index * of_each + layer;
            let number = plan.layers.get(position).copied().unwrap_or(position);
            if number >= MOST_LAYERS || fields.iter().any(|f: &Field| f.name == name(number)) {
                return Err(ImportError::refused(format!(
                    "The layers of the file are numbered {:?}, which cannot be.",
                    plan.layers
                )));
            }
            let axes = vec![
                Axis::numbered("head", heads),
                Axis::numbered("query", queries),
                Axis::numbered("key", keys),
            ];
            let field = Field::measured(&name(number), axes, part.to_vec())
                .map_err(|e| ImportError::refused(e.to_string()))?;
            fields.push(field);
        }
    }
    Ok(fields)
}

fn name(layer: usize) -> String {
    Site::block(layer, Part::Pattern).to_string()
}
