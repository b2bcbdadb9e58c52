//! What a patch costs through the lens, against a whole picture through the network.

use candle_core::{Device, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use whyfinder_model::network::{
    Builder, Held, Lens, Network, NoNodeProbe, Nonlinearity, Operation, Rect, forward,
};

/// Values between -`size` and `size` from a linear congruence: a fixed seed, the same on every machine.
fn values(shape: &[usize], size: f32, state: &mut u64) -> Tensor {
    let drawn: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|_| {
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((*state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * size
        })
        .collect();
    Tensor::from_vec(drawn, shape, &Device::Cpu).expect("a tensor")
}

/// Layers of 3 x 3 with a rectifier between them, and what they predict taken away.
fn dncnn(layers: usize, width: usize) -> Network {
    let mut state = 1;
    let mut b = Builder::new(3);
    let mut x = Builder::PICTURE;
    for layer in 0..layers {
        let (from, to) = (
            if layer == 0 { 3 } else { width },
            if layer + 1 == layers { 3 } else { width },
        );
        let weight = values(&[3, 3, from, to], 0.1, &mut state);
        let bias = values(&[to], 0.1, &mut state);
        x = b.convolution(format!("model.{}", 2 * layer), weight, Some(bias), x);
        if layer + 1 < layers {
            x = b.activation(format!("model.{}", 2 * layer + 1), Nonlinearity::Relu, x);
        }
    }
    b.push("output", Operation::Subtract, [Builder::PICTURE, x]);
    b.finish(1)
}

fn lens(criterion: &mut Criterion) {
    let network = dncnn(12, 48);
    let picture = values(&[1, 256, 256, 3], 0.5, &mut 3);
    let region = Rect::new(152..184, 96..128);
    let lens = Lens::new(&network, &picture, 0.0, &region).expect("a lens");
    let mut group = criterion.benchmark_group("DnCNN 12 x 48, 256 x 256, region 32");
    group.sample_size(10);
    group.bench_function("whole picture", |b| {
        b.iter(|| forward(&network, &picture, 0.0, &mut NoNodeProbe).expect("runs"));
    });
    for (name, at) in [
        ("50 draws in the region", Rect::new(160..168, 104..112)),
        ("50 draws beside it", Rect::new(144..152, 96..104)),
    ] {
        let patches = values(&[50, 8, 8, 3], 0.5, &mut 5);
        group.bench_function(name, |b| {
            b.iter(|| {
                lens.with_patches(&at, &patches, Held::Nothing)
                    .expect("runs")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lens);
criterion_main!(benches);
