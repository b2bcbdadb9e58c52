//! Start values from a network that has been trained already and has as many convolutions or fewer.
//!
//! What a ReLU lets through is not negative, so a convolution that copies it, with a ReLU behind, changes nothing: a
//! chain of convolutions can be made longer and still compute the same (Chen, Goodfellow and Shlens 2016, "Net2Net").

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::plant::he_spread;
use crate::draw::Draw;
use crate::error::{Result, WorldError};
use crate::parameters::Parameters;

/// Noise on a kernel that copies, of the spread that a fresh one would have: what is exactly alike learns alike.
const NOISE: f32 = 0.1;

/// Where layer `layer` of a chain of `layers` convolutions comes from in one of `before`: a layer of that chain, or
/// nowhere. Those from nowhere are spread evenly, and the first and the last stay first and last.
pub fn origin(layer: usize, layers: usize, before: usize) -> Option<usize> {
    let from = |layer: usize| layer * (before - 1) / (layers - 1).max(1);
    (layer == 0 || from(layer) != from(layer - 1)).then(|| from(layer))
}

/// Fills the parameters of `denoise` with the weights in the file `path`, as [`super::publish::write`] writes them;
/// convolutions that the file lacks copy what they read. `seed` is that of the noise on their kernels.
///
/// # Errors
/// When the file cannot be read, or holds no chain of convolutions that can become this one.
pub fn begin(path: &Path, seed: u64, parameters: &Parameters) -> Result<()> {
    let unreadable = |what: String| WorldError::Unreadable {
        what,
        path: path.to_path_buf(),
    };
    let tensors = candle_core::safetensors::load(path, &Device::Cpu)
        .map_err(|e| unreadable(format!("The weights to begin with cannot be read ({e})")))?;
    let name = |layer: usize, part: &str| format!("model.{}.{part}", 2 * layer);
    let layers = parameters.0.len() / 2;
    let before = (0..)
        .take_while(|layer| tensors.contains_key(&name(*layer, "weight")))
        .count();
    if before < 2 || before > layers {
        return Err(unreadable(format!(
            "The weights to begin with are of {before} convolutions in a row; needed are 2 to {layers}"
        )));
    }
    let mut draw = Draw::stream(seed, u64::MAX - 3);
    for (number, parameter) in parameters.0.iter().enumerate() {
        let (layer, is_weight) = (number / 2, number % 2 == 0);
        let shape = parameter.var.shape();
        let value = match origin(layer, layers, before) {
            Some(from) => {
                let name = name(from, if is_weight { "weight" } else { "bias" });
                let read = tensors
                    .get(&name)
                    .ok_or_else(|| unreadable(format!("The weights to begin with lack {name}")))?;
                let read = read.to_dtype(DType::F32)?;
                let read = match read.rank() {
                    // [out, in, row, column] to [row, column, in, out].
                    4 => read.permute((2, 3, 1, 0))?.contiguous()?,
                    _ => read,
                };
                if read.shape() != shape {
                    return Err(unreadable(format!(
                        "The weights to begin with have another shape at {name}"
                    )));
                }
                read
            }
            None if is_weight => copying(shape.dims(), &mut draw)?,
            None => Tensor::zeros(shape, DType::F32, &Device::Cpu)?,
        };
        parameter.var.set(&value)?;
    }
    Ok(())
}

/// Kernels `[row, column, in, out]` that copy each channel, and a little noise.
fn copying(shape: &[usize], draw: &mut Draw) -> Result<Tensor> {
    let [rows, columns, input, output] = shape[..] else {
        return Ok(Tensor::zeros(shape, DType::F32, &Device::Cpu)?);
    };
    let spread = NOISE * he_spread(rows * columns * input);
    let centre = (rows / 2 * columns + columns / 2) * input * output;
    let mut values: Vec<f32> = (0..rows * columns * input * output)
        .map(|_| spread * draw.normal() as f32)
        .collect();
    for channel in 0..input.min(output) {
        values[centre + channel * output + channel] += 1.0;
    }
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use whyfinder_model::network::{NoNodeProbe, forward};

    use super::*;
    use crate::restoration::Demo;

    #[test]
    fn layers_keep_their_order_and_each_is_used_once() {
        for (layers, before) in [(17, 12), (17, 17), (5, 2), (3, 2)] {
            let origins: Vec<_> = (0..layers).map(|l| origin(l, layers, before)).collect();
            let kept: Vec<_> = origins.iter().flatten().copied().collect();
            assert_eq!(kept, (0..before).collect::<Vec<_>>());
            assert_eq!(origins.last(), Some(&Some(before - 1)));
        }
    }

    #[test]
    fn a_longer_chain_begins_about_where_the_shorter_one_stood() {
        let (short, layers) = (5, 9);
        let (old, new) = (
            Demo::chain(1, short).expect("builds"),
            Demo::chain(2, layers).expect("builds"),
        );
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("short.safetensors");
        let tensors = old.parameters.0.iter().map(|p| {
            let value = p.var.as_tensor();
            let value = match value.rank() {
                4 => value.permute((3, 2, 0, 1)).and_then(|v| v.contiguous()),
                _ => Ok(value.clone()),
            };
            (p.name.clone(), value.expect("turns"))
        });
        candle_core::safetensors::save(&tensors.collect(), &path).expect("writes");
        begin(&path, 2, &new.parameters).expect("begins");
        let values = (0..20 * 20 * 3).map(|i| (i * 37 % 101) as f32 / 101.0);
        let input = Tensor::from_iter(values, &Device::Cpu).and_then(|t| t.reshape((1, 20, 20, 3)));
        let input = input.expect("an input");
        let run = |trainable: &crate::restoration::plant::Trainable| {
            let network = trainable.network().expect("a network");
            forward(&network, &input, 0.0, &mut NoNodeProbe).expect("runs")
        };
        let apart = |a: &Tensor, b: &Tensor| {
            let apart = (a - b).and_then(|d| d.abs()).and_then(|d| d.mean_all());
            apart.and_then(|d| d.to_scalar::<f32>()).expect("a number")
        };
        let (before, after) = (run(&old), run(&new));
        let done = apart(&before, &input);
        assert!(done > 0.01 && apart(&before, &after) < 0.3 * done);
        // A longer chain cannot become a shorter one.
        let message = begin(&path, 2, &Demo::chain(2, 4).expect("builds").parameters);
        let message = message.expect_err("too long").to_string();
        assert!(message.contains("5 convolutions"), "{message}");
    }
}
