//! The published sizes that are timed.

use crate::random_weights::Drawn;

/// Tensors of a network that is being listed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes(pub(crate) Vec<Drawn>);

impl Shapes {
    /// A convolution and its bias; `gain` 1 keeps the size of values through a rectifier.
    fn convolution(&mut self, name: &str, [kernel, from, to]: [usize; 3], gain: f32) {
        let spread = gain * (6.0 / (kernel * kernel * from) as f32).sqrt();
        self.push(
            format!("{name}.weight"),
            &[to, from, kernel, kernel],
            0.0,
            spread,
        );
        self.push(format!("{name}.bias"), &[to], 0.0, 0.01);
    }

    fn push(&mut self, name: String, shape: &[usize], mean: f32, spread: f32) {
        let shape = shape.to_vec();
        self.0.push(Drawn {
            name,
            shape,
            mean,
            spread,
        });
    }
}

/// What a residual branch adds is small, so that values keep their size through many of them.
const BRANCH: f32 = 0.1;

/// DnCNN for colour at its published depth and width (Zhang et al. 2017).
pub(crate) fn dncnn() -> Shapes {
    let (layers, width) = (20, 64);
    let mut shapes = Shapes::default();
    for layer in 0..layers {
        let from = if layer == 0 { 3 } else { width };
        let (to, gain) = match layer + 1 == layers {
            true => (3, BRANCH),
            false => (width, 1.0),
        };
        shapes.convolution(&format!("model.{}", 2 * layer), [3, from, to], gain);
    }
    shapes
}

fn enlarged(shapes: &mut Shapes, width: usize) {
    for name in ["upsample.0", "upsample.2"] {
        shapes.convolution(name, [3, width, 4 * width], 0.7);
    }
    shapes.convolution("conv_last", [3, width, 3], 0.7);
}

/// EDSR-baseline x4 (Lim et al. 2017), BasicSR's layout.
pub(crate) fn edsr() -> Shapes {
    let (blocks, width) = (16, 64);
    let mut shapes = Shapes::default();
    shapes.convolution("conv_first", [3, 3, width], 1.0);
    for block in 0..blocks {
        shapes.convolution(&format!("body.{block}.conv1"), [3, width, width], 1.0);
        shapes.convolution(&format!("body.{block}.conv2"), [3, width, width], BRANCH);
    }
    shapes.convolution("conv_after_body", [3, width, width], 1.0);
    enlarged(&mut shapes, width);
    shapes
}

/// MSRResNet x4 (Wang et al. 2018), BasicSR's layout.
pub(crate) fn msrresnet() -> Shapes {
    let (blocks, width) = (16, 64);
    let mut shapes = Shapes::default();
    shapes.convolution("conv_first", [3, 3, width], 1.0);
    for block in 0..blocks {
        shapes.convolution(&format!("body.{block}.conv1"), [3, width, width], 1.0);
        shapes.convolution(&format!("body.{block}.conv2"), [3, width, width], BRANCH);
    }
    for name in ["upconv1", "upconv2"] {
        shapes.convolution(name, [3, width, 4 * width], 1.0);
    }
    shapes.convolution("conv_hr", [3, width, width], 1.0);
    shapes.convolution("conv_last", [3, width, 3], BRANCH);
    shapes
}

/// RCAN x4 (Zhang et al. 2018), BasicSR's layout.
pub(crate) fn rcan() -> Shapes {
    let (groups, blocks, width, squeezed) = (10, 20, 64, 4);
    let mut shapes = Shapes::default();
    shapes.convolution("conv_first", [3, 3, width], 1.0);
    for group in 0..groups {
        for block in 0..blocks {
            let name = format!("body.{group}.residual_group.{block}.rcab");
            shapes.convolution(&format!("{name}.0"), [3, width, width], 1.0);
            shapes.convolution(&format!("{name}.2"), [3, width, width], BRANCH);
            shapes.convolution(&format!("{name}.3.attention.1"), [1, width, squeezed], 1.0);
            shapes.convolution(&format!("{name}.3.attention.3"), [1, squeezed, width], 1.0);
        }
        shapes.convolution(&format!("body.{group}.conv"), [3, width, width], BRANCH);
    }
    shapes.convolution("conv_after_body", [3, width, width], 1.0);
    enlarged(&mut shapes, width);
    shapes
}

/// ESRGAN x4 (Wang et al. 2018), BasicSR's layout.
pub(crate) fn rrdb() -> Shapes {
    let (blocks, width, growth) = (23, 64, 32);
    let mut shapes = Shapes::default();
    shapes.convolution("conv_first", [3, 3, width], 1.0);
    for block in 0..blocks {
        for part in 1..=3 {
            for step in 1..=5 {
                let to = if step < 5 { growth } else { width };
                let name = format!("body.{block}.rdb{part}.conv{step}");
                shapes.convolution(&name, [3, width + (step - 1) * growth, to], 0.5);
            }
        }
    }
    shapes.convolution("conv_body", [3, width, width], 1.0);
    for name in ["conv_up1", "conv_up2", "conv_hr"] {
        shapes.convolution(name, [3, width, width], 1.0);
    }
    shapes.convolution("conv_last", [3, width, 3], 0.7);
    shapes
}

/// Sizes of a model of GPT-2's form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gpt2 {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) positions: usize,
    pub(crate) vocab: usize,
}

/// GPT-2 small (Radford et al. 2019).
pub(crate) const GPT2_SMALL: Gpt2 = Gpt2 {
    layers: 12,
    width: 768,
    heads: 12,
    positions: 1024,
    vocab: 50_257,
};

pub(crate) fn gpt2(sizes: &Gpt2) -> Shapes {
    let width = sizes.width;
    let mut shapes = Shapes::default();
    shapes.push("wte.weight".into(), &[sizes.vocab, width], 0.0, 0.05);
    shapes.push("wpe.weight".into(), &[sizes.positions, width], 0.0, 0.05);
    let norm = |shapes: &mut Shapes, name: String| {
        shapes.push(format!("{name}.weight"), &[width], 1.0, 0.1);
        shapes.push(format!("{name}.bias"), &[width], 0.0, 0.1);
    };
    let linear = |shapes: &mut Shapes, name: String, [from, to]: [usize; 2]| {
        let spread = 1.0 / (from as f32).sqrt();
        shapes.push(format!("{name}.weight"), &[from, to], 0.0, spread);
        shapes.push(format!("{name}.bias"), &[to], 0.0, 0.02);
    };
    for layer in 0..sizes.layers {
        let part = |name: &str| format!("h.{layer}.{name}");
        norm(&mut shapes, part("ln_1"));
        linear(&mut shapes, part("attn.c_attn"), [width, 3 * width]);
        linear(&mut shapes, part("attn.c_proj"), [width, width]);
        norm(&mut shapes, part("ln_2"));
        linear(&mut shapes, part("mlp.c_fc"), [width, 4 * width]);
        linear(&mut shapes, part("mlp.c_proj"), [4 * width, width]);
    }
    norm(&mut shapes, "ln_f".into());
    shapes
}
