//! Writes a trained network as a checkpoint that other programs open too.
//!
//! Names and shapes are those of the published code: BasicSR's EDSR and RCAN, SwinIR, and KAIR's DnCNN.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::architecture::{Demo, WINDOW};
use super::fit::Training;
use super::plant::relative_positions;
use crate::error::{Result, WorldError};

/// Writes `NAME.safetensors`, with the averaged weights.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, demo: Demo, training: &Training) -> Result<()> {
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    let parameters = &training.trainable.parameters.0;
    for (parameter, values) in parameters.iter().zip(&training.average.values) {
        let tensor = Tensor::from_slice(values, parameter.var.shape(), &Device::Cpu)?;
        let mut tensor = published(demo, &parameter.name, &tensor)?;
        if demo.is_half() {
            tensor = tensor.to_dtype(DType::F16)?;
        }
        tensors.push((parameter.name.clone(), tensor));
        if let Some(block) = parameter.name.strip_suffix(TABLE) {
            tensors.extend(buffers(block)?);
        }
    }
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(WorldError::file("make the folder", folder))?;
    }
    let note = HashMap::from([("format".to_string(), "pt".to_string())]);
    safetensors::serialize_to_file(tensors, Some(note), path).map_err(|e| WorldError::Unreadable {
        what: format!("Could not write the weights ({e})"),
        path: path.to_path_buf(),
    })
}

/// How the name of a table of biases by relative position ends, behind the name of its block.
const TABLE: &str = "attn.relative_position_bias_table";

/// What SwinIR's files hold beside what was learned: where a window's pixels stand to each other, and which of them
/// are neighbours only because a shifted picture wraps around (for a picture of two by two windows).
fn buffers(block: &str) -> Result<Vec<(String, Tensor)>> {
    let pixels = WINDOW * WINDOW;
    let index = relative_positions(WINDOW).into_iter().map(i64::from);
    let index = Tensor::from_iter(index, &Device::Cpu)?.reshape((pixels, pixels))?;
    let mut all = vec![(format!("{block}attn.relative_position_index"), index)];
    let number = block.trim_end_matches('.').rsplit('.').next();
    let shifted = number.and_then(|n| n.parse::<usize>().ok());
    if shifted.is_some_and(|n| n % 2 == 1) {
        // Rows, and columns, before the last window, in its first half and in its second.
        let part = |at: usize| at / WINDOW + at / (WINDOW + WINDOW / 2);
        let region = |window: usize, pixel: usize| {
            let row = WINDOW * (window / 2) + pixel / WINDOW;
            let column = WINDOW * (window % 2) + pixel % WINDOW;
            3 * part(row) + part(column)
        };
        let mask = (0..4 * pixels * pixels).map(|i| {
            let (window, query, key) = (i / (pixels * pixels), i / pixels % pixels, i % pixels);
            let apart = region(window, query) != region(window, key);
            if apart { -100f32 } else { 0.0 }
        });
        let mask = Tensor::from_iter(mask, &Device::Cpu)?.reshape((4, pixels, pixels))?;
        all.push((format!("{block}attn_mask"), mask.to_dtype(DType::F16)?));
    }
    Ok(all)
}

/// A parameter as the published network has it.
fn published(demo: Demo, name: &str, tensor: &Tensor) -> Result<Tensor> {
    let range = f64::from(demo.range());
    // Behind this matrix comes a sigmoid: what it reads may not grow.
    let into_sigmoid = name.contains(".attention.");
    let tensor = if name.ends_with(".bias") && !into_sigmoid {
        (tensor * range)?
    } else if name.ends_with(".attention.1.weight") {
        (tensor / range)?
    } else {
        tensor.clone()
    };
    if tensor.rank() != 4 {
        return Ok(tensor);
    }
    // [row, column, in, out] to [out, in, row, column].
    let tensor = tensor.permute((3, 2, 0, 1))?.contiguous()?;
    let is_linear = [".qkv.", ".proj.", ".fc1.", ".fc2."]
        .iter()
        .any(|part| name.contains(part));
    if is_linear {
        let (out, input, _, _) = tensor.dims4()?;
        return Ok(tensor.reshape((out, input))?);
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use whyfinder_model::network::{NoNodeProbe, forward, open_network};
    use whyfinder_model::open::OpenOptions;

    use super::*;
    use crate::draw::Draw;
    use crate::restoration::average::Average;

    #[test]
    fn published_files_open_as_what_was_trained() {
        let folder = tempfile::tempdir().expect("a folder");
        for demo in Demo::ALL {
            let trainable = demo.untrained(1).expect("builds");
            let mut average = Average::new(&trainable.parameters).expect("values");
            // Start values leave biases and whole branches at zero.
            let mut draw = Draw::new(7);
            for values in &mut average.values {
                values
                    .iter_mut()
                    .for_each(|v| *v += 0.02 * draw.normal() as f32);
            }
            let training = Training {
                trainable,
                average,
                steps: 0,
                finished: false,
            };
            let path = folder.path().join(format!("{}.safetensors", demo.name()));
            write(&path, demo, &training).expect("writes");
            let reference = path.to_str().expect("a path");
            let open = open_network(reference, &OpenOptions::default()).expect("opens");
            let values = (0..21 * 18 * 3).map(|_| draw.unit() as f32).collect();
            let input = Tensor::from_vec(values, (1, 21, 18, 3), &Device::Cpu).expect("an input");
            let run = |network: &_| {
                let output = forward(network, &input, 0.0, &mut NoNodeProbe)?;
                Ok(output.flatten_all()?.to_vec1::<f32>()?)
            };
            let trained: Vec<f32> = training.averaged(run).expect("runs");
            let opened: Vec<f32> = run(&open.network).expect("runs");
            assert_eq!(open.network.scale, demo.scale());
            let tolerance = match demo {
                _ if demo.is_half() => 3e-3,
                _ => 1e-4,
            };
            for (a, b) in trained.iter().zip(&opened) {
                assert!((a - b).abs() < tolerance, "{demo:?} {a} {b}");
            }
        }
    }
}
