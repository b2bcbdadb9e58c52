//! The operations of a language model's pass against candle's own, at GPT-2 small's sizes.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::{sigmoid, softmax_last_dim};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use whyfinder_experiment::attention::AttentionForm;
use whyfinder_model::config::{Activation, NormKind};
use whyfinder_model::kernel::activation::{activate, gate};
use whyfinder_model::kernel::attention::{Attention, attend, softmax};
use whyfinder_model::kernel::attention_record::record;
use whyfinder_model::kernel::linear::linear;
use whyfinder_model::kernel::norm::norm;
use whyfinder_model::kernel::rope::rotate;
use whyfinder_model::{Linear, NormWeights, Weight};

const TOKENS: [usize; 3] = [16, 128, 1024];
const WIDTH: usize = 768;
const HEADS: usize = 12;
const HEAD: usize = WIDTH / HEADS;

fn drawn(shape: &[usize]) -> Tensor {
    Tensor::randn(0f32, 1.0, shape, &Device::Cpu).expect("draws")
}

/// One operation for each number of tokens, ours and candle's.
fn compared(
    criterion: &mut Criterion,
    name: &str,
    mut pair: impl FnMut(usize) -> [(&'static str, Box<dyn Fn() -> Tensor>); 2],
) {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(600));
    for tokens in TOKENS {
        for (side, run) in pair(tokens) {
            group.bench_function(BenchmarkId::new(side, tokens), |b| b.iter(&run));
        }
    }
    group.finish();
}

fn ours<E: std::fmt::Debug>(
    run: impl Fn() -> std::result::Result<Tensor, E> + 'static,
) -> (&'static str, Box<dyn Fn() -> Tensor>) {
    ("ours", Box::new(move || run().expect("runs")))
}

fn candle(run: impl Fn() -> Result<Tensor> + 'static) -> (&'static str, Box<dyn Fn() -> Tensor>) {
    ("candle", Box::new(move || run().expect("runs")))
}

fn products(criterion: &mut Criterion) {
    for (width, out) in [(WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH)] {
        let weight = drawn(&[out, width]);
        let packed = Linear {
            weight: Weight::from(weight.clone()).packed().expect("a matrix"),
            bias: None,
        };
        compared(criterion, &format!("linear {width} to {out}"), |tokens| {
            let (x, weight, packed) = (drawn(&[tokens, width]), weight.clone(), packed.clone());
            let same = x.clone();
            [
                ours(move || linear(&x, &packed)),
                candle(move || same.matmul(&weight.t()?)),
            ]
        });
    }
}

fn elements(criterion: &mut Criterion) {
    for (name, kind) in [
        ("gelu by tanh", Activation::GeluTanh),
        ("gelu by erf", Activation::GeluErf),
    ] {
        compared(criterion, name, |tokens| {
            let x = drawn(&[tokens, 4 * WIDTH]);
            let same = x.clone();
            [
                ours(move || activate(&x, kind)),
                candle(move || match kind {
                    Activation::GeluErf => same.gelu_erf(),
                    _ => same.gelu(),
                }),
            ]
        });
    }
    compared(criterion, "silu gate", |tokens| {
        let (x, y) = (drawn(&[tokens, 4 * WIDTH]), drawn(&[tokens, 4 * WIDTH]));
        let (same_x, same_y) = (x.clone(), y.clone());
        [
            ours(move || gate(&x, &y, Activation::Silu)),
            candle(move || same_x.silu()? * &same_y),
        ]
    });
    compared(criterion, "sigmoid", |tokens| {
        let x = drawn(&[tokens, 4 * WIDTH]);
        let same = x.clone();
        [
            ours(move || whyfinder_model::kernel::activation::logistic(&x)),
            candle(move || sigmoid(&same)),
        ]
    });
}

fn rows(criterion: &mut Criterion) {
    for (name, kind) in [("layer norm", NormKind::Layer), ("RMS norm", NormKind::Rms)] {
        let (weight, bias) = (drawn(&[WIDTH]), drawn(&[WIDTH]));
        let weights = NormWeights {
            weight: weight.clone(),
            bias: (kind == NormKind::Layer).then(|| bias.clone()),
        };
        compared(criterion, name, |tokens| {
            let (x, weights) = (drawn(&[tokens, WIDTH]), weights.clone());
            let (same, weight, bias) = (x.clone(), weight.clone(), bias.clone());
            [
                ours(move || norm(&x, &weights, kind, 1e-5)),
                candle(move || match kind {
                    NormKind::Layer => candle_nn::ops::layer_norm(&same, &weight, &bias, 1e-5),
                    _ => candle_nn::ops::rms_norm(&same, &weight, 1e-5),
                }),
            ]
        });
    }
    compared(criterion, "softmax over keys", |tokens| {
        let x = drawn(&[1, HEADS, tokens, tokens]);
        let same = x.clone();
        [
            ours(move || softmax(&x)),
            candle(move || softmax_last_dim(&same)),
        ]
    });
    compared(criterion, "rotation", |tokens| {
        let x = drawn(&[1, tokens, HEADS, HEAD]);
        let (cos, sin) = (drawn(&[tokens, HEAD / 2]), drawn(&[tokens, HEAD / 2]));
        let (same, same_cos, same_sin) = (x.clone(), cos.clone(), sin.clone());
        [
            ours(move || rotate(&x, &cos, &sin)),
            candle(move || candle_nn::rotary_emb::rope_thd(&same, &same_cos, &same_sin)),
        ]
    });
}

/// candle has no causal attention of its own on the CPU: its products, a mask and its softmax.
fn attention(criterion: &mut Criterion) {
    let form = Attention {
        scale: 1.0 / (HEAD as f32).sqrt(),
        softcap: None,
        window: None,
    };
    compared(criterion, "causal attention", |tokens| {
        let draw = || drawn(&[1, tokens, HEADS, HEAD]);
        let (q, k, v) = (draw(), draw(), draw());
        let same = (q.clone(), k.clone(), v.clone());
        let mask: Vec<f32> = (0..tokens * tokens)
            .map(|i| match i % tokens > i / tokens {
                true => f32::NEG_INFINITY,
                false => 0.0,
            })
            .collect();
        let mask = Tensor::from_vec(mask, (tokens, tokens), &Device::Cpu).expect("fits");
        [
            ours(move || attend(&q, &k, &v, form)),
            candle(move || {
                let (q, k, v) = &same;
                let turned = |x: &Tensor| x.transpose(1, 2)?.contiguous();
                let scores = turned(q)?.matmul(&turned(k)?.transpose(D::Minus2, D::Minus1)?)?;
                let scores = (scores * f64::from(form.scale))?.broadcast_add(&mask)?;
                turned(&softmax_last_dim(&scores)?.matmul(&turned(v)?)?)
            }),
        ]
    });
}

/// What is kept of attention in place of its patterns, for a few heads.
fn recorded(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("attention record");
    group.sample_size(10);
    for (tokens, heads, groups, width) in [(1024, HEADS, HEADS, HEAD), (8192, 4, 1, 8)] {
        let form = AttentionForm {
            scale: 1.0 / (width as f32).sqrt(),
            softcap: None,
            window: None,
            prefix: 0,
        };
        let queries = drawn(&[1, tokens, heads, width]);
        let keys = drawn(&[1, tokens, groups, width]);
        group.bench_function(BenchmarkId::new("ours", tokens), |b| {
            b.iter(|| record(0, form, &queries, &keys, &mut || Ok(())).expect("records"));
        });
    }
    group.finish();
}

criterion_group!(benches, products, elements, rows, attention, recorded);
criterion_main!(benches);
