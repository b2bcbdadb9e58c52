//! Figures made by `whyfinder figure` and read back, cell by cell, from SVG, PDF and PNG, beside the table that the same
//! command writes.

use std::path::Path;
use std::process::ExitCode;

use whyfinder_experiment::{Outcome, write_result};

use crate::page::{Page, Picture};
use crate::pdf_reader::Pdf;
use crate::read_back::{Bar, Cells, Seen, bars, lattice, pictured};

const DPI: f32 = 400.0;
/// Rounding of floats, in shares of the range.
const ROUNDING: f64 = 1e-5;

/// Where a map's cells are on the page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Drawn {
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
pub(crate) struct Expected {
    pub(crate) panel: usize,
    pub(crate) drawn: Drawn,
    /// Rows and columns of cells, of one tile.
    pub(crate) shape: [usize; 2],
    pub(crate) map: &'static str,
    pub(crate) ends: [f32; 2],
    pub(crate) bar: usize,
}

pub(crate) fn expected(
    drawn: Drawn,
    shape: [usize; 2],
    map: &'static str,
    ends: [f32; 2],
) -> Expected {
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
pub(crate) struct Row {
    pub(crate) panel: usize,
    pub(crate) row: String,
    pub(crate) column: String,
    pub(crate) value: Option<f64>,
    pub(crate) state: String,
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
pub(crate) struct Made {
    pub(crate) svg: Page,
    pub(crate) pdf: Page,
    pub(crate) png: image::RgbaImage,
    pub(crate) rows: Vec<Row>,
}

pub(crate) fn made(outcomes: &[Outcome], words: &[&str]) -> Made {
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
pub(crate) fn read_back(outcomes: &[Outcome], words: &[&str], panels: &[Expected]) -> usize {
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
