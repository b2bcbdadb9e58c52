use candle_core::Device;

use super::*;
use crate::kernel::testing::{close, flat, gradients, vars};
use crate::tiny::Draws;

fn form(stride: usize, dilation: usize, groups: usize, sides: [usize; 4]) -> Convolution {
    let [top, bottom, left, right] = sides;
    Convolution {
        stride,
        dilation,
        groups,
        padding: Padding {
            top,
            bottom,
            left,
            right,
        },
    }
}

/// Image, kernel height and width, channels out.
type Case = ([usize; 4], [usize; 3], Convolution);

fn cases() -> Vec<Case> {
    let one = [1; 4];
    vec![
        ([1, 1, 1, 1], [1, 1, 1], form(1, 1, 1, [0; 4])),
        ([1, 1, 1, 3], [3, 3, 5], form(1, 1, 1, one)),
        ([2, 2, 1, 4], [3, 3, 2], form(1, 1, 1, one)),
        ([3, 9, 7, 3], [3, 3, 17], form(1, 1, 1, one)),
        ([1, 6, 5, 16], [3, 3, 3], form(1, 1, 1, [0, 1, 2, 0])),
        ([2, 8, 8, 5], [1, 1, 6], form(1, 1, 1, [0; 4])),
        ([2, 5, 6, 5], [1, 1, 6], form(1, 1, 1, [1, 0, 0, 2])),
        ([1, 9, 10, 4], [3, 3, 6], form(2, 1, 1, [0; 4])),
        ([2, 8, 7, 4], [3, 2, 6], form(2, 1, 1, [1, 1, 0, 1])),
        ([1, 8, 9, 4], [1, 1, 6], form(2, 1, 1, [0; 4])),
        ([1, 11, 9, 3], [3, 3, 4], form(1, 2, 1, [2; 4])),
        ([1, 4, 5, 3], [1, 1, 4], form(1, 3, 1, [3; 4])),
        ([2, 6, 5, 6], [3, 3, 4], form(1, 1, 2, one)),
        ([2, 6, 5, 6], [3, 3, 12], form(2, 1, 6, one)),
        ([2, 7, 5, 19], [3, 3, 19], form(1, 1, 19, one)),
        ([2, 7, 5, 3], [5, 5, 3], form(1, 1, 3, [2; 4])),
        ([1, 9, 8, 4], [3, 3, 4], form(2, 2, 4, [2, 1, 0, 2])),
        ([1, 40, 37, 16], [3, 3, 24], form(1, 1, 1, one)),
        ([1, 40, 37, 16], [3, 3, 32], form(1, 1, 1, one)),
        ([3, 9, 14, 64], [3, 3, 80], form(1, 1, 1, [0; 4])),
        ([2, 11, 13, 48], [3, 3, 112], form(1, 1, 1, [1, 0, 2, 3])),
        ([2, 3, 4, 5], [5, 5, 2], form(1, 1, 1, [2; 4])),
        ([2, 90, 60, 16], [3, 3, 3], form(1, 1, 1, one)),
        ([2, 4, 5, 9], [3, 3, 2], form(1, 2, 1, [5, 4, 0, 6])),
        ([1, 4, 5, 8], [3, 2, 1], form(1, 1, 1, [0; 4])),
    ]
}

#[test]
fn convolutions_and_their_gradients_equal_candle_s() {
    for (image, [kh, kw, out], form) in cases() {
        let per_group = image[3] / form.groups;
        let all = vars(&[&image, &[kh, kw, per_group, out], &[out]], 3);
        let scale = 1.0 / ((kh * kw * per_group) as f64).sqrt();
        for biased in [true, false] {
            let of = |f: fn(&Tensor, &Tensor, Option<&Tensor>, &Convolution) -> Result<Tensor>| {
                let weight = (all[1].as_tensor() * scale).expect("scales");
                let bias = biased.then(|| all[2].as_tensor());
                let y = f(all[0].as_tensor(), &weight, bias, &form).expect("shapes fit");
                (gradients(&y, &all[..if biased { 3 } else { 2 }]), y)
            };
            let (fast, slow) = (of(convolve), of(plain));
            let what = format!("{image:?} {kh}x{kw} {out} {form:?}");
            close(&fast.1, &slow.1, 2e-6, &what);
            // Sums over many pixels round more.
            let pixels = (image[0] * image[1] * image[2]) as f32;
            let tolerance = (1e-6 * pixels.sqrt()).max(1e-5);
            for (a, b) in fast.0.iter().zip(&slow.0) {
                close(a, b, tolerance, &format!("gradient of {what}"));
            }
        }
    }
}

#[test]
fn views_are_read_as_they_stand() {
    let mut draws = Draws::new(4);
    let x = draws.tensor(&[2, 6, 8, 5], 1.0).expect("draws");
    let weight = draws.tensor(&[7, 4, 3, 3], 0.2).expect("draws");
    let x = x
        .narrow(3, 1, 4)
        .and_then(|x| x.transpose(1, 2))
        .expect("a view");
    let weight = weight.permute((2, 3, 1, 0)).expect("a view");
    let form = Convolution::padded(1);
    close(
        &convolve(&x, &weight, None, &form).expect("runs"),
        &plain(&x, &weight, None, &form).expect("runs"),
        2e-6,
        "views",
    );
}

#[test]
fn nan_reaches_what_its_kernel_reaches_and_nothing_else() {
    let mut x = vec![1f32; 5 * 5];
    x[2 * 5 + 2] = f32::NAN;
    let x = Tensor::from_vec(x, (1, 5, 5, 1), &Device::Cpu).expect("a tensor");
    let weight =
        Tensor::ones((3, 3, 1, 2), candle_core::DType::F32, &Device::Cpu).expect("a tensor");
    let y = flat(&convolve(&x, &weight, None, &Convolution::padded(1)).expect("runs"));
    for (i, y) in y.iter().enumerate() {
        let (row, column) = (i / 10, i / 2 % 5);
        let near = (1..=3).contains(&row) && (1..=3).contains(&column);
        assert_eq!(y.is_nan(), near, "{row} {column}");
    }
}

#[test]
fn what_does_not_fit_is_said_in_words() {
    let mut draws = Draws::new(4);
    let x = draws.tensor(&[1, 2, 2, 3], 1.0).expect("draws");
    for shape in [[3, 3, 3, 4], [1, 1, 2, 4], [0, 1, 3, 4]] {
        let weight = draws.tensor(&shape, 1.0).expect("draws");
        let failed = convolve(&x, &weight, None, &Convolution::padded(0));
        assert!(failed.is_err_and(|e| e.to_string().contains("does not fit")));
    }
    let weight = draws.tensor(&[1, 1, 3, 4], 1.0).expect("draws");
    let still = Convolution {
        stride: 0,
        ..Convolution::padded(0)
    };
    assert!(convolve(&x, &weight, None, &still).is_err());
}

#[test]
fn three_layers_learn_as_with_candle_s_convolution() {
    let all = vars(
        &[
            &[2, 12, 11, 3],
            &[3, 3, 3, 16],
            &[16],
            &[3, 3, 16, 16],
            &[16],
            &[3, 3, 16, 3],
            &[3],
        ],
        8,
    );
    let of = |f: fn(&Tensor, &Tensor, Option<&Tensor>, &Convolution) -> Result<Tensor>| {
        let run = || -> Result<Tensor> {
            let mut x = all[0].as_tensor().clone();
            for (layer, pair) in all[1..].chunks(2).enumerate() {
                let weight = (pair[0].as_tensor() * 0.1)?;
                let y = f(
                    &x,
                    &weight,
                    Some(pair[1].as_tensor()),
                    &Convolution::padded(1),
                )?;
                x = if layer < 2 { y.relu()? } else { y };
            }
            Ok(x)
        };
        let y = run().expect("runs");
        (gradients(&y, &all), y)
    };
    let (fast, slow) = (of(convolve), of(plain));
    close(&fast.1, &slow.1, 2e-6, "values");
    for (i, (a, b)) in fast.0.iter().zip(&slow.0).enumerate() {
        close(a, b, 1e-5, &format!("gradient {i}"));
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let all = vars(&[&[3, 40, 41, 12], &[3, 3, 12, 20], &[20]], 6);
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| {
            let [x, weight, bias] = [0, 1, 2].map(|i| all[i].as_tensor());
            let y = convolve(x, weight, Some(bias), &Convolution::padded(1)).expect("runs");
            let mut found = vec![flat(&y)];
            found.extend(gradients(&y, &all).iter().map(flat));
            found
        })
    };
    assert_eq!(of(1), of(3));
}
