//! Small networks with random weights that between them use every operation.

use candle_core::{Device, Tensor};

use super::build::Builder;
use super::node::{ConvolutionWeights, Network, NodeId, Nonlinearity, Operation, Window};
use crate::kernel::testing::vars;

/// Draws tensors, each different.
pub(crate) struct Weights(u64);

impl Weights {
    pub(crate) fn draw(&mut self, shape: &[usize]) -> Tensor {
        self.0 += 1;
        let fan_in: usize = shape.iter().take(3).product();
        let scale = 1.2 / (fan_in.max(1) as f64).sqrt();
        (vars(&[shape], self.0)[0].as_tensor().detach() * scale).expect("scales")
    }

    fn conv(&mut self, b: &mut Builder, name: &str, from: NodeId, c: [usize; 3]) -> NodeId {
        let [kernel, width, out] = c;
        let weight = self.draw(&[kernel, kernel, width, out]);
        let bias = self.draw(&[out]);
        b.convolution(name, weight, Some(bias), from)
    }
}

fn chain(weights: &mut Weights) -> Network {
    let mut b = Builder::new(3);
    let mut x = weights.conv(&mut b, "0", 0, [3, 3, 5]);
    x = b.activation("1", Nonlinearity::Relu, x);
    x = weights.conv(&mut b, "2", x, [3, 5, 5]);
    let slopes = weights.draw(&[5]);
    x = b.push("3", Operation::ParametricRelu(slopes), [x]);
    x = weights.conv(&mut b, "4", x, [3, 5, 3]);
    b.push("out", Operation::Subtract, [0, x]);
    b.finish(1)
}

fn dilated(weights: &mut Weights) -> Network {
    let mut b = Builder::new(1);
    let convolution = ConvolutionWeights {
        weight: weights.draw(&[3, 3, 1, 4]),
        bias: None,
        stride: 1,
        dilation: 3,
        padding: 3,
        groups: 1,
    };
    let x = b.push("0", Operation::Convolution(convolution), [0]);
    let x = b.activation("1", Nonlinearity::LeakyRelu(0.2), x);
    let grouped = ConvolutionWeights {
        weight: weights.draw(&[3, 3, 1, 4]),
        bias: None,
        stride: 1,
        dilation: 1,
        padding: 1,
        groups: 4,
    };
    let x = b.push("2", Operation::Convolution(grouped), [x]);
    weights.conv(&mut b, "3", x, [1, 4, 1]);
    b.finish(1)
}

fn upsampling(weights: &mut Weights) -> Network {
    let mut b = Builder::new(3);
    let head = weights.conv(&mut b, "head", 0, [3, 3, 8]);
    let mut x = weights.conv(&mut b, "body.0", head, [3, 8, 8]);
    x = b.push("body.scale", Operation::Scale(0.3), [x]);
    x = b.add("body.add", head, x);
    x = weights.conv(&mut b, "up.0", x, [3, 8, 16]);
    x = b.push("up.1", Operation::PixelShuffle(2), [x]);
    x = b.activation("up.2", Nonlinearity::Gelu, x);
    x = weights.conv(&mut b, "last", x, [3, 4, 3]);
    let skip = b.push("skip", Operation::Bilinear(2), [0]);
    b.add("out", x, skip);
    b.finish(2)
}

fn pooled(weights: &mut Weights) -> Network {
    let mut b = Builder::new(3);
    let head = weights.conv(&mut b, "head", 0, [3, 3, 6]);
    let x = weights.conv(&mut b, "body", head, [3, 6, 6]);
    let mean = b.push("pool", Operation::GlobalMean, [x]);
    let contrast = b.push("contrast", Operation::GlobalContrast, [x]);
    let both = b.push("both", Operation::Concatenate, [mean, contrast]);
    let gate = weights.conv(&mut b, "gate", both, [1, 12, 6]);
    let gate = b.activation("sigmoid", Nonlinearity::Sigmoid, gate);
    let x = b.push("gated", Operation::Multiply, [x, gate]);
    let x = b.add("add", head, x);
    weights.conv(&mut b, "last", x, [3, 6, 3]);
    b.finish(1)
}

fn noisy(weights: &mut Weights) -> Network {
    let mut b = Builder::new(1);
    let x = b.push("pad", Operation::RepeatToMultiple(2), [0]);
    let x = b.push("unshuffle", Operation::PixelUnshuffle(2), [x]);
    let level = b.push("level", Operation::NoiseLevel, [x]);
    let x = b.push("joined", Operation::Concatenate, [x, level]);
    let x = weights.conv(&mut b, "0", x, [3, 5, 6]);
    let x = b.activation("1", Nonlinearity::Relu, x);
    let x = weights.conv(&mut b, "2", x, [3, 6, 4]);
    let x = b.push("shuffle", Operation::PixelShuffle(2), [x]);
    b.push("crop", Operation::CropToPicture { scale: 1 }, [x]);
    b.finish(1)
}

fn windowed(weights: &mut Weights) -> Network {
    let mut b = Builder::new(3);
    let x = b.push("pad", Operation::PadToMultiple(4), [0]);
    let mut x = weights.conv(&mut b, "first", x, [3, 3, 6]);
    for (i, (shift, key_size)) in [(0, 4), (2, 4), (0, 6)].into_iter().enumerate() {
        let (weight, bias) = (weights.draw(&[6]), weights.draw(&[6]));
        let norm = Operation::LayerNorm {
            weight,
            bias,
            eps: 1e-5,
        };
        let normed = b.push(format!("{i}.norm"), norm, [x]);
        let qkv = weights.conv(&mut b, &format!("{i}.qkv"), normed, [1, 6, 18]);
        let window = Window {
            heads: 2,
            size: 4,
            key_size,
            shift,
            bias: weights.draw(&[2, 16, key_size * key_size]),
        };
        let pattern = Operation::WindowPattern(window.clone());
        let pattern = b.push(format!("{i}.pattern"), pattern, [qkv]);
        let mixed = b.push(
            format!("{i}.mix"),
            Operation::WindowMix(window),
            [pattern, qkv],
        );
        x = b.add(format!("{i}.add"), x, mixed);
    }
    let x = b.push("nearest", Operation::Nearest(2), [x]);
    let x = weights.conv(&mut b, "last", x, [3, 6, 3]);
    b.push("crop", Operation::CropToPicture { scale: 2 }, [x]);
    b.finish(2)
}

fn strided(weights: &mut Weights) -> Network {
    let mut b = Builder::new(3);
    let head = weights.conv(&mut b, "head", 0, [3, 3, 6]);
    let down = ConvolutionWeights {
        weight: weights.draw(&[3, 3, 6, 6]),
        bias: None,
        stride: 2,
        dilation: 1,
        padding: 0,
        groups: 1,
    };
    let x = b.push("down", Operation::Convolution(down), [head]);
    let x = b.push("pool", Operation::MaxPool { size: 3, stride: 2 }, [x]);
    let x = weights.conv(&mut b, "small", x, [3, 6, 6]);
    let x = b.push("resize", Operation::ResizeTo, [x, head]);
    let x = b.activation("sigmoid", Nonlinearity::Sigmoid, x);
    let x = b.push("gated", Operation::Multiply, [head, x]);
    let scale = weights.draw(&[6]);
    let affine = Operation::Affine {
        shift: weights.draw(&[6]),
        scale,
    };
    let x = b.push("affine", affine, [x]);
    let x = b.push("half", Operation::Channels { first: 2, count: 3 }, [x]);
    b.activation("silu", Nonlinearity::Silu, x);
    b.finish(1)
}

/// Networks by name.
pub(crate) fn networks(seed: u64) -> Vec<(&'static str, Network)> {
    let mut weights = Weights(1000 * seed);
    vec![
        ("chain", chain(&mut weights)),
        ("dilated", dilated(&mut weights)),
        ("upsampling", upsampling(&mut weights)),
        ("pooled", pooled(&mut weights)),
        ("noisy", noisy(&mut weights)),
        ("windowed", windowed(&mut weights)),
        ("strided", strided(&mut weights)),
    ]
}

/// A picture of random pixels, `[count, height, width, channels]`.
pub(crate) fn picture(shape: [usize; 4], seed: u64) -> Tensor {
    let noise = vars(&[&shape], seed)[0].as_tensor().detach();
    let half = (noise.sin().expect("bounded") * 0.5).expect("scales");
    (half + 0.5).expect("shifts")
}

/// Greatest absolute difference.
pub(crate) fn apart(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let difference = (a - b).expect("one shape").abs().expect("numbers");
    let all: Vec<f32> = difference
        .to_device(&Device::Cpu)
        .and_then(|d| d.flatten_all()?.to_vec1())
        .expect("values");
    all.into_iter()
        .fold(0.0, |m, d| if d > m || d.is_nan() { d } else { m })
}
