//! What must hold of attributions, whatever the network.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use whyfinder_experiment::image_experiment::{Detector, LamPath, LamSettings, Precision};
use whyfinder_experiment::{RandomState, image_experiment::Baseline};
use whyfinder_model::network::{
    Builder, Network, Nonlinearity, Operation, Rect, Window, reach::reach,
};

use super::concentration::{diffusion_index, gini};
use super::density::density;
use super::integral::{Attribution, along, nothing, strengths};
use super::path::{Path, baseline};
use super::pixels::Pixels;
use super::reading::{Reading, window};

/// Random weights of a shape, about as large as keeps values of order one.
pub(crate) fn weights(shape: &[usize], random: &mut RandomState) -> Tensor {
    let count: usize = shape.iter().product();
    let fan_in: usize = shape.iter().take(shape.len() - 1).product();
    let scale = 1.0 / (fan_in.max(1) as f64).sqrt();
    let values: Vec<f32> = (0..count)
        .map(|_| (random.normal() * scale) as f32)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("weights")
}

/// Smooth, local, twice as large as its input.
pub(crate) fn local(seed: u32) -> Network {
    let mut random = RandomState::new(seed);
    let mut b = Builder::new(3);
    let x = b.convolution("0", weights(&[3, 3, 3, 6], &mut random), None, 0);
    let x = b.activation("1", Nonlinearity::Gelu, x);
    let x = b.convolution("2", weights(&[3, 3, 6, 12], &mut random), None, x);
    b.push("3", Operation::PixelShuffle(2), [x]);
    b.finish(2)
}

/// With channel attention over the whole picture.
pub(crate) fn pooled(seed: u32) -> Network {
    let mut random = RandomState::new(seed);
    let mut b = Builder::new(3);
    let head = b.convolution("head", weights(&[3, 3, 3, 6], &mut random), None, 0);
    let mean = b.push("pool", Operation::GlobalMean, [head]);
    let gate = b.convolution("gate", weights(&[1, 1, 6, 6], &mut random), None, mean);
    let gate = b.activation("sigmoid", Nonlinearity::Sigmoid, gate);
    let x = b.push("gated", Operation::Multiply, [head, gate]);
    b.convolution("last", weights(&[3, 3, 6, 3], &mut random), None, x);
    b.finish(1)
}

/// With windows, shifted ones and overlapping ones.
pub(crate) fn windowed(seed: u32) -> Network {
    let mut random = RandomState::new(seed);
    let mut b = Builder::new(3);
    let x = b.push("pad", Operation::PadToMultiple(4), [0]);
    let mut x = b.convolution("first", weights(&[1, 1, 3, 6], &mut random), None, x);
    for (i, (shift, key_size)) in [(0, 4), (2, 4), (0, 6)].into_iter().enumerate() {
        let qkv = weights(&[1, 1, 6, 18], &mut random);
        let qkv = b.convolution(format!("{i}.qkv"), qkv, None, x);
        let window = Window {
            heads: 2,
            size: 4,
            key_size,
            shift,
            bias: weights(&[2, 16, key_size * key_size], &mut random),
        };
        let pattern = Operation::WindowPattern(window.clone());
        let pattern = b.push(format!("{i}.pattern"), pattern, [qkv]);
        let mixed = Operation::WindowMix(window);
        let mixed = b.push(format!("{i}.mix"), mixed, [pattern, qkv]);
        x = b.add(format!("{i}.add"), x, mixed);
    }
    let x = b.convolution("last", weights(&[1, 1, 6, 3], &mut random), None, x);
    b.push("crop", Operation::CropToPicture { scale: 1 }, [x]);
    b.finish(1)
}

pub(crate) fn picture(height: usize, width: usize, seed: u32) -> Pixels {
    let mut random = RandomState::new(seed);
    Pixels {
        height,
        width,
        channels: 3,
        values: (0..height * width * 3)
            .map(|_| random.uniform() as f32)
            .collect(),
    }
}

fn lam(network: &Network, picture: &Pixels, region: &Rect, settings: &LamSettings) -> Attribution {
    let size = (picture.height, picture.width);
    let reading = Reading::new(network, size, 0.0, region, settings.detector, None);
    let reading = reading.expect("inside");
    let window = window(network, size, region, settings.detector).expect("inside");
    let within = reach(network, size.0, size.1, &window).expect("inside");
    let within = within.pixels.hull().expect("reads something");
    let path = Path::of_lam(picture, settings, within);
    along(&reading, &path, (0, nothing(&path)), &mut |_, _| Ok(())).expect("runs")
}

#[test]
fn attributions_add_up_to_the_change_the_better_the_finer_the_path() {
    for network in [local(1), pooled(2), windowed(3)] {
        let s = network.scale;
        let picture = picture(12, 13, 4);
        let region = Rect::new(4 * s..7 * s, 5 * s..9 * s);
        for detector in [Detector::Gradient, Detector::Sum] {
            for path in [
                LamPath::ProgressiveBlur,
                LamPath::GaussianLinear,
                LamPath::BlackLinear,
            ] {
                let residual = |fold: usize| {
                    let settings = LamSettings {
                        path,
                        detector,
                        fold,
                        ..LamSettings::default()
                    };
                    let found = lam(&network, &picture, &region, &settings);
                    (found.residual().abs(), (found.end - found.start).abs())
                };
                let ((coarse, _), (fine, way)) = (residual(5), residual(60));
                assert!(
                    fine < 0.5 * coarse + 2e-3 * way.max(1.0),
                    "{path:?} {detector:?}: {coarse} {fine} of {way}"
                );
                assert!(
                    fine < 0.1 * way.max(1.0),
                    "{path:?} {detector:?}: {fine} of {way}"
                );
            }
        }
    }
}

#[test]
fn integrated_gradients_need_few_steps() {
    let network = local(1);
    let picture = picture(12, 13, 4);
    let region = Rect::new(6..14, 8..16);
    let truth = picture
        .filled(&[0.2, 0.4, 0.6])
        .part(&Rect::new(0..8, 0..8));
    for detector in [Detector::Sum, Detector::Psnr] {
        let reading = Reading::new(&network, (12, 13), 0.0, &region, detector, Some(&truth));
        let reading = reading.expect("inside");
        for kind in [Baseline::Blur, Baseline::Black, Baseline::Mean] {
            let whole = picture.whole();
            let from = baseline(&picture, kind, (1.2, 9), &whole);
            let residual = |steps| {
                let path = Path::straight(&picture, from.clone(), steps, whole.clone());
                let found =
                    along(&reading, &path, (0, nothing(&path)), &mut |_, _| Ok(())).expect("runs");
                (found.residual().abs(), (found.end - found.start).abs())
            };
            let ((coarse, _), (fine, way)) = (residual(4), residual(16));
            let rounding = 1e-4 * way.max(1.0);
            assert!(fine < 0.3 * coarse + rounding, "{kind:?}: {coarse} {fine}");
            assert!(fine < 0.01 * way.max(1.0), "{kind:?}: {fine} of {way}");
        }
    }
}

#[test]
fn nothing_is_attributed_outside_the_field() {
    for network in [local(1), windowed(3)] {
        let s = network.scale;
        let picture = picture(16, 17, 4);
        let region = Rect::new(9 * s..11 * s, 3 * s..5 * s);
        let settings = LamSettings {
            fold: 3,
            ..LamSettings::default()
        };
        let found = lam(&network, &picture, &region, &settings);
        let further = Rect::new(
            region.rows.start..region.rows.end + 1,
            region.columns.start..region.columns.end + 1,
        );
        let field = reach(&network, 16, 17, &further).expect("inside").pixels;
        assert!(field.count() < 16 * 17);
        for (a, reached) in found.signed.iter().zip(&field.pixels) {
            assert!(*reached || a.abs() < 1e-25, "{a}");
        }
        assert!(found.signed.iter().any(|a| *a != 0.0));
    }
}

#[test]
fn the_gradient_is_what_a_small_change_does() {
    let network = pooled(2);
    let picture = picture(8, 9, 4);
    let region = Rect::new(2..6, 3..9);
    for detector in [Detector::Gradient, Detector::Sum, Detector::Psnr] {
        let truth = picture.filled(&[0.5]).part(&region);
        let reading = Reading::new(&network, (8, 9), 0.0, &region, detector, Some(&truth));
        let reading = reading.expect("inside");
        let gradient = reading.gradient(&picture).expect("runs");
        assert!((gradient.number - reading.number(&picture).expect("runs")).abs() < 1e-4);
        for at in [0, 50, 101, 200] {
            let moved = |by: f32| {
                let mut picture = picture.clone();
                picture.values[at] += by;
                reading.number(&picture).expect("runs")
            };
            let slope = (moved(5e-3) - moved(-5e-3)) / 1e-2;
            let found = gradient.slope[at];
            assert!(
                (slope - found).abs() < 2e-2 * found.abs().max(0.5),
                "{slope} {found}"
            );
        }
    }
}

#[test]
fn gradients_in_double_precision_are_the_slopes_and_single_ones_lie_close() {
    for network in [local(5), pooled(6), windowed(7)] {
        let s = network.scale;
        let picture = picture(8, 9, 4);
        let region = Rect::new(2 * s..5 * s, 3 * s..8 * s);
        for detector in [Detector::Gradient, Detector::Sum, Detector::Psnr] {
            let truth = Pixels {
                height: 3 * s,
                width: 5 * s,
                ..picture.filled(&[0.5])
            };
            let truth = truth.filled(&[0.5]);
            let reading = |precision| {
                Reading::new(&network, (8, 9), 0.0, &region, detector, Some(&truth))
                    .and_then(|reading| reading.in_precision(precision))
                    .expect("inside")
            };
            let (single, double) = (reading(Precision::Single), reading(Precision::Double));
            let slopes = double.gradient(&picture).expect("runs").slope;
            let rough = single.gradient(&picture).expect("runs").slope;
            let most = slopes.iter().fold(0.0f64, |most, g| most.max(g.abs()));
            for (at, (slope, rough)) in slopes.iter().zip(&rough).enumerate() {
                assert!((slope - rough).abs() < 1e-4 * most, "{at}: {slope} {rough}");
            }
            for at in [0, 50, 101, 200] {
                let moved = |by: f32| {
                    let mut picture = picture.clone();
                    picture.values[at] += by;
                    let way = f64::from(picture.values[at]);
                    (way, double.number(&picture).expect("runs"))
                };
                let ((right, high), (left, low)) = (moved(1e-4), moved(-1e-4));
                let slope = (high - low) / (right - left);
                assert!(
                    (slope - slopes[at]).abs() < 1e-5 * most,
                    "{at}: {slope} {}",
                    slopes[at]
                );
            }
        }
    }
}

fn fixture() -> HashMap<String, Tensor> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/lam/lam.safetensors"
    );
    candle_core::safetensors::load(path, &Device::Cpu).expect("the fixture")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor
        .flatten_all()
        .and_then(|t| t.to_vec1())
        .expect("values")
}

#[test]
fn maps_are_those_of_pytorch() {
    let fixture = fixture();
    let take = |name: &str| fixture[name].clone();
    let mut b = Builder::new(3);
    let x = b.convolution("first", take("first.weight"), Some(take("first.bias")), 0);
    let x = b.activation("gelu", Nonlinearity::Gelu, x);
    let x = b.convolution("last", take("last.weight"), Some(take("last.bias")), x);
    b.push("shuffle", Operation::PixelShuffle(2), [x]);
    let network = b.finish(2);
    let picture = Pixels::of(&fixture["picture"]).expect("a picture");
    let edges: Vec<usize> = values(&fixture["region"])
        .iter()
        .map(|&e| e as usize)
        .collect();
    let region = Rect::new(edges[0]..edges[1], edges[2]..edges[3]);
    for (detector, name) in [(Detector::Gradient, "gradient"), (Detector::Sum, "sum")] {
        for (path, of_path) in [
            (LamPath::ProgressiveBlur, "progressive-blur"),
            (LamPath::GaussianLinear, "gaussian-linear"),
            (LamPath::BlackLinear, "black-linear"),
        ] {
            let settings = LamSettings {
                path,
                detector,
                sigma: 1.2,
                fold: 10,
                kernel: 7,
                precision: Precision::Single,
            };
            let found = lam(&network, &picture, &region, &settings);
            let end = f64::from(values(&fixture[&format!("{name}.value")])[0]);
            assert!((found.end - end).abs() < 1e-4 * end.abs().max(1.0));
            let expected = values(&fixture[&format!("{name}.{of_path}")]);
            for (a, b) in found.signed.iter().zip(&expected) {
                assert!(
                    (a - f64::from(*b)).abs() < 1e-4,
                    "{name} {of_path}: {a} {b}"
                );
            }
            if (detector, path) == (Detector::Gradient, LamPath::ProgressiveBlur) {
                let strengths = found.strengths();
                let gini_of_numpy = f64::from(values(&fixture["gini"])[0]);
                assert!((gini(&strengths) - gini_of_numpy).abs() < 1e-4);
                let of_scipy = values(&fixture["density"]);
                let found = density(&strengths, picture.height, picture.width);
                for (a, b) in found.expect("a density").iter().zip(&of_scipy) {
                    assert!((a - b).abs() < 1e-4, "{a} {b}");
                }
            }
        }
    }
}

#[test]
fn a_map_of_one_strength_is_spread_as_far_as_can_be() {
    let map = strengths(&[-2.0; 20]);
    assert_eq!(map, [1.0; 20]);
    assert!((diffusion_index(&map) - 100.0).abs() < 1e-6);
    assert_eq!(strengths(&[0.0; 3]), [0.0; 3]);
}
