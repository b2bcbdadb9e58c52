//! The colours on paper are the numbers in the tables: figures of every kind of map are made by `whyfinder figure`, read
//! back from SVG, PDF and PNG, and set beside the table that the same command writes.

use std::path::Path;
use std::process::ExitCode;
use std::slice::from_ref;

use whyfinder_experiment::{Axis, Field, Outcome, parse_experiment, write_result};

use crate::made::{LAYERS, TOKENS, attention, map, recorded, trace};
use crate::page::{Page, Picture};
use crate::pdf_reader::Pdf;
use crate::read_back::{Bar, Cells, Seen, bars, lattice, pictured};

const DPI: f32 = 400.0;
/// Rounding of floats, in shares of the range.
const ROUNDING: f64 = 1e-5;

/// Where a map's cells are on the page.
#[derive(Clone, Copy, Debug)]
enum Drawn {
    /// Single rectangles; of the panel so many to the right.
    Rects(usize),
    /// One picture of a pixel per cell, so many-th of its size.
    Picture(usize),
    /// So many pictures, each of a tile.
    Tiles(usize),
    /// As `Picture`, over the picture of the network's input or output.
    Over(usize),
}

/// What is known of a panel apart from its values.
#[derive(Clone, Debug)]
struct Expected {
    panel: usize,
    drawn: Drawn,
    /// Rows and columns of cells, of one tile.
    shape: [usize; 2],
    map: &'static str,
    ends: [f32; 2],
    bar: usize,
}

fn expected(drawn: Drawn, shape: [usize; 2], map: &'static str, ends: [f32; 2]) -> Expected {
    Expected {
        panel: 1,
        drawn,
        shape,
        map,
        ends,
        bar: 0,
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
struct Row {
    panel: usize,
    row: String,
    column: String,
    value: Option<f64>,
    state: String,
}

fn table(csv: &str) -> Vec<Row> {
    csv.lines()
        .skip(1)
        .map(|line| {
            // Only titles of these figures have commas.
            let line = match line.split_once(",\"").map(|(a, b)| (a, b.split_once('"'))) {
                Some((panel, Some((_, rest)))) => format!("{panel},{rest}"),
                _ => line.to_string(),
            };
            let words: Vec<&str> = line.split(',').collect();
            assert_eq!(words.len(), 9, "{line}");
            Row {
                panel: words[0].parse().expect("a number"),
                row: words[3].into(),
                column: words[4].into(),
                value: (!words[5].is_empty()).then(|| words[5].parse().expect("a number")),
                state: words[8].into(),
            }
        })
        .collect()
}

/// A figure in all formats, made as a person makes it.
struct Made {
    svg: Page,
    pdf: Page,
    png: image::RgbaImage,
    rows: Vec<Row>,
}

fn made(outcomes: &[Outcome], words: &[&str]) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    let results: Vec<String> = (0..outcomes.len())
        .map(|i| folder.path().join(i.to_string()).display().to_string())
        .collect();
    for (outcome, path) in outcomes.iter().zip(&results) {
        std::fs::create_dir(path).expect("a folder");
        write_result(Path::new(path), outcome).expect("writes");
    }
    let bytes = |ending: &str| {
        let path = folder.path().join(format!("f.{ending}"));
        let out = path.display().to_string();
        let dpi = DPI.to_string();
        let asked = ["whyfinder", "figure"]
            .into_iter()
            .chain(results.iter().map(String::as_str))
            .chain(["--out", &out, "--dpi", &dpi])
            .chain(words.iter().copied());
        let code = whyfinder::command_line::answer(asked.map(std::ffi::OsString::from));
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
        std::fs::read(path).expect("written")
    };
    let text = |ending: &str| String::from_utf8(bytes(ending)).expect("UTF-8");
    let rows = table(&text("csv"));
    // The arrays for numpy hold the numbers of the table.
    let arrays = bytes("npz");
    for panel in 1..=rows.last().expect("rows").panel {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&arrays)).expect("an archive");
        let name = format!("panel.{panel}.values.npy");
        let member = archive.by_name(&name).expect("there");
        let values = npyz::NpyFile::new(std::io::BufReader::new(member)).expect("an array");
        let values = values.into_vec::<f32>().expect("floats");
        let of_panel: Vec<&Row> = rows.iter().filter(|r| r.panel == panel).collect();
        assert_eq!(values.len(), of_panel.len());
        for (value, row) in values.iter().zip(of_panel) {
            assert!(row.value.is_none_or(|v| v as f32 == *value), "{row:?}");
        }
    }
    Made {
        svg: Page::of_svg(&text("svg")),
        pdf: Page::of_pdf(&Pdf::read(&bytes("pdf"))),
        png: image::load_from_memory(&bytes("png"))
            .expect("a PNG")
            .to_rgba8(),
        rows,
    }
}

fn maps(page: &Page, expected: &Expected) -> Vec<Cells> {
    let shape = expected.shape;
    match expected.drawn {
        Drawn::Rects(index) => vec![lattice(page, shape, index)],
        Drawn::Picture(index) | Drawn::Over(index) => vec![pictured(page, shape, index).1],
        Drawn::Tiles(n) => (0..n).map(|i| pictured(page, shape, i).1).collect(),
    }
}

/// Reads every panel back from all three files; returns how many values were found.
fn read_back(outcomes: &[Outcome], words: &[&str], panels: &[Expected]) -> usize {
    let made = made(outcomes, words);
    let mut values = 0;
    for panel in panels {
        let rows: Vec<&Row> = made
            .rows
            .iter()
            .filter(|r| r.panel == panel.panel)
            .collect();
        let svg = maps(&made.svg, panel);
        let pdf = maps(&made.pdf, panel);
        let bar = Bar::read(&made.svg, bars(&made.svg)[panel.bar], panel.map, panel.ends);
        // The bars of both files have the same colours; the words are the same as texts elsewhere.
        assert_eq!(
            bars(&made.svg)[panel.bar].pixels,
            bars(&made.pdf)[panel.bar].pixels
        );
        let cells: usize = svg.iter().map(|m| m.seen.len()).sum();
        assert_eq!(cells, rows.len(), "{words:?}");
        let all = |maps: &[Cells]| -> Vec<Seen> {
            maps.iter().flat_map(|m| m.seen.iter().copied()).collect()
        };
        for seen in [all(&svg), all(&pdf)] {
            for (seen, row) in seen.into_iter().zip(&rows) {
                values += usize::from(check(&bar, seen, row));
            }
        }
        for (a, b) in svg.iter().zip(&pdf) {
            for (a, b) in a.frames.iter().zip(&b.frames) {
                assert!((a.x - b.x).abs() < 0.01 && (a.y - b.y).abs() < 0.01);
            }
        }
        if let Drawn::Rects(0) | Drawn::Picture(0) = panel.drawn {
            let labels = |of: fn(&Row) -> &String, from: usize, step: usize, n: usize| {
                let of_line = rows.iter().skip(from).step_by(step).take(n);
                of_line.map(|r| of(r).clone()).collect::<Vec<String>>()
            };
            let [down, across] = panel.shape;
            let found = svg[0].labelled(
                &made.svg,
                &labels(|r| &r.row, 0, across, down),
                &labels(|r| &r.column, 0, 1, across),
            );
            assert!(found >= (down + across) / 5, "{found} labels");
        }
        let ground = match panel.drawn {
            // What the map is laid over is painted just before it.
            Drawn::Over(index) => {
                let (place, _) = pictured(&made.svg, panel.shape, index);
                Some(&made.svg.pictures[place - 1])
            }
            _ => None,
        };
        for map in &svg {
            for (i, seen) in map.seen.iter().enumerate() {
                if let Seen::Colour(colour) = *seen {
                    raster(&made.png, &made.svg, map, i, colour, ground);
                }
            }
        }
    }
    values
}

/// Whether a cell has a value; asserts that its colour stands for it.
fn check(bar: &Bar, seen: Seen, row: &Row) -> bool {
    match (row.state.as_str(), seen) {
        ("masked", Seen::Blank)
        | ("not measured", Seen::Dotted)
        | ("not finite", Seen::Chequered) => false,
        ("measured", Seen::Colour(colour)) => {
            let [low, high] = bar
                .values(colour)
                .unwrap_or_else(|| panic!("{colour:?} is no colour of the map: {row:?}"));
            let off = ROUNDING * (bar.ends[1] - bar.ends[0]);
            let value = row.value.expect("a number");
            assert!(
                (low - off..=high + off).contains(&value),
                "the colour says {low} to {high}: {row:?}"
            );
            true
        }
        _ => panic!("{seen:?} for {row:?}"),
    }
}

/// Asserts that the pixels of a cell have its colour, but where words, hatching or outlines lie over it.
fn raster(
    png: &image::RgbaImage,
    page: &Page,
    map: &Cells,
    cell: usize,
    colour: [u8; 4],
    ground: Option<&Picture>,
) {
    const SIDE: usize = 9;
    let scale = [0, 1].map(|i| [png.width(), png.height()][i] as f32 / page.size[i]);
    let points = (1..SIDE).flat_map(|y| (1..SIDE).map(move |x| [x, y]));
    let mut right = 0;
    for [x, y] in points {
        let part = map.frames[cell].part([SIDE, SIDE], [x, y]);
        let at = [part.x, part.y];
        let pixel = [0, 1].map(|i| (at[i] * scale[i]) as u32);
        let seen = png.get_pixel(pixel[0], pixel[1]).0;
        let below = match ground {
            Some(ground) => {
                let part = |i: usize, from: f32, side: f32, n: usize| {
                    (((at[i] - from) / side * n as f32) as usize).min(n - 1)
                };
                let f = ground.frame;
                let column = part(0, f.x, f.width, ground.columns);
                let row = part(1, f.y, f.height, ground.rows);
                ground.pixels[row * ground.columns + column]
            }
            None => [255; 4],
        };
        let cover = f32::from(colour[3]) / 255.0;
        let near = (0..3).all(|i| {
            let mixed = f32::from(colour[i]) * cover + f32::from(below[i]) * (1.0 - cover);
            (mixed - f32::from(seen[i])).abs() <= 3.0
        });
        right += usize::from(near);
    }
    let all = (SIDE - 1) * (SIDE - 1);
    assert!(
        right * 5 >= all * 2,
        "{right} of {all} points of cell {cell} have the colour {colour:?}"
    );
}

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

/// A map over the picture of the map's own size, as the relatives of effect maps have it.
fn relative(instrument: &str, field: &str, value: fn(usize, usize) -> f32) -> Outcome {
    let text = format!(
        "instrument = \"{instrument}\"\nmodel = \"demo:sr-local\"\n[input]\ntruth = \"picture:towers\"\nregion = [16, 8, 8, 8]\n"
    );
    let mut outcome = map("demo:sr-local");
    outcome.experiment = parse_experiment(&text, &[]).expect("it can be meant");
    outcome.fields.retain(|f| f.name == "input");
    let axes = vec![Axis::numbered("y", 32), Axis::numbered("x", 48)];
    let cells = (0..32).flat_map(|y| (0..48).map(move |x| value(y, x)));
    let made = Field::measured(field, axes, cells.collect()).expect("fits");
    outcome.fields.insert(0, made);
    outcome
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
