//! Reading an answer back; nothing that a file claims about its own size is believed.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use zip::ZipArchive;

use crate::npy::{Stored, Values};
use crate::result_write::NPZ;
use crate::{
    Axis, Experiment, ExperimentError, Field, Labels, Metric, Outcome, OutsideFile, Provenance,
    attention_files, schema,
};

/// Most bytes that the members of one archive may unpack to.
const MAX_BYTES: u64 = 8 << 30;
/// Most members in one archive.
const MAX_MEMBERS: usize = 100_000;

/// Reads a result: the folder it was written to, or its `.npz` file, which alone is enough.
///
/// # Errors
/// If the file cannot be read, is not a result, or contradicts itself.
pub fn read_result(path: &Path) -> Result<Outcome, ExperimentError> {
    let path = if path.is_dir() {
        path.join(NPZ)
    } else {
        path.to_path_buf()
    };
    let file_error = |source| ExperimentError::File {
        what: "read the result",
        path: path.clone(),
        source,
    };
    let file = OutsideFile::open(&path).map_err(file_error)?;
    let unreadable = |what: String| {
        ExperimentError::invalid(format!(
            "The file is not a result that can be read: {what}. Path: {}",
            path.display()
        ))
    };
    let members = unpack(std::io::BufReader::new(file.file())).map_err(unreadable)?;
    file.check_unchanged().map_err(file_error)?;
    members
        .refuse_newer()
        .map_err(|e| ExperimentError::invalid(format!("{e} Path: {}", path.display())))?;
    outcome(&members).map_err(unreadable)
}

pub(crate) struct Members {
    /// Names in the order of the archive.
    order: Vec<String>,
    arrays: HashMap<String, Stored>,
}

fn outcome(members: &Members) -> Result<Outcome, String> {
    let experiment: Experiment = members
        .json("experiment")?
        .ok_or("it holds no experiment")?;
    let provenance: Provenance = members
        .json("provenance")?
        .ok_or("it does not say where its numbers came from")?;
    let fields = members
        .order
        .iter()
        .filter_map(|name| name.strip_suffix(".values"))
        .map(|name| members.field(name))
        .collect::<Result<_, _>>()?;
    Ok(Outcome {
        experiment,
        fields,
        summary: members.json("summary")?.unwrap_or_default(),
        provenance,
        distributions: members.json("distributions")?.unwrap_or_default(),
        attention: attention_files::read(&members.order, |name| members.arrays.get(name))?,
    })
}

pub(crate) fn unpack<R: Read + Seek>(reader: R) -> Result<Members, String> {
    let mut zip = ZipArchive::new(reader).map_err(|e| format!("it is not a .npz archive ({e})"))?;
    if zip.len() > MAX_MEMBERS {
        return Err(format!("it holds {} members, which is too many", zip.len()));
    }
    let mut members = Members {
        order: Vec::new(),
        arrays: HashMap::new(),
    };
    let mut left = MAX_BYTES;
    for index in 0..zip.len() {
        let mut file = zip
            .by_index(index)
            .map_err(|e| format!("its member {index} cannot be opened ({e})"))?;
        let file_name = file
            .name()
            .map_err(|e| format!("the name of its member {index} is unreadable ({e})"))?
            .into_owned();
        let Some(name) = file_name.strip_suffix(".npy").map(str::to_string) else {
            continue;
        };
        let mut bytes = Vec::new();
        let read = file
            .by_ref()
            .take(left + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| format!("its member \"{name}\" cannot be unpacked ({e})"))?;
        left = left
            .checked_sub(read as u64)
            .ok_or("it unpacks to more than 8 GiB")?;
        let stored =
            Stored::from_bytes(&bytes).map_err(|e| format!("its member \"{name}\" {e}"))?;
        members.order.push(name.clone());
        if members.arrays.insert(name.clone(), stored).is_some() {
            return Err(format!("it holds \"{name}\" twice"));
        }
    }
    Ok(members)
}

impl Members {
    /// # Errors
    /// A sentence if the result, or the experiment in it, is of a version that is not known yet.
    fn refuse_newer(&self) -> Result<(), ExperimentError> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Mark {
            schema: Option<u32>,
            program: String,
        }
        let mark = |name: &str| self.json::<Mark>(name).ok().flatten().unwrap_or_default();
        let program = mark("provenance").program;
        let experiment = mark("experiment").schema.unwrap_or(1);
        let result = match self.arrays.get("schema").map(|stored| &stored.values) {
            Some(Values::U32(version)) => version.first().copied().unwrap_or(1),
            _ => 1,
        };
        let program = Some(program.as_str());
        schema::refuse_newer("result", result, schema::RESULT, program)?;
        schema::refuse_newer(
            "experiment in the result",
            experiment,
            schema::EXPERIMENT,
            program,
        )
    }

    fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.arrays.get(name).map(|stored| &stored.values) {
            None => Ok(None),
            Some(Values::Text(t)) if t.len() == 1 => Ok(Some(&t[0])),
            Some(_) => Err(format!("\"{name}\" must be one text")),
        }
    }

    pub(crate) fn values(&self, name: &str) -> Option<&Values> {
        self.arrays.get(name).map(|stored| &stored.values)
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, String> {
        self.text(name)?
            .map(|text| {
                serde_json::from_str(text).map_err(|e| {
                    let e = e.to_string();
                    format!(
                        "\"{name}\" is not what it should be ({})",
                        e.trim_end_matches('.')
                    )
                })
            })
            .transpose()
    }

    fn field(&self, name: &str) -> Result<Field, String> {
        let of = |suffix: &str| self.arrays.get(&format!("{name}.{suffix}"));
        let wrong = |suffix: &str| format!("\"{name}.{suffix}\" does not fit its field");
        let Some(Stored {
            shape,
            values: Values::F32(values),
        }) = of("values")
        else {
            return Err(wrong("values"));
        };
        let names = match of("axes").map(|a| &a.values) {
            Some(Values::Text(names)) if names.len() == shape.len() => names,
            _ => return Err(wrong("axes")),
        };
        let axes = names
            .iter()
            .zip(shape)
            .map(|(axis, &len)| self.axis(name, axis, len))
            .collect::<Result<Vec<_>, _>>()?;
        let same_shape = |suffix: &str, stored: &Stored| {
            (stored.shape == *shape)
                .then_some(())
                .ok_or_else(|| wrong(suffix))
        };
        let mut field = Field::unmeasured(name, axes);
        field.values.clone_from(values);
        match of("mask") {
            Some(stored) => {
                same_shape("mask", stored)?;
                let Values::Bool(mask) = &stored.values else {
                    return Err(wrong("mask"));
                };
                field.mask.clone_from(mask);
            }
            None => field.mask.fill(true),
        }
        if let Some(stored) = of("stderr") {
            same_shape("stderr", stored)?;
            let Values::F32(stderr) = &stored.values else {
                return Err(wrong("stderr"));
            };
            field.stderr = Some(stderr.clone());
        }
        if let Some(stored) = of("count") {
            same_shape("count", stored)?;
            let Values::U32(count) = &stored.values else {
                return Err(wrong("count"));
            };
            field.count = Some(count.clone());
        }
        if let Some(stored) = of("samples") {
            let cells_shape = stored.shape.split_last().map(|(_, cells)| cells);
            let (Values::F32(samples), true) =
                (&stored.values, cells_shape == Some(shape.as_slice()))
            else {
                return Err(wrong("samples"));
            };
            field.samples = Some(samples.clone());
        }
        if let Some(stored) = of("paired_with") {
            let Values::F32(paired) = &stored.values else {
                return Err(wrong("paired_with"));
            };
            field.pair_with(paired.clone());
        }
        if let Some(stored) = of("zero_below") {
            let Values::F32(value) = &stored.values else {
                return Err(wrong("zero_below"));
            };
            field.zero_below = value.first().copied().ok_or_else(|| wrong("zero_below"))?;
        }
        if let Some(text) = self.text(&format!("{name}.metric"))? {
            field.metric = Some(Metric::named(text).ok_or_else(|| wrong("metric"))?);
        }
        field.reference = self.references(&format!("{name}.reference."));
        Ok(field)
    }

    fn axis(&self, field: &str, axis: &str, len: usize) -> Result<Axis, String> {
        let stored = self
            .arrays
            .get(&format!("{field}.axis.{axis}"))
            .or_else(|| self.arrays.get(&format!("axis.{axis}")));
        let labels = match stored.map(|s| &s.values) {
            Some(Values::Text(t)) => Labels::Text(t.clone()),
            Some(Values::F64(n)) => Labels::Number(n.clone()),
            _ => return Err(format!("the labels of the axis \"{axis}\" are missing")),
        };
        if labels.len() != len {
            return Err(format!(
                "the axis \"{axis}\" has {} labels, but \"{field}\" has {len} values along it",
                labels.len()
            ));
        }
        Ok(Axis {
            name: axis.to_string(),
            labels,
        })
    }

    fn references(&self, prefix: &str) -> BTreeMap<String, f32> {
        self.arrays
            .iter()
            .filter_map(|(name, stored)| {
                let name = name.strip_prefix(prefix)?;
                match &stored.values {
                    Values::F32(v) if v.len() == 1 => Some((name.to_string(), v[0])),
                    _ => None,
                }
            })
            .collect()
    }
}
