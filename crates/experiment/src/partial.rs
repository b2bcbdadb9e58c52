//! What was measured of a run that has not ended: `partial-NAME.npz` in the folder where its result will be, and what
//! is too large for that beside it (see [`Parts`]).
//!
//! The name is that of the run's [`Identity`]: what is left of two different runs never meets in one file.

mod parts;

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::npy::{Stored, Values};
use crate::result_read::{Members, unpack};
use crate::result_write::{NPZ, pack};
use crate::whole_file::write_whole;
use crate::{Experiment, ExperimentError, OutsideFile, schema};

pub use parts::Parts;

const BEGINNING: &str = "partial-";
const ENDING: &str = ".npz";
/// Letters of the digest that a file is named by.
const NAMED_BY: usize = 12;
/// Most fields and stages of one run.
const MOST_GROUPS: usize = 64;

/// Everything that a run's numbers depend on, to the last bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub schema: u32,
    /// Another version may add in another order.
    pub program: String,
    pub experiment: Experiment,
    /// BLAKE3, hex, of the files that the experiment names.
    pub files: Vec<String>,
    pub model_digest: String,
    pub tokenizer_digest: String,
    pub device: String,
    pub dtype: String,
    /// Bytes that may be held: they say how much is computed at once.
    pub memory: u64,
}

impl Identity {
    /// What of this run differs from another one, in words; `None` if nothing does.
    pub fn difference(&self, other: &Self) -> Option<&'static str> {
        let (a, b) = (self, other);
        if a.experiment.model != b.experiment.model {
            return Some("of another model");
        }
        if (&a.model_digest, &a.tokenizer_digest) != (&b.model_digest, &b.tokenizer_digest) {
            return Some("of other weights under the same name");
        }
        if a.experiment.seed != b.experiment.seed {
            return Some("with another seed");
        }
        if a.experiment != b.experiment {
            return Some("of another experiment");
        }
        if a.files != b.files {
            return Some("of files that have changed since");
        }
        if (&a.device, &a.dtype) != (&b.device, &b.dtype) {
            return Some("on another device");
        }
        if (a.schema, &a.program) != (b.schema, &b.program) {
            return Some("by another version of the program");
        }
        (a.memory != b.memory).then_some("with another limit of memory")
    }

    fn json(&self) -> Result<String, ExperimentError> {
        serde_json::to_string(self).map_err(|e| {
            ExperimentError::invalid(format!("The run cannot be written as JSON: {e}."))
        })
    }

    /// Where this run keeps what it has measured, beside its result.
    ///
    /// # Errors
    /// If a path in the experiment is not Unicode.
    pub fn path(&self, folder: &Path) -> Result<PathBuf, ExperimentError> {
        let digest = blake3::hash(self.json()?.as_bytes()).to_hex();
        let name = digest.chars().take(NAMED_BY).collect::<String>();
        Ok(folder.join(format!("{BEGINNING}{name}{ENDING}")))
    }
}

/// The files that an experiment names, by their content.
///
/// # Errors
/// If one cannot be read.
pub fn digests_of(experiment: &Experiment) -> Result<Vec<String>, ExperimentError> {
    let digest = |path: &PathBuf| {
        // Earlier results are named by their folders.
        let path = &if path.is_dir() {
            path.join(NPZ)
        } else {
            path.clone()
        };
        let mut hasher = blake3::Hasher::new();
        OutsideFile::open(path)
            .and_then(|file| {
                std::io::copy(&mut file.file(), &mut hasher)?;
                file.check_unchanged()
            })
            .map_err(|source| ExperimentError::File {
                what: "read a file of the experiment",
                path: path.clone(),
                source,
            })?;
        Ok(hasher.finalize().to_hex().to_string())
    };
    experiment.files().iter().map(digest).collect()
}

/// What a run has measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Partial {
    pub identity: Identity,
    /// Time that it took so far.
    pub seconds: f64,
    pub groups: Vec<Group>,
}

/// Cells of one field, in one stage of the instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub stage: u32,
    pub field: String,
    pub cells: Vec<PartialCell>,
}

/// One cell, as an instrument reports it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartialCell {
    /// Row-major index into the field.
    pub cell: usize,
    pub samples: Vec<f32>,
    /// Most likely tokens with their mean probability.
    pub top: Vec<(u32, f32)>,
    pub tracked: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct GroupName {
    stage: u32,
    field: String,
}

impl Partial {
    /// Writes the file, whole or not at all, in place of a former one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ExperimentError> {
        let names: Vec<GroupName> = self
            .groups
            .iter()
            .map(|group| GroupName {
                stage: group.stage,
                field: group.field.clone(),
            })
            .collect();
        let names = serde_json::to_string(&names)
            .map_err(|e| ExperimentError::invalid(format!("The cells have no names: {e}.")))?;
        let list = |values: Values, len: usize| Stored {
            shape: vec![len],
            values,
        };
        let mut members = vec![
            (
                "identity".to_string(),
                Stored::scalar_text(&self.identity.json()?),
            ),
            ("groups".to_string(), Stored::scalar_text(&names)),
            (
                "seconds".to_string(),
                list(Values::F64(vec![self.seconds]), 1),
            ),
        ];
        for (i, group) in self.groups.iter().enumerate() {
            let mut floats = Vec::new();
            let mut ids = Vec::new();
            let mut lengths = Vec::new();
            for cell in &group.cells {
                let own = [
                    cell.cell,
                    cell.samples.len(),
                    cell.top.len(),
                    cell.tracked.len(),
                ];
                lengths.extend(own.map(|n| n as u32));
                floats.extend(&cell.samples);
                floats.extend(cell.top.iter().map(|(_, p)| *p));
                floats.extend(&cell.tracked);
                ids.extend(cell.top.iter().map(|(id, _)| *id));
            }
            let (f, n, l) = (floats.len(), ids.len(), lengths.len());
            members.push((format!("{i}.cells"), list(Values::U32(lengths), l)));
            members.push((format!("{i}.values"), list(Values::F32(floats), f)));
            members.push((format!("{i}.tokens"), list(Values::U32(ids), n)));
        }
        let bytes = pack(&members)
            .map_err(|e| ExperimentError::invalid(format!("The cells cannot be packed: {e}.")))?;
        write_whole(path, "keep what is measured", &bytes)
    }

    /// Reads a file that was written by [`Partial::write`].
    ///
    /// # Errors
    /// A sentence if it cannot be read or is of a later version.
    pub fn read(path: &Path) -> Result<Self, ExperimentError> {
        let file = fs::File::open(path).map_err(|source| ExperimentError::File {
            what: "read what was measured",
            path: path.to_path_buf(),
            source,
        })?;
        let wrong = |what: String| {
            ExperimentError::invalid(format!(
                "What was measured cannot be read: {what}. Path: {}",
                path.display()
            ))
        };
        let members = unpack(BufReader::new(file)).map_err(wrong)?;
        let identity: Identity = members
            .json("identity")
            .and_then(|i| i.ok_or_else(|| "it does not say of which run".to_string()))
            .map_err(wrong)?;
        let latest = schema::RESULT;
        schema::refuse_newer("file", identity.schema, latest, Some(&identity.program))?;
        partial(&members, identity).map_err(wrong)
    }
}

fn partial(members: &Members, identity: Identity) -> Result<Partial, String> {
    let names: Vec<GroupName> = members.json("groups")?.unwrap_or_default();
    if names.len() > MOST_GROUPS {
        return Err(format!("it names {} fields", names.len()));
    }
    let seconds = match members.values("seconds") {
        Some(Values::F64(s)) => s.first().copied().filter(|s| s.is_finite()),
        _ => None,
    };
    let groups = names.into_iter().enumerate().map(|(i, name)| {
        let array = |what: &str| members.values(&format!("{i}.{what}"));
        let (Some(Values::U32(cells)), Some(Values::F32(values)), Some(Values::U32(tokens))) =
            (array("cells"), array("values"), array("tokens"))
        else {
            return Err(format!("the cells of \"{}\" are missing", name.field));
        };
        let short = || format!("the cells of \"{}\" are cut off", name.field);
        let (mut values, mut tokens) = (values.as_slice(), tokens.as_slice());
        let cells = cells.chunks_exact(4).map(|own| {
            let [cell, samples, top, tracked] =
                [own[0], own[1], own[2], own[3]].map(|n| n as usize);
            let mut take = |count: usize| {
                let (taken, rest) = values.split_at_checked(count)?;
                values = rest;
                Some(taken.to_vec())
            };
            let samples = take(samples)?;
            let probabilities = take(top)?;
            let tracked = take(tracked)?;
            let (ids, rest) = tokens.split_at_checked(top)?;
            tokens = rest;
            Some(PartialCell {
                cell,
                samples,
                top: ids.iter().copied().zip(probabilities).collect(),
                tracked,
            })
        });
        let cells = cells.collect::<Option<Vec<_>>>().ok_or_else(short)?;
        Ok(Group {
            stage: name.stage,
            field: name.field,
            cells,
        })
    });
    Ok(Partial {
        groups: groups.collect::<Result<_, _>>()?,
        seconds: seconds.unwrap_or(0.0),
        identity,
    })
}

/// Takes away what a run has kept in a file and in the folder beside it, as far as there is any.
pub fn remove(path: &Path) {
    fs::remove_file(path).ok();
    fs::remove_dir_all(parts::folder_of(path)).ok();
}

/// Whether there is a folder of parts beside a file.
pub fn has_parts(path: &Path) -> bool {
    parts::folder_of(path).is_dir()
}

/// The files in a folder that hold what was measured of some run, in the order of their names.
pub fn partials_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let middle = name
                .strip_prefix(BEGINNING)
                .and_then(|rest| rest.strip_suffix(ENDING));
            middle.is_some_and(|m| m.len() == NAMED_BY && m.bytes().all(|b| b.is_ascii_hexdigit()))
        })
        .map(|entry| entry.path())
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn identity(seed: u32) -> Identity {
        let text = format!(
            "instrument = \"run\"\nmodel = \"m\"\nseed = {seed}\n[input]\nprompt = \"a b\"\n"
        );
        Identity {
            schema: schema::RESULT,
            program: schema::PROGRAM.into(),
            experiment: crate::parse_experiment(&text, &[]).expect("parses"),
            files: Vec::new(),
            model_digest: "1".into(),
            tokenizer_digest: "2".into(),
            device: "cpu".into(),
            dtype: "f32".into(),
            memory: 1 << 30,
        }
    }

    fn some() -> Partial {
        Partial {
            identity: identity(1),
            seconds: 1.5,
            groups: vec![
                Group {
                    stage: 0,
                    field: "mlp".into(),
                    cells: vec![
                        PartialCell {
                            cell: 7,
                            samples: vec![0.1, f32::NEG_INFINITY, -0.0],
                            top: vec![(3, 0.5), (9, 0.25)],
                            tracked: vec![0.75],
                        },
                        PartialCell {
                            cell: 2,
                            samples: vec![1e-42],
                            ..PartialCell::default()
                        },
                    ],
                },
                Group {
                    stage: 1,
                    field: "effect".into(),
                    cells: Vec::new(),
                },
            ],
        }
    }

    #[test]
    fn cells_come_back_bit_for_bit_and_alone_under_their_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let partial = some();
        let path = partial.identity.path(folder.path()).expect("a name");
        partial.write(&path).expect("writes");
        let back = Partial::read(&path).expect("reads");
        assert_eq!(back, partial);
        assert!(back.groups[0].cells[0].samples[2].is_sign_negative());
        fs::write(folder.path().join("partial-of-mine.npz"), "").expect("writes");
        assert_eq!(partials_in(folder.path()), [path]);
        assert_ne!(
            identity(1).path(folder.path()).expect("a name"),
            identity(2).path(folder.path()).expect("a name")
        );
    }

    #[test]
    fn a_cut_file_is_refused_with_a_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("p.npz");
        some().write(&path).expect("writes");
        let whole = fs::read(&path).expect("reads");
        for end in [0, 10, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..end]).expect("writes");
            let message = Partial::read(&path).expect_err("cut").to_string();
            assert!(message.contains("cannot be read"), "{message}");
        }
    }

    #[test]
    fn what_differs_is_said() {
        let one = identity(1);
        assert_eq!(one.difference(&one.clone()), None);
        assert_eq!(one.difference(&identity(2)), Some("with another seed"));
        let other = Identity {
            model_digest: "5".into(),
            ..one.clone()
        };
        assert_eq!(
            one.difference(&other),
            Some("of other weights under the same name")
        );
        let elsewhere = Identity {
            device: "cuda:0".into(),
            ..one.clone()
        };
        assert_eq!(one.difference(&elsewhere), Some("on another device"));
    }
}
