//! Instruments of many small steps, killed in the middle.

use crate::{MAP, TRACE, instead, is_taken_up};

#[test]
fn a_trace_that_was_killed_ends_as_if_it_had_not_been() {
    is_taken_up(TRACE, &["--set", "corruption.samples=120"]);
}

#[test]
fn so_does_one_whose_draws_end_early() {
    is_taken_up(
        TRACE,
        &[
            "--set",
            "corruption.samples=120",
            "--set",
            "trace.confidence=0.99",
            "--set",
            "trace.resolution=0.003",
        ],
    );
}

#[test]
fn so_does_one_by_full_passes() {
    is_taken_up(
        TRACE,
        &[
            "--set",
            "corruption.samples=30",
            "--set",
            "trace.engine=plain",
        ],
    );
}

#[test]
fn so_does_one_whose_cells_do_not_fit_into_one_pack() {
    is_taken_up(
        TRACE,
        &["--set", "corruption.samples=120", "--memory", "40MiB"],
    );
}

#[test]
fn so_does_a_map() {
    is_taken_up(MAP, &["--set", "intervention.fine=20"]);
}

#[test]
fn so_does_a_map_whose_draws_end_early() {
    is_taken_up(
        MAP,
        &[
            "--set",
            "intervention.confidence=0.95",
            "--set",
            "intervention.draws=stream",
        ],
    );
}

#[test]
fn so_does_a_split_map_and_an_occlusion() {
    is_taken_up(
        MAP,
        &[
            "--set",
            "model=demo:sr-channel",
            "--set",
            "input.task=super-resolution",
            "--set",
            "intervention.fine=2",
            "--set",
            "intervention.coarse=1",
            "--set",
            "intervention.block=32",
            "--set",
            "intervention.mediation=true",
        ],
    );
    is_taken_up(
        MAP,
        &[
            "--set",
            "instrument=occlusion",
            "--set",
            "occlusion.block=2",
        ],
    );
}

fn image_is_taken_up(instrument: &str, settings: &[&str]) {
    let words = instead(instrument, settings);
    is_taken_up(MAP, &words.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn so_does_sampling_by_random_masks() {
    image_is_taken_up("rise", &["rise.masks=400"]);
}

#[test]
fn so_do_gradients_along_a_path() {
    image_is_taken_up("lam", &["lam.fold=50"]);
    image_is_taken_up("integrated-gradients", &["integrated-gradients.steps=50"]);
}

#[test]
fn so_does_a_field_averaged_over_random_pictures() {
    image_is_taken_up("receptive-field", &["receptive-field.inputs=90"]);
}

#[test]
fn so_does_a_comparison_of_maps() {
    let maps = "faithfulness.maps=[\"occlusion\", \"lam\"]";
    image_is_taken_up("faithfulness", &[maps, "faithfulness.random=2"]);
    // While the curves are drawn, which is after the maps.
    let few = "faithfulness.maps=[\"gradient\"]";
    image_is_taken_up("faithfulness", &[few, "faithfulness.random=12"]);
}
