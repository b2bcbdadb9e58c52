//! Our convolution against candle's, forward and with gradients.

use candle_core::{Device, Result, Tensor, Var};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use whyfinder_model::kernel::convolution::{Convolution, convolve};

struct Case {
    name: &'static str,
    image: [usize; 4],
    kernel: usize,
    out: usize,
}

const CASES: [Case; 7] = [
    case("64-64 3x3 128x128", [1, 128, 128, 64], 3, 64),
    case("3-64 3x3 128x128", [1, 128, 128, 3], 3, 64),
    case("64-3 3x3 128x128", [1, 128, 128, 64], 3, 3),
    case("64-64 1x1 128x128", [1, 128, 128, 64], 1, 64),
    case("64-64 3x3 10x10", [1, 10, 10, 64], 3, 64),
    case("64-64 3x3 20 of 20x20", [20, 20, 20, 64], 3, 64),
    case("32-32 3x3 16 of 48x48", [16, 48, 48, 32], 3, 32),
];

const fn case(name: &'static str, image: [usize; 4], kernel: usize, out: usize) -> Case {
    Case {
        name,
        image,
        kernel,
        out,
    }
}

fn theirs(x: &Tensor, weight: &Tensor, padding: usize) -> Result<Tensor> {
    x.conv2d(weight, padding, 1, 1, 1)
}

fn convolution(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("convolution");
    group
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(1000));
    for case in &CASES {
        let [images, height, width, channels] = case.image;
        let draw = |shape: &[usize]| {
            let x = Tensor::randn(0f32, 1.0, shape, &Device::Cpu).expect("draws");
            Var::from_tensor(&x).expect("a variable")
        };
        let x = draw(&case.image);
        let weight = draw(&[case.kernel, case.kernel, channels, case.out]);
        let x_planes = draw(&[images, channels, height, width]);
        let weight_planes = draw(&[case.out, channels, case.kernel, case.kernel]);
        let padding = case.kernel / 2;
        let form = Convolution::padded(padding);
        let products = images * height * width * channels * case.out * case.kernel * case.kernel;
        group.throughput(Throughput::Elements(2 * products as u64));
        let ours = || convolve(x.as_tensor(), weight.as_tensor(), None, &form).expect("runs");
        let theirs =
            || theirs(x_planes.as_tensor(), weight_planes.as_tensor(), padding).expect("runs");
        group.bench_function(BenchmarkId::new("ours", case.name), |b| b.iter(ours));
        group.bench_function(BenchmarkId::new("candle", case.name), |b| b.iter(theirs));
        let back = |y: Tensor| y.sum_all().and_then(|y| y.backward()).expect("goes back");
        group.bench_function(BenchmarkId::new("ours, gradients", case.name), |b| {
            b.iter(|| back(ours()));
        });
        group.bench_function(BenchmarkId::new("candle, gradients", case.name), |b| {
            b.iter(|| back(theirs()));
        });
    }
    group.finish();
}

criterion_group!(benches, convolution);
criterion_main!(benches);
