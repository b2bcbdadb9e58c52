//! Changes of one value, and their transposes for the gradient.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use whyfinder_experiment::{Action, Intervention, Part, Select, Site};

use crate::error::{ModelError, Result};

/// One intervention, resolved against the shape that its site has in this pass.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    /// Offsets of the selected elements, row-major over the selected block.
    places: Vec<usize>,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    /// One value per place.
    Set(Vec<f32>),
    Add(Vec<f32>),
    Scale(f32),
    /// To the mean over the selected positions: places `[outer, positions, inner]`.
    Mean {
        positions: usize,
        inner: usize,
    },
    /// From the same place of another row: one offset per place.
    Copy(Vec<usize>),
    Zero,
    /// -inf, on scores.
    Cut,
    /// 0 on every score that is not -inf.
    Level,
}

/// What selects along each dimension of a value.
struct Axes<'a> {
    names: &'static [&'static str],
    selects: Vec<&'a Select>,
}

impl Edit {
    pub(crate) fn new(intervention: &Intervention, site: Site, dims: &[usize]) -> Result<Self> {
        let axes = Axes::of(intervention, site)?;
        let block = axes.resolve(site, dims)?;
        let places = places(&block, dims);
        let shape: Vec<usize> = block.iter().map(Vec::len).collect();
        let change = match &intervention.action {
            Action::Set(array) => Change::Set(broadcast(&array.shape, &array.data, &shape, site)?),
            Action::Add(array) => Change::Add(broadcast(&array.shape, &array.data, &shape, site)?),
            Action::Scale(factor) => Change::Scale(*factor),
            Action::Zero | Action::KnockOutUnnormalised => Change::Zero,
            Action::Mean => {
                let axis = axes.position_axis();
                Change::Mean {
                    positions: shape[axis],
                    inner: shape[axis + 1..].iter().product(),
                }
            }
            Action::Restore { from_row } => {
                let row = dims[1..].iter().product::<usize>();
                if *from_row >= dims[0] {
                    return Err(ModelError::Input(format!(
                        "The intervention at {site} restores from batch row {from_row}, but there are {} rows.",
                        dims[0]
                    )));
                }
                Change::Copy(places.iter().map(|p| from_row * row + p % row).collect())
            }
            Action::KnockOutRenormalised => Change::Cut,
            Action::Uniform => {
                if intervention.keys != Select::All {
                    return Err(ModelError::Input(format!(
                        "Uniform attention at {} spreads over all keys that a query may see; leave `keys` at all.",
                        intervention.site
                    )));
                }
                Change::Level
            }
        };
        Ok(Self { places, change })
    }

    fn forward(&self, x: &mut [f32]) {
        match &self.change {
            Change::Set(values) => self.each(values, |place, value| x[place] = value),
            Change::Add(values) => self.each(values, |place, value| x[place] += value),
            Change::Scale(factor) => self.places.iter().for_each(|&p| x[p] *= factor),
            Change::Zero => self.places.iter().for_each(|&p| x[p] = 0.0),
            Change::Mean { positions, inner } => self.average(x, *positions, *inner),
            Change::Copy(sources) => {
                let values: Vec<f32> = sources.iter().map(|&s| x[s]).collect();
                self.each(&values, |place, value| x[place] = value);
            }
            Change::Cut => self.places.iter().for_each(|&p| x[p] = f32::NEG_INFINITY),
            Change::Level => {
                for &place in &self.places {
                    if x[place] != f32::NEG_INFINITY {
                        x[place] = 0.0;
                    }
                }
            }
        }
    }

    /// The transpose of the change's linear part.
    fn backward(&self, g: &mut [f32]) {
        match &self.change {
            Change::Add(_) => {}
            Change::Scale(factor) => self.places.iter().for_each(|&p| g[p] *= factor),
            Change::Mean { positions, inner } => self.average(g, *positions, *inner),
            Change::Copy(sources) => {
                let taken: Vec<f32> = self
                    .places
                    .iter()
                    .map(|&p| std::mem::replace(&mut g[p], 0.0))
                    .collect();
                for (&source, value) in sources.iter().zip(taken) {
                    g[source] += value;
                }
            }
            Change::Set(_) | Change::Zero | Change::Cut | Change::Level => {
                self.places.iter().for_each(|&p| g[p] = 0.0);
            }
        }
    }

    fn each(&self, values: &[f32], mut put: impl FnMut(usize, f32)) {
        for (&place, &value) in self.places.iter().zip(values) {
            put(place, value);
        }
    }

    fn average(&self, x: &mut [f32], positions: usize, inner: usize) {
        for outer in self.places.chunks(positions * inner) {
            for i in 0..inner {
                let along = || outer[i..].iter().step_by(inner);
                let sum: f64 = along().map(|&p| f64::from(x[p])).sum();
                let mean = (sum / positions as f64) as f32;
                along().for_each(|&p| x[p] = mean);
            }
        }
    }
}

/// All edits of one site, in order.
#[derive(Clone, Debug)]
pub(crate) struct Edits {
    site: Site,
    edits: Vec<Edit>,
}

impl Edits {
    pub(crate) fn new(site: Site, edits: Vec<Edit>) -> Self {
        Self { site, edits }
    }

    /// `value` must be contiguous f32 on the CPU.
    pub(crate) fn apply(self, value: &Tensor) -> Result<Tensor> {
        let cuts = self
            .edits
            .iter()
            .any(|edit| matches!(edit.change, Change::Cut));
        if cuts {
            let length = value.dim(3)?;
            let before = value.flatten_all()?.to_vec1::<f32>()?;
            self.refuse_idle_cuts(&before)?;
            let after = value.apply_op1(self.clone())?;
            self.refuse_blind_queries(&after, length)?;
            return Ok(after);
        }
        Ok(value.apply_op1(self)?)
    }

    fn refuse_idle_cuts(&self, before: &[f32]) -> Result<()> {
        let idle = |edit: &Edit| {
            matches!(edit.change, Change::Cut)
                && edit.places.iter().all(|&p| before[p] == f32::NEG_INFINITY)
        };
        if self.edits.iter().any(idle) {
            return Err(ModelError::Input(format!(
                "The knock-out at {} cuts only edges that the mask hides already; choose keys before the queries.",
                self.site
            )));
        }
        Ok(())
    }

    fn refuse_blind_queries(&self, after: &Tensor, length: usize) -> Result<()> {
        let (_, heads, queries, _) = after.dims4()?;
        let values = after.flatten_all()?.to_vec1::<f32>()?;
        let blind = values
            .chunks(length)
            .position(|row| row.iter().all(|&score| score == f32::NEG_INFINITY));
        match blind {
            Some(row) => Err(ModelError::Input(format!(
                "The knock-out at {} leaves query {} of head {} (batch row {}) no key to attend to; spare at least one.",
                self.site,
                row % queries,
                row / queries % heads,
                row / queries / heads,
            ))),
            None => Ok(()),
        }
    }
}

impl CustomOp1 for Edits {
    fn name(&self) -> &'static str {
        "intervention"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let mut values = contiguous(storage, layout)?.to_vec();
        self.edits.iter().for_each(|edit| edit.forward(&mut values));
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }

    fn bwd(
        &self,
        _value: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let transposed = Transposed(self.edits.clone());
        gradient
            .contiguous()?
            .apply_op1_no_bwd(&transposed)
            .map(Some)
    }
}

struct Transposed(Vec<Edit>);

impl CustomOp1 for Transposed {
    fn name(&self) -> &'static str {
        "intervention-transposed"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let mut values = contiguous(storage, layout)?.to_vec();
        for edit in self.0.iter().rev() {
            edit.backward(&mut values);
        }
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => candle_core::bail!("an intervention needs contiguous values"),
    }
}

impl<'a> Axes<'a> {
    fn of(intervention: &'a Intervention, site: Site) -> Result<Self> {
        let Intervention {
            rows,
            positions,
            heads,
            keys,
            ..
        } = intervention;
        let refuse = |select: &Select, name: &str| match select {
            Select::All => Ok(()),
            Select::Only(_) => Err(ModelError::Input(format!(
                "{site} has no {name} to select; leave `{name}` at all."
            ))),
        };
        let all = &Select::All;
        match site.part {
            Part::AttnScoresUnmasked | Part::AttnScores | Part::Pattern => Ok(Self {
                names: &["batch row", "head", "query", "key"],
                selects: vec![rows, heads, positions, keys],
            }),
            Part::Q
            | Part::K
            | Part::V
            | Part::RotQ
            | Part::RotK
            | Part::KExpanded
            | Part::VExpanded
            | Part::Z
            | Part::AttnResult => {
                refuse(keys, "keys")?;
                Ok(Self {
                    names: &["batch row", "position", "head", "dimension"],
                    selects: vec![rows, positions, heads, all],
                })
            }
            _ => {
                refuse(keys, "keys")?;
                refuse(heads, "heads")?;
                Ok(Self {
                    names: &["batch row", "position", "dimension"],
                    selects: vec![rows, positions, all],
                })
            }
        }
    }

    fn position_axis(&self) -> usize {
        let is_position = |name: &&str| matches!(*name, "position" | "query");
        self.names.iter().position(is_position).unwrap_or(1)
    }

    fn resolve(&self, site: Site, dims: &[usize]) -> Result<Vec<Vec<usize>>> {
        if dims.len() != self.names.len() {
            return Err(ModelError::Input(format!(
                "The value at {site} has shape {dims:?}, which no intervention fits."
            )));
        }
        let axes = self.names.iter().zip(&self.selects).zip(dims);
        axes.map(|((name, select), &len)| {
            let indices = select.resolve(len).ok_or_else(|| {
                ModelError::Input(format!(
                    "The intervention at {site} selects a {name} outside the {len} there are."
                ))
            })?;
            if indices.is_empty() {
                return Err(ModelError::Input(format!(
                    "The intervention at {site} selects no {name}; it would change nothing."
                )));
            }
            let mut seen = vec![false; len];
            for &index in &indices {
                if std::mem::replace(&mut seen[index], true) {
                    return Err(ModelError::Input(format!(
                        "The intervention at {site} selects {name} {index} twice."
                    )));
                }
            }
            Ok(indices)
        })
        .collect()
    }
}

/// Offsets of a block of indices, row-major over the block.
fn places(block: &[Vec<usize>], dims: &[usize]) -> Vec<usize> {
    let mut places = vec![0usize];
    for (indices, &len) in block.iter().zip(dims) {
        places = places
            .iter()
            .flat_map(|&place| indices.iter().map(move |&index| place * len + index))
            .collect();
    }
    places
}

/// Values broadcast from the right to `shape`, row-major.
fn broadcast(from: &[usize], data: &[f32], shape: &[usize], site: Site) -> Result<Vec<f32>> {
    let fits = from.len() <= shape.len()
        && from
            .iter()
            .rev()
            .zip(shape.iter().rev())
            .all(|(&have, &need)| have == need || have == 1)
        && from.iter().product::<usize>() == data.len();
    if !fits {
        return Err(ModelError::Input(format!(
            "Values of shape {from:?} do not fit the block of shape {shape:?} selected at {site}."
        )));
    }
    let mut offsets = vec![0usize];
    let skipped = shape.len() - from.len();
    for (axis, &len) in shape.iter().enumerate() {
        let have = if axis < skipped {
            1
        } else {
            from[axis - skipped]
        };
        offsets = offsets
            .iter()
            .flat_map(|&offset| {
                (0..len).map(move |i| offset * have + if have == 1 { 0 } else { i })
            })
            .collect();
    }
    Ok(offsets.into_iter().map(|offset| data[offset]).collect())
}
