//! The colours on paper are the numbers in the tables, for every kind of map.

use std::slice::from_ref;

use whyfinder_experiment::{Axis, Field, Outcome};

use crate::beside_tables::{Drawn, Expected, expected, made, read_back};
use crate::made::{LAYERS, TOKENS, attention, map, recorded, relative, trace};
use crate::read_back::bars;

/// From the corrupted value to the largest of all kinds or the clean one.
fn trace_ends(outcome: &Outcome) -> [f32; 2] {
    let values = outcome.fields.iter().flat_map(|f| &f.values);
    [0.042, values.copied().fold(0.931, f32::max)]
}

#[test]
fn of_traces_side_by_side() {
    let outcome = trace(&TOKENS);
    let ends = trace_ends(&outcome);
    let shape = [TOKENS.len(), LAYERS];
    for (theme, maps) in [
        ("light", ["purples-light", "greens-light"]),
        ("dark", ["purples-dark", "greens-dark"]),
    ] {
        let words = [
            "--field", "residual", "--field", "mlp", "--width", "double", "--theme", theme,
        ];
        let panels = [0, 1].map(|i| Expected {
            panel: i + 1,
            bar: i,
            ..expected(Drawn::Rects(i), shape, maps[i], ends)
        });
        let values = read_back(std::slice::from_ref(&outcome), &words, &panels);
        assert_eq!(values, 2 * 2 * 80);
    }
}

#[test]
fn of_one_map_and_range_for_all() {
    let outcome = trace(&TOKENS);
    let words = [
        "--field",
        "attention",
        "--map",
        "cividis",
        "--range",
        "0.02,0.2",
    ];
    let shape = [TOKENS.len(), LAYERS];
    let panel = expected(Drawn::Rects(0), shape, "cividis", [0.02, 0.2]);
    assert_eq!(read_back(&[outcome], &words, &[panel]), 160);
}

#[test]
fn of_parts() {
    let outcome = trace(&TOKENS);
    let ends = trace_ends(&outcome);
    let words = [
        "--field",
        "residual",
        "--field",
        "attention",
        "--part",
        "3-99,1-6",
    ];
    let panels = [0, 1].map(|i| Expected {
        panel: i + 1,
        bar: i,
        ..expected(
            Drawn::Rects(i),
            [7, 5],
            ["purples-light", "reds-light"][i],
            ends,
        )
    });
    let of_parts = [words.as_slice(), &["--width", "double"]].concat();
    let values = read_back(std::slice::from_ref(&outcome), &of_parts, &panels);
    assert_eq!(values, 2 * 2 * 35);
    let made = made(&[outcome], &of_parts);
    let said = |text: &str| made.svg.words.iter().any(|w| w.text.contains(text));
    assert!(said("shown: tokens 3 to 9 of 10, layers 1 to 5 of 8"));
    // The largest effect of all, at the last token of layer 7, is not in it.
    assert!(said("at ␣Tower, layer 2") && !said("layer 7"));
    assert_eq!(made.rows[0].row, "vane*");
    assert_eq!(made.rows[0].column, "1");

    // The region's block and a corner of what can reach it.
    let outcome = effects();
    let most = extent(&outcome);
    let panel = expected(Drawn::Over(0), [3, 4], "blue-red-light", [-most, most]);
    let words = ["--field", "effect", "--part", "1-4,2-6"];
    assert_eq!(read_back(&[outcome], &words, &[panel]), 24);

    let n = TOKENS.len();
    let panel = expected(Drawn::Tiles(4), [n, n], "magma", [0.0, 1.0]);
    let words = ["--field", "atlas", "--part", "1-3,2-4"];
    let values = read_back(&[attention(&TOKENS, 3, 4)], &words, &[panel]);
    assert_eq!(values, 4 * n * (n + 1));
    let panel = expected(Drawn::Rects(0), [3, 4], "magma", [0.0, 1.0]);
    let words = ["--field", "head:1.2", "--part", "4-7,1-5"];
    let small = attention(&TOKENS, 2, 4);
    assert_eq!(read_back(&[small], &words, &[panel]), 24);
}

#[test]
fn of_a_part_of_recorded_attention() {
    let outcome = recorded(300);
    // Every query attends to all keys before it alike: single weights, though the overview has cells of four by four.
    let made = made(
        &[outcome],
        &["--field", "head:0.1", "--part", "104-108,100-103"],
    );
    assert_eq!(made.rows.len(), 12);
    assert_eq!(
        (made.rows[0].row.as_str(), made.rows[0].column.as_str()),
        ("␣w104", "␣w100")
    );
    let weight = made.rows[3].value.expect("measured");
    assert!((weight - 1.0 / 106.0).abs() < 1e-6, "{weight}");
}

#[test]
fn of_an_unfinished_trace_with_harm() {
    let mut outcome = trace(&TOKENS);
    let ends = trace_ends(&outcome);
    let field = &mut outcome.fields[0];
    field.values[11] = -0.5;
    for cell in [3, 40, 79] {
        field.mask[cell] = false;
        field.values[cell] = f32::NAN;
    }
    field.values[21] = f32::NAN;
    field.values[50] = f32::INFINITY;
    let ends = [2.0 * ends[0] - ends[1], ends[1]];
    let shape = [TOKENS.len(), LAYERS];
    let panel = expected(Drawn::Rects(0), shape, "blue-red-light", ends);
    assert_eq!(
        read_back(&[outcome], &["--field", "residual"], &[panel]),
        150
    );
}

#[test]
fn of_heads() {
    let small = attention(&TOKENS, 2, 4);
    let n = TOKENS.len();
    let panel = expected(Drawn::Rects(0), [n, n], "magma", [0.0, 1.0]);
    let values = read_back(from_ref(&small), &["--field", "head:1.3"], from_ref(&panel));
    assert_eq!(values, n * (n + 1));
    let words = ["--field", "head:1.0", "--theme", "dark"];
    assert_eq!(
        read_back(from_ref(&small), &words, from_ref(&panel)),
        n * (n + 1)
    );
    let part = Expected {
        shape: [4, 4],
        ..panel.clone()
    };
    assert_eq!(
        read_back(&[small], &["--field", "head:1.2@3-7"], &[part]),
        20
    );
    let many: Vec<String> = (0..130).map(|i| format!("w{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let panel = Expected {
        drawn: Drawn::Picture(0),
        shape: [130, 130],
        ..panel
    };
    let values = read_back(
        &[attention(&many, 1, 4)],
        &["--field", "head:0.3"],
        &[panel],
    );
    assert_eq!(values, 130 * 131);
}

#[test]
fn of_all_heads() {
    let n = TOKENS.len();
    let panel = expected(Drawn::Tiles(12), [n, n], "magma", [0.0, 1.0]);
    let words = ["--field", "atlas", "--width", "double"];
    let values = read_back(&[attention(&TOKENS, 3, 4)], &words, &[panel]);
    assert_eq!(values, 12 * n * (n + 1));
}

/// An effect map no two cells of which are alike.
fn effects() -> Outcome {
    let mut outcome = map("demo:denoise");
    for cell in 0..24 {
        let mean = ((cell * 7) % 24) as f32 * 0.05 - 0.5;
        outcome.fields[0].set_samples(cell, &[mean - 0.1, mean, mean + 0.1]);
    }
    outcome
}

/// The largest effect beside the region's block, which is the cell in row 1, column 2.
fn extent(outcome: &Outcome) -> f32 {
    let cells = outcome.fields[0].values.iter().enumerate();
    cells
        .filter(|(cell, _)| *cell != 8)
        .fold(0.0, |most, (_, v)| v.abs().max(most))
}

#[test]
fn of_effects_over_a_picture_and_without_one() {
    let mut outcome = effects();
    let most = extent(&outcome);
    let panel = expected(Drawn::Over(0), [4, 6], "blue-red-light", [-most, most]);
    let words = ["--field", "effect"];
    assert_eq!(read_back(&[outcome.clone()], &words, from_ref(&panel)), 48);
    let seismic = Expected {
        map: "seismic",
        ends: [-0.3, 0.3],
        ..panel.clone()
    };
    let words = [
        "--field", "effect", "--map", "seismic", "--range", "-0.3,0.3",
    ];
    assert_eq!(read_back(&[outcome.clone()], &words, &[seismic]), 48);
    // In each other's colours, and so it is said.
    let words = ["--field", "effect", "--invert"];
    assert_eq!(read_back(&[outcome.clone()], &words, from_ref(&panel)), 48);
    let page = made(&[outcome.clone()], &words).svg;
    let [red, _, blue, _] = bars(&page)[0].pixels[0];
    assert!(red > blue, "the least value is red");
    let said: Vec<&str> = page.words.iter().map(|w| w.text.as_str()).collect();
    assert!(
        said.join(" ")
            .contains("blue helps the region, red harms it"),
        "{said:?}"
    );
    outcome.fields.retain(|f| f.name == "effect");
    let panel = Expected {
        drawn: Drawn::Rects(0),
        ..panel
    };
    assert_eq!(read_back(&[outcome], &["--field", "effect"], &[panel]), 48);
}

#[test]
fn of_two_networks_and_their_difference() {
    let (first, mut second) = (effects(), effects());
    second.experiment.model = "demo:sr-local".into();
    for cell in 0..24 {
        let mean = ((cell * 5) % 24) as f32 * 0.03 - 0.2;
        second.fields[0].set_samples(cell, &[mean - 0.1, mean, mean + 0.1]);
    }
    let most = extent(&first).max(extent(&second));
    let differences = first.fields[0].values.iter().zip(&second.fields[0].values);
    let apart = differences
        .enumerate()
        .filter(|(cell, _)| *cell != 8)
        .fold(0f32, |m, (_, (a, b))| m.max((a - b).abs()));
    let words = ["--field", "effect", "--difference", "--width", "double"];
    let one = expected(Drawn::Over(0), [4, 6], "blue-red-light", [-most, most]);
    let panels = [
        one.clone(),
        Expected {
            panel: 2,
            drawn: Drawn::Over(1),
            ..one.clone()
        },
        Expected {
            panel: 3,
            drawn: Drawn::Over(2),
            ends: [-apart, apart],
            bar: 1,
            ..one
        },
    ];
    assert_eq!(read_back(&[first, second], &words, &panels), 3 * 48);
}

#[test]
fn of_attributions() {
    for (instrument, field) in [
        ("lam", "attribution"),
        ("integrated-gradients", "attribution"),
        ("gradient", "attribution"),
        ("receptive-field", "attribution"),
        ("rise", "saliency"),
        ("lam", "density"),
    ] {
        let outcome = relative(instrument, field, |y, x| (y * 48 + x) as f32 / 700.0);
        let most = 1535.0 / 700.0;
        let panel = expected(Drawn::Over(1), [32, 48], "magma", [0.0, most]);
        let values = read_back(&[outcome], &["--field", field], &[panel]);
        assert_eq!(values, 2 * 1536, "{instrument}");
    }
    let signed = |y: usize, x: usize| (y * 48 + x) as f32 / 700.0 - 0.5;
    for (instrument, field) in [
        ("lam", "attribution.signed"),
        ("gradient", "gradient-times-input"),
    ] {
        let outcome = relative(instrument, field, signed);
        let most = signed(31, 47);
        let panel = expected(Drawn::Over(1), [32, 48], "blue-red-light", [-most, most]);
        let values = read_back(&[outcome], &["--field", field], &[panel]);
        assert_eq!(values, 2 * 1536, "{instrument}");
    }
}

#[test]
fn of_window_attention() {
    let mut outcome = relative("window-attention", "unused", |_, _| 0.0);
    let (heads, side) = (3, 8);
    let axes = vec![
        Axis::numbered("head", heads),
        Axis::numbered("y", side),
        Axis::numbered("x", side),
    ];
    let values: Vec<f32> = (0..heads * side * side)
        .map(|i| ((i * 37) % 191) as f32 / 2000.0)
        .collect();
    let most = |values: &[f32]| values.iter().copied().fold(0.0, f32::max);
    let name = "attention.layers.0";
    let field = Field::measured(name, axes, values.clone()).expect("fits");
    outcome.fields[0] = field;
    let ends = [0.0, most(&values)];
    let panel = expected(Drawn::Tiles(heads), [side, side], "magma", ends);
    let words = ["--field", name, "--width", "double"];
    assert_eq!(read_back(&[outcome.clone()], &words, &[panel]), 2 * 192);
    // The window begins at the picture's corner, and as much of the picture is shown beside it.
    let ends = [0.0, most(&values[64..128])];
    let panel = expected(Drawn::Over(0), [side, side], "magma", ends);
    let view = format!("{name}:1");
    let values = read_back(&[outcome], &["--field", &view], &[panel]);
    assert_eq!(values, 2 * 64);
}
