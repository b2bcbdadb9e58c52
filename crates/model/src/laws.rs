//! Laws that hold for a pass of every family.

mod branches;
mod gradients;
mod reading;
mod refusals;
mod tails;
mod writing;

use candle_core::Tensor;
use whyfinder_experiment::{Array, Intervention, Site, SitePattern};

use crate::config::DecoderConfig;
use crate::tiny::{self, Draws};
use crate::{Capture, Decoder, Pass, Patcher, Result, Unembed};

const DIFFERENTIABLE: Pass = Pass {
    differentiable: true,
    unembed: Unembed::All,
};

fn patterns(sites: &[Site]) -> Vec<SitePattern> {
    sites.iter().map(|&site| site.into()).collect()
}

fn flat(x: &Tensor) -> Vec<f32> {
    x.flatten_all()
        .and_then(|x| x.to_vec1())
        .expect("a value of f32")
}

fn array(x: &Tensor) -> Array {
    Array::new(x.dims().to_vec(), flat(x)).expect("shape fits")
}

fn bits(x: &Tensor) -> Vec<u32> {
    flat(x).into_iter().map(f32::to_bits).collect()
}

fn close(a: &Tensor, b: &Tensor, tolerance: f32, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    for (x, y) in flat(a).into_iter().zip(flat(b)) {
        assert!(
            x == y || (x - y).abs() <= tolerance,
            "{what}: {x} is not {y}"
        );
    }
}

fn setup(config: &DecoderConfig) -> (Decoder, Tensor) {
    let decoder = tiny::decoder(config, 7).expect("weights fit");
    let tokens = Draws::new(11).tokens(3, 9, config.vocab).expect("tokens");
    (decoder, tokens)
}

fn capture_all(decoder: &Decoder, tokens: &Tensor) -> Capture {
    let mut capture = Capture::new(&patterns(&decoder.sites()));
    decoder
        .forward(tokens, &mut capture, &Pass::default())
        .expect("runs");
    capture.finish().expect("every site is reached");
    capture
}

fn patched(decoder: &Decoder, tokens: &Tensor, interventions: &[Intervention]) -> Result<Tensor> {
    let mut patcher = Patcher::new(interventions)?;
    let logits = decoder.forward(tokens, &mut patcher, &Pass::default())?;
    patcher.finish()?;
    Ok(logits)
}

fn loss(logits: &Tensor) -> Tensor {
    let weights = Draws::new(5).tensor(logits.dims(), 1.0).expect("draws");
    (logits * weights)
        .and_then(|x| x.sum_all())
        .expect("same shape")
}
