//! What open sides cost when nothing is asked for: the same pass without a probe, with one that wants nothing, and
//! with an empty capture.

#[path = "support/random.rs"]
mod random;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use whyfinder_model::{Capture, NoProbe, Pass, Probe};

fn probe_cost(criterion: &mut Criterion) {
    for (name, layers, width, heads, vocab) in [
        ("bundled 6 x 128", 6, 128, 4, 1024),
        ("small 12 x 768", 12, 768, 12, 50257),
    ] {
        let shape = random::Shape {
            vocab,
            width,
            layers,
            heads,
            positions: 128,
        };
        let (decoder, _) = random::decoder(&shape).expect("weights fit");
        let pass = Pass::default();
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        for length in [16, 128] {
            let tokens = random::tokens(1, length, vocab).expect("tokens");
            group.bench_with_input(BenchmarkId::new("without", length), &tokens, |b, tokens| {
                b.iter(|| decoder.logits(tokens, &pass).expect("runs"));
            });
            let mut probed = |label: &str, make: fn() -> Box<dyn Probe>| {
                let id = BenchmarkId::new(label, length);
                group.bench_with_input(id, &tokens, |b, tokens| {
                    b.iter(|| {
                        let mut probe = make();
                        decoder
                            .forward(tokens, probe.as_mut(), &pass)
                            .expect("runs")
                    });
                });
            };
            probed("no probe", || Box::new(NoProbe));
            probed("empty capture", || Box::new(Capture::new(&[])));
        }
        group.finish();
    }
}

criterion_group!(benches, probe_cost);
criterion_main!(benches);
