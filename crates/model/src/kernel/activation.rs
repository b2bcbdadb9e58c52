//! Non-linearities, element by element.

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, Layout, Result as CandleResult, Shape, Tensor,
};

use super::elementary::{exp, normal_share, sigmoid, tanh};
use super::storage::{fast, output, pieces, read, unwritten, values};
use super::vectorised::vectorised;
use crate::config::Activation;
use crate::error::Result;

/// `f(x)`.
pub fn activate(x: &Tensor, kind: Activation) -> Result<Tensor> {
    if !fast(&[x]) {
        return plain_activate(x, kind);
    }
    Ok(x.contiguous()?.apply_op1(Map(Curve::of(kind)))?)
}

/// `f(gate) * straight`.
pub fn gate(gate: &Tensor, straight: &Tensor, kind: Activation) -> Result<Tensor> {
    if !fast(&[gate, straight]) {
        return plain_gate(gate, straight, kind);
    }
    let straight = straight.contiguous()?;
    Ok(gate
        .contiguous()?
        .apply_op2(&straight, Gate(Curve::of(kind)))?)
}

/// `cap * tanh(x / cap)`.
pub fn soft_cap(x: &Tensor, cap: f32) -> Result<Tensor> {
    if !fast(&[x]) {
        return plain_soft_cap(x, cap);
    }
    Ok(x.contiguous()?.apply_op1(Map(Curve::SoftCap(cap)))?)
}

/// `x` where it is not negative, else `slope * x`.
pub fn leaky_relu(x: &Tensor, slope: f32) -> Result<Tensor> {
    if !fast(&[x]) {
        return plain_leaky_relu(x, slope);
    }
    Ok(x.contiguous()?.apply_op1(Map(Curve::Leaky(slope)))?)
}

/// `1 / (1 + exp(-x))`.
pub fn logistic(x: &Tensor) -> Result<Tensor> {
    if !fast(&[x]) {
        return plain_logistic(x);
    }
    Ok(x.contiguous()?.apply_op1(Map(Curve::Logistic))?)
}

fn plain_leaky_relu(x: &Tensor, slope: f32) -> Result<Tensor> {
    let slope = f64::from(slope);
    Ok(((x.relu()? * (1.0 - slope))? + (x * slope)?)?)
}

fn plain_logistic(x: &Tensor) -> Result<Tensor> {
    Ok((x.neg()?.exp()? + 1.0)?.recip()?)
}

fn plain_activate(x: &Tensor, kind: Activation) -> Result<Tensor> {
    Ok(match kind {
        Activation::GeluTanh => x.gelu()?,
        Activation::GeluErf => x.gelu_erf()?,
        Activation::Silu => x.silu()?,
        Activation::Relu => x.relu()?,
    })
}

fn plain_gate(gate: &Tensor, straight: &Tensor, kind: Activation) -> Result<Tensor> {
    Ok((plain_activate(gate, kind)? * straight)?)
}

fn plain_soft_cap(x: &Tensor, cap: f32) -> Result<Tensor> {
    let cap = f64::from(cap);
    Ok(((x / cap)?.tanh()? * cap)?)
}

/// A function of one number.
#[derive(Clone, Copy, Debug)]
enum Curve {
    GeluTanh,
    GeluErf,
    Silu,
    Relu,
    SoftCap(f32),
    Leaky(f32),
    Logistic,
}

/// sqrt(2 / pi).
const SLOPE: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

impl Curve {
    fn of(kind: Activation) -> Self {
        match kind {
            Activation::GeluTanh => Curve::GeluTanh,
            Activation::GeluErf => Curve::GeluErf,
            Activation::Silu => Curve::Silu,
            Activation::Relu => Curve::Relu,
        }
    }
}

/// 0.5 x (1 + tanh u) is x sigmoid(2u), which does not cancel for negative x.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    let u = SLOPE * (x + CUBIC * x * x * x);
    zero_at_minus_infinity(x, x * sigmoid(2.0 * u))
}

#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let u = SLOPE * (x + CUBIC * x * x * x);
    let s = sigmoid(2.0 * u);
    let du = SLOPE * (1.0 + 3.0 * CUBIC * x * x);
    s + 2.0 * x * s * (1.0 - s) * du
}

#[inline(always)]
fn gelu_erf(x: f32) -> f32 {
    let share = normal_share(x * std::f32::consts::FRAC_1_SQRT_2);
    zero_at_minus_infinity(x, x * share)
}

#[inline(always)]
fn gelu_erf_slope(x: f32) -> f32 {
    let density = 0.398_942_3 * exp(-0.5 * x * x);
    normal_share(x * std::f32::consts::FRAC_1_SQRT_2) + x * density
}

#[inline(always)]
fn silu(x: f32) -> f32 {
    zero_at_minus_infinity(x, x * sigmoid(x))
}

#[inline(always)]
fn silu_slope(x: f32) -> f32 {
    let s = sigmoid(x);
    s + x * s * (1.0 - s)
}

/// The limit, where the formula gives infinity times zero.
#[inline(always)]
fn zero_at_minus_infinity(x: f32, y: f32) -> f32 {
    if x == f32::NEG_INFINITY { 0.0 } else { y }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn relu_slope(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { 1.0 }
}

vectorised! {
    fn map(curve: Curve, x: &[f32], y: &mut [f32]) {
        match curve {
            Curve::GeluTanh => each(x, y, gelu_tanh),
            Curve::GeluErf => each(x, y, gelu_erf),
            Curve::Silu => each(x, y, silu),
            Curve::Relu => each(x, y, relu),
            Curve::SoftCap(cap) => each(x, y, |x| cap * tanh(x / cap)),
            Curve::Leaky(slope) => each(x, y, |x| if x < 0.0 { slope * x } else { x }),
            Curve::Logistic => each(x, y, sigmoid),
        }
    }
}

vectorised! {
    /// `d = f'(x) * g`.
    fn map_back(curve: Curve, x: &[f32], g: &[f32], d: &mut [f32]) {
        match curve {
            Curve::GeluTanh => each_pair(x, g, d, |x, g| gelu_tanh_slope(x) * g),
            Curve::GeluErf => each_pair(x, g, d, |x, g| gelu_erf_slope(x) * g),
            Curve::Silu => each_pair(x, g, d, |x, g| silu_slope(x) * g),
            Curve::Relu => each_pair(x, g, d, |x, g| relu_slope(x) * g),
            Curve::SoftCap(cap) => each_pair(x, g, d, |x, g| {
                let t = tanh(x / cap);
                (1.0 - t * t) * g
            }),
            Curve::Leaky(slope) => each_pair(x, g, d, |x, g| if x < 0.0 { slope * g } else { g }),
            Curve::Logistic => each_pair(x, g, d, |x, g| {
                let s = sigmoid(x);
                s * (1.0 - s) * g
            }),
        }
    }
}

vectorised! {
    fn multiply(x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y *= x;
        }
    }
}

#[inline(always)]
fn each(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x);
    }
}

#[inline(always)]
fn each_pair(x: &[f32], g: &[f32], d: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    for (d, (&x, &g)) in d.iter_mut().zip(x.iter().zip(g)) {
        *d = f(x, g);
    }
}

struct Map(Curve);

impl CustomOp1 for Map {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, s: &CpuStorage, l: &Layout) -> CandleResult<(CpuStorage, Shape)> {
        let x = values(s, l)?;
        // SAFETY: every element is written from the one of `x` in its place.
        #[allow(unsafe_code)]
        let mut y = unsafe { unwritten(x.len()) };
        pieces(&mut y, 1, |at, y| map(self.0, &x[at..at + y.len()], y));
        Ok(output(y, l.shape()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> CandleResult<Option<Tensor>> {
        let gradient = gradient.contiguous()?;
        let d = read(&[x, &gradient], |slices| {
            let mut d = vec![0f32; slices[0].len()];
            pieces(&mut d, 1, |at, d| {
                let here = at..at + d.len();
                map_back(self.0, &slices[0][here.clone()], &slices[1][here], d);
            });
            Ok(d)
        })?;
        Tensor::from_vec(d, x.shape(), x.device()).map(Some)
    }
}

struct Gate(Curve);

impl CustomOp2 for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> CandleResult<(CpuStorage, Shape)> {
        let (x, straight) = (values(s1, l1)?, values(s2, l2)?);
        if x.len() != straight.len() {
            candle_core::bail!("a gate of {} values for {}", x.len(), straight.len());
        }
        // SAFETY: every element is written from the one of `x` in its place.
        #[allow(unsafe_code)]
        let mut y = unsafe { unwritten(x.len()) };
        pieces(&mut y, 1, |at, y| {
            let here = at..at + y.len();
            map(self.0, &x[here.clone()], y);
            multiply(&straight[here], y);
        });
        Ok(output(y, l1.shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        straight: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> CandleResult<(Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (dx, ds) = read(&[x, straight, &gradient], |slices| {
            let mut dx = vec![0f32; slices[0].len()];
            let mut ds = vec![0f32; slices[0].len()];
            let (x, straight, g) = (slices[0], slices[1], slices[2]);
            pieces(&mut dx, 1, |at, dx| {
                let here = at..at + dx.len();
                map_back(self.0, &x[here.clone()], &g[here.clone()], dx);
                multiply(&straight[here], dx);
            });
            pieces(&mut ds, 1, |at, ds| {
                let here = at..at + ds.len();
                map(self.0, &x[here.clone()], ds);
                multiply(&g[here], ds);
            });
            Ok((dx, ds))
        })?;
        Ok((
            Some(Tensor::from_vec(dx, x.shape(), x.device())?),
            Some(Tensor::from_vec(ds, x.shape(), x.device())?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernel::testing::{close, flat, gradients, vars};

    const KINDS: [Activation; 4] = [
        Activation::GeluTanh,
        Activation::GeluErf,
        Activation::Silu,
        Activation::Relu,
    ];

    #[test]
    fn activations_equal_candle_s_also_across_strides() {
        for kind in KINDS {
            for shape in [&[1usize][..], &[3, 5, 7], &[2, 9_001]] {
                let all = vars(&[shape], 5);
                let x = (all[0].as_tensor() * 3.0).expect("scales");
                let (fast, slow) = (
                    activate(&x, kind).expect("runs"),
                    plain_activate(&x, kind).expect("runs"),
                );
                close(&fast, &slow, 1e-6, "values");
                // candle's own slopes use constants of six digits.
                close(
                    &gradients(&fast, &all)[0],
                    &gradients(&slow, &all)[0],
                    3e-5,
                    "gradient",
                );
            }
            let x = vars(&[&[6, 10]], 5)[0].as_tensor().t().expect("transposes");
            close(
                &activate(&x, kind).expect("runs"),
                &plain_activate(&x, kind).expect("runs"),
                1e-6,
                "strided",
            );
        }
    }

    #[test]
    fn slopes_are_right_where_candle_s_have_six_digits() {
        for curve in [
            Curve::GeluTanh,
            Curve::GeluErf,
            Curve::Silu,
            Curve::SoftCap(2.0),
        ] {
            for i in -60..=60 {
                let x = i as f32 / 10.0;
                let at = |x: f32| {
                    let mut y = [0f32];
                    map(curve, &[x], &mut y);
                    f64::from(y[0])
                };
                let mut slope = [0f32];
                map_back(curve, &[x], &[1.0], &mut slope);
                let (a, b) = (x - 0.01, x + 0.01);
                let measured = (at(b) - at(a)) / f64::from(b - a);
                assert!(
                    (measured - f64::from(slope[0])).abs() < 1e-4,
                    "{curve:?} {x}"
                );
            }
        }
    }

    #[test]
    fn infinities_go_to_the_limits_and_nan_stays() {
        let ends = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -1e30, 1e30, 0.0];
        let x = Tensor::new(&ends, &Device::Cpu).expect("a tensor");
        for kind in KINDS {
            let y = flat(&activate(&x, kind).expect("runs"));
            assert_eq!(
                [y[0], y[1], y[3], y[4], y[5]],
                [0.0, f32::INFINITY, 0.0, 1e30, 0.0]
            );
            assert!(y[2].is_nan());
        }
        let y = flat(&soft_cap(&x, 30.0).expect("runs"));
        assert_eq!([y[0], y[1], y[5]], [-30.0, 30.0, 0.0]);
        assert!(y[2].is_nan());
    }

    #[test]
    fn leaky_and_logistic_curves_equal_the_plain_forms() {
        let all = vars(&[&[3, 5, 777]], 5);
        let x = (all[0].as_tensor() * 3.0).expect("scales");
        for (fast, slow) in [
            (leaky_relu(&x, 0.1), plain_leaky_relu(&x, 0.1)),
            (leaky_relu(&x, 0.0), plain_leaky_relu(&x, 0.0)),
            (logistic(&x), plain_logistic(&x)),
        ] {
            let (fast, slow) = (fast.expect("runs"), slow.expect("runs"));
            close(&fast, &slow, 2e-6, "values");
            let (a, b) = (gradients(&fast, &all), gradients(&slow, &all));
            close(&a[0], &b[0], 2e-6, "gradient");
        }
        let ends = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN];
        let x = Tensor::new(&ends, &Device::Cpu).expect("a tensor");
        let y = flat(&logistic(&x).expect("runs"));
        assert!(y[..2] == [0.0, 1.0] && y[2].is_nan());
        let y = flat(&leaky_relu(&x, 0.1).expect("runs"));
        assert!(y[..2] == [f32::NEG_INFINITY, f32::INFINITY] && y[2].is_nan());
    }

    #[test]
    fn gates_and_soft_caps_equal_the_plain_forms() {
        for kind in KINDS {
            let all = vars(&[&[3, 2777], &[3, 2777]], 9);
            let (a, b) = (all[0].as_tensor(), all[1].as_tensor());
            let (fast, slow) = (
                gate(a, b, kind).expect("runs"),
                plain_gate(a, b, kind).expect("runs"),
            );
            close(&fast, &slow, 1e-6, "gate");
            for (x, y) in gradients(&fast, &all).iter().zip(&gradients(&slow, &all)) {
                close(x, y, 3e-5, "gradient of a gate");
            }
        }
        let all = vars(&[&[4, 33]], 9);
        let x = (all[0].as_tensor() * 20.0).expect("scales");
        let (fast, slow) = (
            soft_cap(&x, 15.0).expect("runs"),
            plain_soft_cap(&x, 15.0).expect("runs"),
        );
        close(&fast, &slow, 1e-6, "soft cap");
        close(
            &gradients(&fast, &all)[0],
            &gradients(&slow, &all)[0],
            2e-5,
            "gradient of a soft cap",
        );
    }
}
