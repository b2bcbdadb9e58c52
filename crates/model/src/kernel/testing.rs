//! What the kernels' tests share.

use candle_core::{Tensor, Var};

use crate::tiny::Draws;

/// Random variables of these shapes.
pub(crate) fn vars(shapes: &[&[usize]], seed: u64) -> Vec<Var> {
    let mut draws = Draws::new(seed);
    shapes
        .iter()
        .map(|shape| {
            let x = draws.tensor(shape, 1.0).expect("draws");
            Var::from_tensor(&x).expect("a variable")
        })
        .collect()
}

/// Gradients of a fixed random combination of the elements of `y`.
pub(crate) fn gradients(y: &Tensor, vars: &[Var]) -> Vec<Tensor> {
    let weights = Draws::new(99).tensor(y.dims(), 1.0).expect("draws");
    let loss = (y * weights).and_then(|x| x.sum_all()).expect("same shape");
    let store = loss.backward().expect("goes back");
    vars.iter()
        .map(|var| store.get(var).expect("a gradient").clone())
        .collect()
}

pub(crate) fn flat(x: &Tensor) -> Vec<f32> {
    x.flatten_all()
        .and_then(|x| x.to_vec1())
        .expect("a value of f32")
}

/// Equal within `tolerance` times one plus the size; NaN equals NaN.
pub(crate) fn close(a: &Tensor, b: &Tensor, tolerance: f32, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    for (i, (x, y)) in flat(a).into_iter().zip(flat(b)).enumerate() {
        let same = x == y || x.is_nan() && y.is_nan();
        assert!(
            same || (x - y).abs() <= tolerance * (1.0 + y.abs()),
            "{what}: element {i} is {x}, not {y}"
        );
    }
}
