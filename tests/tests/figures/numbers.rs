//! The numbers in the picture are those of the result.

use whyfinder_experiment::{Field, Outcome};
use whyfinder_figure::{Content, Figure, Panel, Part, Source};
use whyfinder_paint::{ColourMap, Theme};

use crate::made::{TOKENS, attention, described, figure, figure_as, map, trace, with_predictions};
use crate::svg_reader::{Rect, rects, texts};

/// The rectangles of a grid, row by row: the largest group of one size.
fn cells(svg: &str, expected: usize) -> Vec<Rect> {
    let all = rects(svg);
    let mut best: Vec<Rect> = Vec::new();
    for rect in &all {
        let same: Vec<Rect> = all
            .iter()
            .filter(|r| {
                (r.width - rect.width).abs() < 0.01 && (r.height - rect.height).abs() < 0.01
            })
            .copied()
            .collect();
        if same.len() > best.len() {
            best = same;
        }
    }
    assert_eq!(best.len(), expected);
    best.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x)));
    best
}

/// The share of the range that a colour stands for.
fn share(table: &[[u8; 4]; 256], fill: [u8; 3]) -> f32 {
    let distance = |c: &[u8; 4]| -> i32 {
        (0..3)
            .map(|i| (i32::from(c[i]) - i32::from(fill[i])).pow(2))
            .sum()
    };
    let best = (0..256)
        .min_by_key(|&i| distance(&table[i]))
        .expect("256 of them");
    assert_eq!(
        distance(&table[best]),
        0,
        "{fill:?} is no colour of the map"
    );
    best as f32 / 255.0
}

#[test]
fn colours_of_cells_read_back_as_their_values() {
    let outcome = trace(&TOKENS);
    let mut description = described(&["residual"]);
    description.panels[0].map = Some("viridis".into());
    description.panels[0].range = Some([0.0, 1.0]);
    let svg = figure_as(&outcome, &description).svg().expect("written");
    let field = outcome.field("residual").expect("made");
    let table = ColourMap::Viridis.table(Theme::Light);
    let cells = cells(&svg, field.values.len());
    for (cell, value) in cells.iter().zip(&field.values) {
        let read = share(table, cell.fill);
        assert!(
            (read - value.clamp(0.0, 1.0)).abs() <= 0.5 / 255.0 + 1e-5,
            "{read} {value}"
        );
    }
}

#[test]
fn numbers_written_into_cells_are_their_values() {
    let outcome = attention(&TOKENS[..5], 1, 2);
    let svg = figure(&outcome, &["head:0.1"]).svg().expect("written");
    let lines = texts(&svg);
    let field = &outcome.fields[0];
    let head = &field.values[25..50];
    let mut written = 0;
    for (i, &value) in head.iter().enumerate() {
        let (query, key) = (i / 5, i % 5);
        if key <= query && value >= 0.05 {
            let text = whyfinder_paint::cell_number(value);
            assert!(lines.contains(&text), "{text} of query {query}, key {key}");
            written += 1;
        }
    }
    assert!(written > 4);
}

#[test]
fn csv_reads_back_bit_for_bit() {
    let outcome = with_predictions(trace(&TOKENS));
    let csv = figure(&outcome, &["residual", "attention", "predictions"]).csv();
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("panel,title,tile,row,column,value,stderr,samples,state")
    );
    let rows: Vec<Vec<&str>> = lines.map(|l| l.split(',').collect()).collect();
    for (panel, name) in [("1", "residual"), ("2", "attention")] {
        let field = outcome.field(name).expect("made");
        let errors = field.effect_errors().expect("sampled");
        let of_panel: Vec<&Vec<&str>> = rows.iter().filter(|r| r[0] == panel).collect();
        assert_eq!(of_panel.len(), field.values.len());
        for (i, row) in of_panel.iter().enumerate() {
            assert_eq!(row[5].parse(), Ok(field.values[i]));
            assert_eq!(row[6].parse(), Ok(errors[i]));
            assert_eq!((row[7], row[8]), ("4", "measured"));
        }
        assert_eq!(of_panel[33][3], "␣Tower*");
    }
    assert!(csv.contains("3,Next token,,corrupted run,␣Brelle,0.042,"));
}

/// The second panel of a figure that takes a run from another one, as a table.
fn subtracted(of: &Outcome, minus: &Outcome) -> Vec<Vec<String>> {
    let mut description = described(&["mlp"]);
    description.panels.push(Panel {
        minus: Some(1),
        ..description.panels[0].clone()
    });
    let sources = [(of, "b"), (minus, "a")].map(|(outcome, name)| Source { outcome, name });
    let csv = Figure::new(&sources, &description).expect("drawn").csv();
    let rows = csv.lines().filter(|line| line.starts_with("2,"));
    rows.map(|line| line.split(',').map(String::from).collect())
        .collect()
}

#[test]
fn a_difference_is_of_effects_and_its_errors_are_paired_where_draws_are_kept() {
    let a = trace(&TOKENS);
    let mut b = a.clone();
    // The same effects upon another floor, draw by draw.
    let field = b.fields.iter_mut().find(|f| f.name == "mlp").expect("made");
    for cell in 0..field.values.len() {
        let higher: Vec<f32> = field.samples_of(cell).iter().map(|s| s + 0.25).collect();
        field.set_samples(cell, &higher);
    }
    *b.summary.reference.get_mut("corrupted").expect("made") += 0.25;
    let rows = subtracted(&b, &a);
    assert!(!rows.is_empty());
    for row in &rows {
        assert_eq!(row[1], "b − a (errors paired by draw)");
        let [value, error] = [5, 6].map(|i: usize| row[i].parse::<f32>().expect("a number"));
        assert!(value.abs() < 1e-6 && error < 1e-6, "{row:?}");
    }
    let field = b.fields.iter_mut().find(|f| f.name == "mlp").expect("made");
    field.samples = None;
    for row in subtracted(&b, &a) {
        assert_eq!(row[1], "b − a (errors as of independent draws)");
        assert!(row[6].parse::<f32>().expect("a number") > 1e-3, "{row:?}");
    }
}

#[test]
fn npz_and_latex_hold_the_same_numbers() {
    let outcome = trace(&TOKENS);
    let figure = figure(&outcome, &["mlp", "mlp.lines"]);
    let field = outcome.field("mlp").expect("made");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("f.npz");
    whyfinder_figure::save(&path, &figure.npz().expect("packed")).expect("writes");
    let file = std::fs::File::open(&path).expect("written");
    let mut npz = zip::ZipArchive::new(file).expect("an archive");
    let member = npz.by_name("panel.1.values.npy").expect("there");
    let values = npyz::NpyFile::new(std::io::BufReader::new(member)).expect("an array");
    let values = values.into_vec::<f32>().expect("floats");
    assert_eq!(values, field.values);
    let table = figure.latex_table();
    assert!(table.contains("\\textvisiblespace{}Tower* & "), "{table}");
    assert!(table.contains("\\textless{}\\textbar{}bos"), "{table}");
    let written = field.values[34];
    assert!(
        table.contains(&format!("${written:.3}")) || table.contains(&format!("${written:.4}")),
        "{table}"
    );
    let tex = figure.pgfplots().expect("few cells");
    assert!(tex.contains(&format!("% {written}\n")), "{written}");
    assert!(tex.contains("\\textvisiblespace{}Tower*"));
}

#[test]
fn a_row_of_a_table_may_begin_with_a_bracket_or_a_star() {
    let table = figure(&trace(&["[CLS]", "*", "a"]), &["mlp"]).latex_table();
    // Bare, TeX would take them for arguments of the end of the line before.
    assert!(
        table.contains("\n{}[CLS] & ") && table.contains("\n{}*"),
        "{table}"
    );
}

#[test]
fn lines_are_means_over_tokens_with_paired_errors() {
    let outcome = trace(&TOKENS);
    let figure = figure(&outcome, &["residual.lines"]);
    let Content::Lines(lines) = &figure.drawings()[0].content else {
        panic!("lines");
    };
    let names: Vec<&str> = lines.series.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "first subject token",
            "middle subject tokens",
            "last subject token",
            "first token after",
            "further tokens",
            "last token"
        ]
    );
    let field = outcome.field("residual").expect("made");
    let cell = |token: usize, layer: usize| token * 8 + layer;
    assert_eq!(lines.series[2].values[3], field.values[cell(4, 3)]);
    let mean =
        (field.values[cell(6, 1)] + field.values[cell(7, 1)] + field.values[cell(8, 1)]) / 3.0;
    assert!((lines.series[4].values[1] - mean).abs() < 1e-6);
    let error = lines.series[2].errors.as_ref().expect("sampled")[3];
    let of_cell = field.stderr.as_ref().expect("sampled")[cell(4, 3)];
    assert!((error - 1.96 * of_cell).abs() < 1e-6, "{error} {of_cell}");
}

#[test]
fn cells_are_hatched_where_the_effect_is_small_and_not_where_it_is_exactly_nothing() {
    let hatched = |field: &Field| {
        let mut outcome = trace(&TOKENS);
        outcome.fields = vec![field.clone()];
        let svg = figure(&outcome, &["residual"]).svg().expect("written");
        texts(&svg).iter().any(|line| line == "|effect| < 2 s.e.")
    };
    let mut field = trace(&TOKENS).fields[0].clone();
    assert!(hatched(&field));
    field.values.fill(0.042);
    assert!(!hatched(&field));
    field.values.fill(0.9);
    assert!(!hatched(&field));
}

#[test]
fn a_map_over_a_picture_says_polarity_centre_unit_and_samples() {
    let outcome = map("demo:denoise");
    let figure = figure(&outcome, &["effect", "counts"]);
    let lines = texts(&figure.svg().expect("written"));
    let all = lines.join(" ");
    for said in [
        "loss of the region's PSNR",
        "dB",
        "red helps the region, blue harms it",
        "3 samples",
        "−0.60",
        "≥.60",
        "|effect| < 2 s.e.",
        "dashed: what can reach the region",
        "help (9 %), 1 by more than 2 s.e.",
    ] {
        assert!(all.contains(said), "{said} is missing from\n{all}");
    }
    assert!(lines.contains(&"0".into()), "{all}");
}

#[test]
fn a_picture_by_itself_has_its_pixels_in_the_tables() {
    let outcome = map("demo:denoise");
    let mut description = described(&["output"]);
    description.panels[0].part = Some(Part {
        rows: [4, 9],
        columns: [2, 10],
    });
    let figure = figure_as(&outcome, &description);
    let output = outcome.field("output").expect("made");
    let byte = |y: usize, x: usize, channel: usize| {
        let value = output.values[(y * output.shape()[1] + x) * 3 + channel];
        (value * 255.0).round_ties_even()
    };
    let csv = figure.csv();
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows.len(), 3 * 5 * 8);
    for (i, row) in rows.iter().enumerate() {
        let words: Vec<&str> = row.split(',').collect();
        let (channel, pixel) = (i / 40, i % 40);
        let (y, x) = (4 + pixel / 8, 2 + pixel % 8);
        let place = [
            ["red", "green", "blue"][channel],
            &y.to_string(),
            &x.to_string(),
        ];
        assert_eq!(words[2..5], place, "{row}");
        assert_eq!(words[5].parse().ok(), Some(byte(y, x, channel)), "{row}");
    }
    let bytes = figure.npz().expect("written");
    let mut npz = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("an archive");
    let member = npz.by_name("panel.1.values.npy").expect("there");
    let values = npyz::NpyFile::new(std::io::BufReader::new(member)).expect("an array");
    assert_eq!(values.shape(), [5, 8, 3]);
    let values = values.into_vec::<f32>().expect("floats");
    assert_eq!(values[3 * 9 + 2], byte(5, 3, 2));
    assert!(figure.latex_table().contains("% A picture"));
}
