//! Files that say themselves what they hold, as the Python module writes them.

use whyfinder_experiment::outcome::TokenProbability;
use whyfinder_experiment::{Field, ImportForm, TraceKind};

use crate::assemble::{Draft, patterns};
use crate::manifest::Manifest;
use crate::plan::{Plan, form_of};
use crate::{AxisRole, Contents, ForeignArray, ImportError, effects};

pub(crate) fn draft(contents: &Contents, manifest: &Manifest) -> Result<Draft, ImportError> {
    let axes = AxisRole::list(&manifest.axes.join(","))?;
    let names = if manifest.arrays.is_empty() {
        vec!["values".to_string()]
    } else {
        manifest.arrays.clone()
    };
    let arrays: Vec<&ForeignArray> = names
        .iter()
        .map(|name| {
            contents.array(name).ok_or_else(|| {
                ImportError::refused(format!(
                    "The file says that it has the array \"{name}\", and has not."
                ))
            })
        })
        .collect::<Result<_, _>>()?;
    if let Some(other) = arrays.iter().find(|a| a.shape.len() != axes.len()) {
        return Err(ImportError::refused(format!(
            "The file names {} axes, and its array {} has {}.",
            axes.len(),
            other.words(),
            other.shape.len()
        )));
    }
    let tokens = if manifest.tokens.is_empty() {
        contents.texts.get("tokens").cloned().unwrap_or_default()
    } else {
        manifest.tokens.clone()
    };
    let kinds = |name: &String| name == "values" || TraceKind::ALL.iter().any(|k| k.name() == name);
    let of_tokens = axes.contains(&AxisRole::Token) && axes.contains(&AxisRole::Layer);
    let form = match manifest.kind.unwrap_or_else(|| form_of(&axes)) {
        // What is no grid of tokens and layers, or of another kind, is drawn as any map is.
        ImportForm::Trace if !(of_tokens && names.iter().all(kinds)) => ImportForm::Effects,
        form => form,
    };
    let plan = Plan {
        form,
        arrays: names,
        layers: manifest.layers.clone(),
        axes,
        tokens,
        recognised: String::new(),
        certain: true,
    };
    let mut draft = Draft::new(form);
    let shape = arrays.first().map(|a| a.words()).unwrap_or_default();
    let names: Vec<&str> = plan.axes.iter().map(AxisRole::name).collect();
    draft.recognised = format!(
        "{}, {shape} over {}, as the file says",
        form.name(),
        names.join(", ")
    );
    draft.fields = match form {
        ImportForm::Attention => patterns(&arrays, &plan)?,
        ImportForm::Trace | ImportForm::Effects => {
            let mut fields = Vec::new();
            for array in arrays {
                let name = match (array.name.as_str(), &manifest.title) {
                    ("values", _) if form == ImportForm::Trace => TraceKind::Residual.name(),
                    ("values", Some(title)) => title,
                    ("values", None) => "values",
                    (name, _) => name,
                };
                fields.extend(maps(contents, array, &plan, name, manifest)?);
            }
            fields
        }
    };
    for (name, value) in [("corrupted", manifest.low), ("clean", manifest.high)] {
        if let Some(value) = value {
            draft.reference.insert(name.into(), value);
            for field in &mut draft.fields {
                field.reference.insert(name.into(), value);
            }
        }
    }
    draft.metric = manifest.metric.clone().unwrap_or_default();
    draft.model.clone_from(&manifest.model);
    draft.subject = manifest
        .subject
        .filter(|[first, end]| first < end && *end <= plan.tokens.len());
    draft.answer = manifest.answer.as_ref().map(|text| TokenProbability {
        id: 0,
        text: text.clone(),
        probability: manifest.high.unwrap_or(f32::NAN),
        logit: f32::NAN,
    });
    draft.tokens = plan.tokens;
    Ok(draft)
}

/// The maps of one array, with the errors, counts and samples that stand beside it.
fn maps(
    contents: &Contents,
    array: &ForeignArray,
    plan: &Plan,
    name: &str,
    manifest: &Manifest,
) -> Result<Vec<Field>, ImportError> {
    let mut fields = match contents.array(&format!("{}.samples", array.name)) {
        Some(samples) if samples.shape.starts_with(&array.shape) => {
            let mut plan = plan.clone();
            plan.axes.push(AxisRole::Sample);
            if samples.shape.len() != plan.axes.len() {
                return Err(ImportError::refused(format!(
                    "The array {} is not {} with one axis more.",
                    samples.words(),
                    array.words()
                )));
            }
            effects::maps(samples, &plan, name)?
        }
        _ => effects::maps(array, plan, name)?,
    };
    let beside = |suffix: &str| -> Result<Option<Vec<Field>>, ImportError> {
        match contents.array(&format!("{}.{suffix}", array.name)) {
            Some(other) if other.shape == array.shape => effects::maps(other, plan, name).map(Some),
            _ => Ok(None),
        }
    };
    for (field, error) in fields
        .iter_mut()
        .zip(beside("stderr")?.into_iter().flatten())
    {
        field.stderr = Some(error.values);
    }
    for (field, count) in fields
        .iter_mut()
        .zip(beside("count")?.into_iter().flatten())
    {
        let count: Vec<u32> = count.values.iter().map(|&n| n.max(0.0) as u32).collect();
        for (mask, &count) in field.mask.iter_mut().zip(&count) {
            *mask &= count > 0;
        }
        field.count = Some(count);
    }
    for field in &mut fields {
        for (value, mask) in field.values.iter_mut().zip(&mut field.mask) {
            // What a running program has not computed yet is written as NaN.
            *mask &= !value.is_nan();
            if !*mask {
                *value = f32::NAN;
            }
        }
        for axis in &mut field.axes {
            let named = manifest.labels.iter().find(|(name, _)| {
                name.parse::<AxisRole>()
                    .is_ok_and(|role| role.name() == axis.name)
            });
            if let Some((_, labels)) = named
                && labels.len() == axis.len()
            {
                axis.labels = labels.clone();
            }
        }
    }
    Ok(fields)
}
