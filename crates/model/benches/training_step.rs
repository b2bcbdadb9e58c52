//! One training step of the bundled model's shape: forward, loss and backward over 64 x 64 tokens.

#[path = "support/random.rs"]
mod random;

use criterion::{Criterion, criterion_group, criterion_main};
use whyfinder_model::kernel::cross_entropy::cross_entropy;
use whyfinder_model::{Pass, Unembed};

fn step(criterion: &mut Criterion) {
    let shape = random::Shape {
        vocab: 1024,
        width: 128,
        layers: 6,
        heads: 4,
        positions: 64,
    };
    let (decoder, vars) = random::decoder(&shape).expect("weights fit");
    let tokens = random::tokens(64, 64, shape.vocab).expect("tokens");
    let targets = tokens.flatten_all().expect("flattens");
    let weights = targets
        .ones_like()
        .and_then(|x| x.to_dtype(candle_core::DType::F32))
        .expect("weights");
    let pass = Pass {
        differentiable: true,
        unembed: Unembed::All,
    };
    let loss = || {
        let logits = decoder.logits(&tokens, &pass).expect("runs");
        let logits = logits.reshape((64 * 64, shape.vocab)).expect("reshapes");
        cross_entropy(&logits, &targets, &weights).expect("a loss")
    };
    let mut group = criterion.benchmark_group("training 64 x 64 tokens, 6 x 128");
    group.sample_size(10);
    group.bench_function("forward and loss", |bencher| bencher.iter(loss));
    group.bench_function("forward, loss and backward", |bencher| {
        bencher.iter(|| {
            let store = loss().backward().expect("goes back");
            assert!(vars.iter().all(|var| store.get(var).is_some()));
        });
    });
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
