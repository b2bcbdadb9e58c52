//! Causal effect maps as their authors save them (Hu et al., CEM): `NAME-C3.mat` of the coarse and `NAME-F50.mat` of the
//! fine stage, each with `PSNR` over row, column and intervention, zero where nothing was run, and `Origin`, the PSNR of
//! the untouched input. The effect of an intervention is `Origin` less its PSNR; mean and standard error are computed
//! here, which the authors' program does not do.

use std::path::{Path, PathBuf};

use whyfinder_experiment::outcome::{BlockEffect, EffectCounts};
use whyfinder_experiment::{Axis, Field, ImportForm};

use crate::array::Limits;
use crate::assemble::Draft;
use crate::contents::read_contents;
use crate::{Contents, ForeignArray, ImportError};

/// dB, below which the authors take an effect for none.
const TOLERANCE: f32 = 0.01;

pub(crate) fn is_one(contents: &Contents) -> bool {
    contents.array("PSNR").is_some_and(|a| a.shape.len() == 3)
        && contents.scalar("Origin").is_some()
}

pub(crate) fn draft(
    contents: &Contents,
    path: &Path,
    limits: Limits,
) -> Result<Draft, ImportError> {
    let (Some(own), Some(origin)) = (contents.array("PSNR"), contents.scalar("Origin")) else {
        return Err(ImportError::refused("The file holds no PSNR and Origin."));
    };
    if own.values.is_empty() {
        return Err(ImportError::holds_nothing(own));
    }
    let mut draft = Draft::new(ImportForm::Effects);
    let beside = other_stage(path).and_then(|beside| {
        let theirs = read_contents(&beside, limits).ok()?;
        let fits = is_one(&theirs)
            && theirs.scalar("Origin") == Some(origin)
            && theirs.array("PSNR")?.shape[..2] == own.shape[..2];
        fits.then_some((beside, theirs))
    });
    let both: Vec<&ForeignArray> = [
        Some(own),
        beside.as_ref().and_then(|(_, c)| c.array("PSNR")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let [rows, columns, _] = *own.shape.as_slice() else {
        return Err(ImportError::refused(
            "PSNR is not over row, column and intervention.",
        ));
    };
    let field = effects(&both, origin, [rows, columns]);
    let measured = field.mask.iter().filter(|m| **m).count();
    draft.recognised = format!(
        "a causal effect map in CEM's form, {rows} by {columns} blocks, {}",
        match &beside {
            Some(_) => "coarse and fine stage together",
            None => "one stage of two",
        }
    );
    draft.notices.push(format!(
        "{measured} of {} blocks were run; the untouched region has {origin:.2} dB.",
        rows * columns
    ));
    draft.notices.push(
        "Standard errors were computed from the single interventions. The region's own blocks are not marked in the file, \
         and effects under 0.01 dB, which the authors set to zero, are as measured."
            .into(),
    );
    draft.metric = "psnr".into();
    draft.reference.insert("psnr".into(), origin);
    draft.effects = Some(counts(&field, columns));
    draft.fields = vec![field];
    draft.files = beside
        .into_iter()
        .map(|(path, contents)| (path, contents.digest))
        .collect();
    Ok(draft)
}

/// Effects of each block from the stage with most interventions that ran it.
fn effects(stages: &[&ForeignArray], origin: f32, [rows, columns]: [usize; 2]) -> Field {
    let most = stages.iter().map(|s| s.shape[2]).max().unwrap_or(0);
    let axes = vec![
        Axis::numbered("row", rows),
        Axis::numbered("column", columns),
    ];
    let mut field = Field::sampled("effect", axes, most);
    for cell in 0..rows * columns {
        let taken = stages
            .iter()
            .map(|stage| {
                let n = stage.shape[2];
                let psnr = stage.values.get(cell * n..(cell + 1) * n).unwrap_or(&[]);
                psnr.iter()
                    .filter(|v| v.is_finite() && **v != 0.0)
                    .map(|v| origin - v)
                    .collect::<Vec<f32>>()
            })
            .max_by_key(Vec::len)
            .unwrap_or_default();
        field.set_samples(cell, &taken);
    }
    field.reference.insert("psnr".into(), origin);
    field
}

/// `NAME-C3.mat` beside `NAME-F50.mat` and the other way round, with the fewest or most interventions if there are
/// several.
fn other_stage(path: &Path) -> Option<PathBuf> {
    let stage = |path: &Path| -> Option<(String, char, u32)> {
        let (name, stage) = path.file_stem()?.to_str()?.rsplit_once('-')?;
        let letter = stage.chars().next().filter(|c| matches!(c, 'C' | 'F'))?;
        Some((name.to_string(), letter, stage[1..].parse().ok()?))
    };
    let (name, letter, _) = stage(path)?;
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(path.parent()?)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "mat"))
        .filter_map(|p| {
            let (theirs, other, number) = stage(&p)?;
            (theirs == name && other != letter).then_some((number, p))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

fn counts(field: &Field, columns: usize) -> EffectCounts {
    let mut counts = EffectCounts::default();
    let errors = field.stderr.as_deref().unwrap_or(&[]);
    for (cell, &effect) in field.values.iter().enumerate() {
        if !field.mask[cell] {
            continue;
        }
        let stderr = errors.get(cell).copied().unwrap_or(f32::NAN);
        let sure = usize::from(effect.abs() > 2.0 * stderr);
        let block = BlockEffect {
            row: cell / columns,
            column: cell % columns,
            effect,
            stderr,
        };
        if effect.abs() < TOLERANCE {
            counts.zero += 1;
        } else if effect > 0.0 {
            counts.positive += 1;
            counts.significant_positive += sure;
        } else {
            counts.negative += 1;
            counts.significant_negative += sure;
        }
        if counts.max.is_none_or(|m| effect > m.effect) {
            counts.max = Some(block);
        }
        if counts.min.is_none_or(|m| effect < m.effect) {
            counts.min = Some(block);
        }
    }
    counts
}
