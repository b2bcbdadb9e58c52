use candle_core::Device;

use super::*;
use crate::kernel::testing::{close, flat, gradients, vars};

fn same(fast: &Tensor, slow: &Tensor, vars: &[candle_core::Var], what: &str) {
    close(fast, slow, 2e-6, what);
    close(
        &gradients(fast, vars)[0],
        &gradients(slow, vars)[0],
        2e-6,
        &format!("gradient of {what}"),
    );
}

#[test]
fn shuffles_equal_reshapes_and_undo_each_other() {
    for (shape, r) in [
        ([1, 1, 1, 4], 2),
        ([2, 3, 5, 27], 3),
        ([1, 4, 2, 3], 1),
        ([2, 4, 6, 32], 4),
    ] {
        let all = vars(&[&shape], 5);
        let x = all[0].as_tensor();
        let y = pixel_shuffle(x, r).expect("fits");
        same(&y, &plain_shuffle(x, r).expect("fits"), &all, "shuffle");
        let back = pixel_unshuffle(&y, r).expect("fits");
        assert_eq!(flat(&back), flat(x));
        same(
            &back,
            &plain_unshuffle(&y, r).expect("fits"),
            &all,
            "unshuffle",
        );
    }
    let x = vars(&[&[1, 3, 4, 6]], 5)[0].as_tensor().clone();
    assert!(pixel_shuffle(&x, 2).is_err() && pixel_unshuffle(&x, 2).is_err());
    assert!(pixel_shuffle(&x, 0).is_err());
}

#[test]
fn channels_become_pixels_in_pytorch_s_order() {
    let x = Tensor::arange(0f32, 8.0, &Device::Cpu).expect("a tensor");
    let x = x.reshape((1, 1, 1, 8)).expect("eight channels");
    let y = flat(&pixel_shuffle(&x, 2).expect("fits"));
    assert_eq!(y, [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
}

#[test]
fn every_resampling_equals_its_plain_form_also_for_views() {
    let all = vars(&[&[2, 5, 7, 3]], 5);
    for x in [
        all[0].as_tensor().clone(),
        all[0].as_tensor().transpose(1, 2).expect("a view"),
    ] {
        let (_, height, width, _) = x.dims4().expect("an image");
        for (what, rows, columns) in [
            (
                "nearest",
                Axis::repeated(height, 3),
                Axis::repeated(width, 3),
            ),
            ("up", Axis::bilinear(height, 13), Axis::bilinear(width, 8)),
            ("down", Axis::bilinear(height, 2), Axis::bilinear(width, 3)),
            (
                "to one",
                Axis::bilinear(height, 1),
                Axis::bilinear(width, 1),
            ),
            (
                "reflected",
                Axis::reflected(height, 3),
                Axis::reflected(width, 0),
            ),
            (
                "far",
                Axis::reflected(height, 11),
                Axis::reflected(width, 15),
            ),
            ("part", Axis::part(1, 3, height), Axis::part(0, 4, width)),
        ] {
            let slow = plain_resample(&x, &rows, &columns).expect("fits");
            same(
                &resample(&x, rows, columns).expect("fits"),
                &slow,
                &all,
                what,
            );
        }
    }
}

#[test]
fn interpolation_is_pytorch_s() {
    let x = Tensor::new(&[0f32, 1.0, 4.0, 9.0], &Device::Cpu).expect("a tensor");
    let x = x.reshape((1, 1, 4, 1)).expect("a line");
    let at = |width| flat(&bilinear_resize(&x, 1, width).expect("fits"));
    // torch.nn.functional.interpolate(..., mode="bilinear", align_corners=False)
    assert_eq!(at(8), [0.0, 0.25, 0.75, 1.75, 3.25, 5.25, 7.75, 9.0]);
    assert_eq!(at(2), [0.5, 6.5]);
    assert_eq!(at(3), [0.166_666_69, 2.5, 8.166_668]);
    let one = x.narrow(2, 0, 1).expect("a pixel");
    assert_eq!(flat(&reflect_pad(&one, 2, 1).expect("fits")), [0.0; 6]);
    let padded = flat(&reflect_pad(&x, 0, 3).expect("fits"));
    assert_eq!(padded, [0.0, 1.0, 4.0, 9.0, 4.0, 1.0, 0.0]);
}

#[test]
fn nan_stays_where_it_is_used() {
    let x = Tensor::new(&[f32::NAN, 1.0, 2.0], &Device::Cpu).expect("a tensor");
    let x = x.reshape((1, 3, 1, 1)).expect("a column");
    let y = flat(&nearest_upsample(&x, 2).expect("fits"));
    let nan: Vec<bool> = y.iter().map(|y| y.is_nan()).collect();
    assert_eq!(
        nan.iter().filter(|nan| **nan).count(),
        4,
        "one pixel of six rows"
    );
    let y = flat(&bilinear_resize(&x, 6, 1).expect("fits"));
    assert!(y[..3].iter().all(|y| y.is_nan()) && y[3..].iter().all(|y| y.is_finite()));
}

#[test]
fn parts_outside_are_refused() {
    let x = vars(&[&[1, 3, 4, 1]], 5)[0].as_tensor().clone();
    assert!(crop(&x, 1, 0, 3, 4).is_err());
    assert_eq!(crop(&x, 1, 1, 2, 3).expect("fits").dims(), [1, 2, 3, 1]);
}
