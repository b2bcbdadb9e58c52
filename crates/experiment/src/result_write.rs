//! Writing an answer: `result.npz`, which `numpy.load` opens without help, and `result.json` with the scalars.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

use serde::Serialize;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::npy::{Stored, Values};
use crate::outcome::{Distribution, Summary};
use crate::whole_file::stage;
use crate::{
    Experiment, ExperimentError, Field, Labels, Outcome, Provenance, attention_files, schema,
    to_json,
};

pub(crate) const NPZ: &str = "result.npz";
const JSON: &str = "result.json";

/// Writes `FOLDER/result.npz` and `FOLDER/result.json`; each file is there whole or not at all.
///
/// The archive's members, for a field F: `F.values` (float32), `F.mask` (true = measured), `F.axes` (names, in
/// order); where there are any `F.stderr`, `F.count`, `F.samples` (one more axis), `F.paired_with` (the samples of the
/// run that effects are measured against), `F.effect_stderr`, `F.zero_below` (smaller
/// means are zero), `F.metric`, `F.reference.NAME`.
/// Where a run kept its attention, `attention.L.queries`, `.keys`, `.top`, `.log_sum`, `.form`, `.mean` and `.max` of
/// each layer L (see [`crate::attention`]).
/// Labels are `axis.NAME`, or `F.axis.NAME` where another field has an axis of that name with other labels. Of the
/// whole: `schema` (see [`crate::schema`]), `experiment`, `provenance`, `summary`, `distributions` (JSON text) and `reference.NAME`.
///
/// # Errors
/// If a field contradicts itself or a file cannot be written.
pub fn write_result(folder: &Path, outcome: &Outcome) -> Result<(), ExperimentError> {
    let what = "write the result";
    let npz = archive(outcome)?;
    let json = scalars(outcome)?;
    let (npz_path, json_path) = (folder.join(NPZ), folder.join(JSON));
    let staged = [
        stage(&npz_path, what, &npz)?,
        stage(&json_path, what, json.as_bytes())?,
    ];
    staged.into_iter().try_for_each(|file| file.put())
}

#[derive(Serialize)]
struct Scalars<'a> {
    schema: u32,
    instrument: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
    fields: Vec<FieldNote<'a>>,
    distributions: &'a [Distribution],
    experiment: &'a Experiment,
    provenance: &'a Provenance,
}

#[derive(Serialize)]
struct FieldNote<'a> {
    name: &'a str,
    axes: Vec<&'a str>,
    shape: Vec<usize>,
}

fn scalars(outcome: &Outcome) -> Result<String, ExperimentError> {
    let scalars = Scalars {
        schema: schema::RESULT,
        instrument: outcome.experiment.instrument.name(),
        summary: &outcome.summary,
        fields: outcome
            .fields
            .iter()
            .map(|field| FieldNote {
                name: &field.name,
                axes: field.axes.iter().map(|a| a.name.as_str()).collect(),
                shape: field.shape(),
            })
            .collect(),
        distributions: &outcome.distributions,
        experiment: &outcome.experiment,
        provenance: &outcome.provenance,
    };
    let text = serde_json::to_string_pretty(&scalars).map_err(no_json)?;
    Ok(text + "\n")
}

fn no_json(error: serde_json::Error) -> ExperimentError {
    ExperimentError::invalid(format!("The result cannot be written as JSON: {error}."))
}

/// The bytes of `result.npz`.
///
/// # Errors
/// If a field contradicts itself, or a path in the experiment is not Unicode.
pub fn archive(outcome: &Outcome) -> Result<Vec<u8>, ExperimentError> {
    let mut members = vec![
        (
            "schema".to_string(),
            Stored {
                shape: Vec::new(),
                values: Values::U32(vec![schema::RESULT]),
            },
        ),
        (
            "experiment".to_string(),
            Stored::scalar_text(&to_json(&outcome.experiment)?),
        ),
        json_member("provenance", &outcome.provenance)?,
        json_member("summary", &outcome.summary)?,
        json_member("distributions", &outcome.distributions)?,
    ];
    for (name, value) in &outcome.summary.reference {
        members.push((format!("reference.{name}"), Stored::scalar(*value)));
    }
    let mut labels: BTreeMap<&str, &Labels> = BTreeMap::new();
    for field in &outcome.fields {
        check(field)?;
        field_members(field, &mut labels, &mut members);
    }
    for record in &outcome.attention {
        members.extend(attention_files::members(record));
    }
    pack(&members).map_err(|e| {
        ExperimentError::invalid(format!("The result's arrays cannot be packed: {e}."))
    })
}

/// Fields, each with its own labels and units, and texts beside them, as an `.npz` archive.
///
/// # Errors
/// If a field contradicts itself.
pub fn pack_fields(fields: &[Field], texts: &[(&str, &str)]) -> Result<Vec<u8>, ExperimentError> {
    let mut members: Vec<(String, Stored)> = texts
        .iter()
        .map(|(name, text)| ((*name).to_string(), Stored::scalar_text(text)))
        .collect();
    let mut labels: BTreeMap<&str, &Labels> = BTreeMap::new();
    for field in fields {
        check(field)?;
        field_members(field, &mut labels, &mut members);
    }
    pack(&members)
        .map_err(|e| ExperimentError::invalid(format!("The arrays cannot be packed: {e}.")))
}

fn json_member<T: Serialize>(name: &str, value: &T) -> Result<(String, Stored), ExperimentError> {
    let text = serde_json::to_string(value).map_err(no_json)?;
    Ok((name.to_string(), Stored::scalar_text(&text)))
}

fn check(field: &Field) -> Result<(), ExperimentError> {
    let cells: usize = field.axes.iter().map(|a| a.len()).product();
    let fits = field.values.len() == cells
        && field.mask.len() == cells
        && field.stderr.as_ref().is_none_or(|v| v.len() == cells)
        && field.count.as_ref().is_none_or(|v| v.len() == cells)
        && field
            .samples
            .as_ref()
            .is_none_or(|v| v.len() == cells * samples_per_cell(field, cells));
    if fits {
        return Ok(());
    }
    Err(ExperimentError::invalid(format!(
        "The field \"{}\" has arrays that do not fit its {cells} cells, so it was not written.",
        field.name
    )))
}

fn samples_per_cell(field: &Field, cells: usize) -> usize {
    let samples = field.samples.as_ref().map_or(0, Vec::len);
    samples.checked_div(cells).unwrap_or(0)
}

fn field_members<'a>(
    field: &'a Field,
    labels: &mut BTreeMap<&'a str, &'a Labels>,
    members: &mut Vec<(String, Stored)>,
) {
    let shape = field.shape();
    let cells = shape.iter().product();
    let mut add = |suffix: &str, shape: &[usize], values: Values| {
        members.push((
            format!("{}.{suffix}", field.name),
            Stored {
                shape: shape.to_vec(),
                values,
            },
        ));
    };
    add("values", &shape, Values::F32(field.values.clone()));
    if let Some(stderr) = &field.stderr {
        add("stderr", &shape, Values::F32(stderr.clone()));
    }
    if let Some(count) = &field.count {
        add("count", &shape, Values::U32(count.clone()));
    }
    if let Some(samples) = &field.samples {
        let mut shape = shape.clone();
        shape.push(samples_per_cell(field, cells));
        add("samples", &shape, Values::F32(samples.clone()));
    }
    if let Some(paired) = &field.paired_with {
        add("paired_with", &[paired.len()], Values::F32(paired.clone()));
    }
    if let Some(errors) = &field.effect_stderr {
        let shape = field.shape();
        add("effect_stderr", &shape, Values::F32(errors.clone()));
    }
    add("mask", &shape, Values::Bool(field.mask.clone()));
    let names: Vec<String> = field.axes.iter().map(|a| a.name.clone()).collect();
    add("axes", &[names.len()], Values::Text(names));
    if field.zero_below > 0.0 {
        add("zero_below", &[], Values::F32(vec![field.zero_below]));
    }
    if let Some(metric) = field.metric {
        add("metric", &[], Values::Text(vec![metric.name().to_string()]));
    }
    for (name, value) in &field.reference {
        add(&format!("reference.{name}"), &[], Values::F32(vec![*value]));
    }
    for axis in &field.axes {
        let values = match &axis.labels {
            Labels::Number(n) => Values::F64(n.clone()),
            Labels::Text(t) => Values::Text(t.clone()),
        };
        match labels.get(axis.name.as_str()) {
            None => {
                labels.insert(&axis.name, &axis.labels);
                members.push((
                    format!("axis.{}", axis.name),
                    Stored {
                        shape: vec![axis.len()],
                        values,
                    },
                ));
            }
            Some(same) if **same == axis.labels => {}
            Some(_) => members.push((
                format!("{}.axis.{}", field.name, axis.name),
                Stored {
                    shape: vec![axis.len()],
                    values,
                },
            )),
        }
    }
}

pub(crate) fn pack(members: &[(String, Stored)]) -> std::io::Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(3));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, stored) in members {
        let bytes = stored.to_bytes()?;
        let options = options.large_file(u32::try_from(bytes.len()).is_err());
        zip.start_file(format!("{name}.npy"), options)?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}
