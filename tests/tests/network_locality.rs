//! On every family of restoration networks: what cannot reach a region does not change it, and the lens computes what a
//! whole pass does.

#[path = "support/models.rs"]
mod models;
#[path = "support/networks.rs"]
mod networks;

use candle_core::{Device, Tensor};
use models::fixture;
use networks::{Pair, apart, opened, read_pair, weights_in};
use whyfinder_model::network::reach::reach;
use whyfinder_model::network::{Held, ImageModel, Lens, NoNodeProbe, Rect, forward};

/// Sums are taken in another order for another number of pixels.
const ROUNDING: f32 = 3e-5;

fn each_network(mut check: impl FnMut(&str, &ImageModel, &Pair)) {
    let folders =
        std::fs::read_dir(fixture("networks")).expect("run tests/fixtures/make_networks.py");
    for folder in folders.flatten() {
        let name = folder.file_name().to_string_lossy().into_owned();
        let model = opened(&weights_in(&folder.path())).expect(&name);
        check(&name, &model, &read_pair(&folder.path()));
    }
}

fn region_of(output: &Tensor, region: &Rect) -> Tensor {
    output
        .narrow(1, region.rows.start, region.height())
        .and_then(|rows| rows.narrow(2, region.columns.start, region.width()))
        .expect("inside")
}

/// A region of 2 x 2 input pixels' worth, near the top left.
fn region(scale: usize) -> Rect {
    Rect::new(scale..3 * scale, 2 * scale..4 * scale)
}

#[test]
fn pixels_out_of_reach_do_not_move_a_region() {
    each_network(|name, model, pair| {
        let (_, height, width, channels) = pair.input.dims4().expect("a picture");
        let region = region(model.network.scale);
        let reach = reach(&model.network, height, width, &region).expect("suits");
        let mut values: Vec<f32> = pair
            .input
            .flatten_all()
            .and_then(|x| x.to_vec1())
            .expect("values");
        for (place, pixel) in values.chunks_mut(channels).enumerate() {
            if !reach.pixels.contains(place / width, place % width) {
                pixel.fill(1.0 - pixel[0]);
            }
        }
        let shape = (1, height, width, channels);
        let changed = Tensor::from_vec(values, shape, &Device::Cpu).expect("a picture");
        let output = forward(&model.network, &changed, pair.noise, &mut NoNodeProbe).expect("runs");
        let difference = apart(
            &region_of(&output, &region),
            &region_of(&pair.output, &region),
        );
        assert!(difference < 1e-5, "{name}: {difference}");
    });
}

#[test]
fn patches_through_the_lens_equal_whole_passes() {
    each_network(|name, model, pair| {
        let (_, height, width, channels) = pair.input.dims4().expect("a picture");
        let region = region(model.network.scale);
        let lens = Lens::new(&model.network, &pair.input, pair.noise, &region).expect("a lens");
        for (row, column) in [(0, 0), (2, 2), (height - 2, width - 3), (height / 2, 1)] {
            let at = Rect::new(row..row + 2, column..column + 3);
            let patch = region_of(&pair.input, &at)
                .affine(-1.0, 1.0)
                .expect("inverted");
            let place = [0..1, at.rows.clone(), at.columns.clone(), 0..channels];
            let changed = pair.input.slice_assign(&place, &patch).expect("inside");
            let whole = forward(&model.network, &changed, pair.noise, &mut NoNodeProbe);
            let whole = region_of(&whole.expect("runs"), &region);
            let seen = lens.with_patches(&at, &patch, Held::Nothing).expect("runs");
            let difference = apart(&seen, &whole);
            assert!(difference < ROUNDING, "{name} {at:?}: {difference}");
        }
    });
}
