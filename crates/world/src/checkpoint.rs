//! Training that can be put down and taken up again: weights, moments and the step, in one file.
//!
//! There is no state of a random generator to keep: the draws of a step depend on the seed and the step alone.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};

use crate::error::{Result, WorldError};
use crate::optimizer::Optimizer;
use crate::parameters::Parameters;
use crate::restoration::average::Average;

/// Writes a checkpoint beside `path` and moves it there, so that a crash leaves the old one whole.
///
/// # Errors
/// When the file cannot be written.
pub fn save(
    path: &Path,
    seed: u64,
    parameters: &Parameters,
    optimizer: &Optimizer,
    average: Option<&Average>,
) -> Result<()> {
    let mut tensors: HashMap<String, Tensor> = HashMap::new();
    if let Some(average) = average {
        for (parameter, values) in parameters.0.iter().zip(&average.values) {
            let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
            tensors.insert(format!("average.{}", parameter.name), tensor);
        }
    }
    for (parameter, (first, second)) in parameters.0.iter().zip(&optimizer.moments) {
        tensors.insert(parameter.name.clone(), parameter.var.as_tensor().clone());
        for (kind, values) in [("first", first), ("second", second)] {
            let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
            tensors.insert(format!("{kind}.{}", parameter.name), tensor);
        }
    }
    let state = [optimizer.steps as i64, seed as i64];
    tensors.insert("state".into(), Tensor::new(&state, &Device::Cpu)?);
    let unfinished = path.with_extension("unfinished");
    candle_core::safetensors::save(&tensors, &unfinished)?;
    std::fs::rename(&unfinished, path).map_err(WorldError::file("replace the checkpoint", path))
}

/// Puts a checkpoint's weights into `parameters` and gives back the optimiser, and the averaged weights if there are
/// any, as they were.
///
/// # Errors
/// When the file cannot be read, is of another seed, or does not fit the parameters.
pub fn load(
    path: &Path,
    seed: u64,
    parameters: &Parameters,
) -> Result<(Optimizer, Option<Average>)> {
    let unreadable = |what: &str| WorldError::Unreadable {
        what: what.to_string(),
        path: path.to_path_buf(),
    };
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)
        .map_err(|e| unreadable(&format!("The checkpoint cannot be read ({e})")))?;
    let get = |name: &str| {
        tensors
            .get(name)
            .ok_or_else(|| unreadable(&format!("The checkpoint has no {name}")))
    };
    let state = get("state")?.to_vec1::<i64>()?;
    let [steps, of_seed] = state[..] else {
        return Err(unreadable("The checkpoint's state is not step and seed"));
    };
    if of_seed != seed as i64 {
        return Err(unreadable(&format!(
            "The checkpoint belongs to seed {of_seed}, not {seed}; take another folder or that seed"
        )));
    }
    let mut optimizer = Optimizer::new(parameters);
    optimizer.steps = steps as u64;
    for (parameter, (first, second)) in parameters.0.iter().zip(&mut optimizer.moments) {
        let value = get(&parameter.name)?;
        if value.shape() != parameter.var.shape() {
            return Err(unreadable(&format!(
                "The checkpoint's {} has another shape; it was made by another version",
                parameter.name
            )));
        }
        parameter.var.set(value)?;
        for (kind, moments) in [("first", first), ("second", second)] {
            let read = get(&format!("{kind}.{}", parameter.name))?.to_vec1::<f32>()?;
            if read.len() != moments.len() {
                return Err(unreadable("The checkpoint's moments have another size"));
            }
            *moments = read;
        }
    }
    let averages = parameters.0.iter().map(|parameter| {
        let read = tensors.get(&format!("average.{}", parameter.name))?;
        let values = read.to_vec1::<f32>().ok()?;
        (values.len() == parameter.var.elem_count()).then_some(values)
    });
    let average = averages
        .collect::<Option<Vec<_>>>()
        .map(|values| Average { values });
    Ok((optimizer, average))
}
