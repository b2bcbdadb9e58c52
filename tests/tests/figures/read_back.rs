//! Reads the numbers of a map back as a person with a ruler and the published colour map would: the range from the
//! words under the colour bar, the direction from the bar's own colours, the places of rows and columns from their
//! labels, and the values from the colours. Nothing here is shared with what draws.

use std::collections::BTreeMap;

use crate::page::{Frame, Page, Picture};

/// A published colour map: `assets/colour-maps/NAME.csv`, first colour first.
pub(crate) struct Published([[u8; 3]; 256]);

impl Published {
    pub(crate) fn named(name: &str) -> Self {
        let path = format!(
            "{}/../assets/colour-maps/{name}.csv",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = std::fs::read_to_string(path).expect("a colour map");
        let colours: Vec<[u8; 3]> = text
            .lines()
            .map(|line| {
                let bytes: Vec<u8> = line
                    .split(',')
                    .map(|n| n.trim().parse().expect("a byte"))
                    .collect();
                bytes.try_into().expect("three of them")
            })
            .collect();
        Self(colours.try_into().expect("256 colours"))
    }

    /// The first and the last entry of a colour.
    fn entries(&self, colour: [u8; 4]) -> Option<[usize; 2]> {
        let is = |c: &[u8; 3]| *c == [colour[0], colour[1], colour[2]];
        Some([self.0.iter().position(is)?, self.0.iter().rposition(is)?])
    }
}

/// What a colour bar says.
pub(crate) struct Bar {
    published: Published,
    /// Values of the first and the last colour of the bar.
    pub(crate) ends: [f64; 2],
    /// Whether it begins with the map's last colour.
    flipped: bool,
}

impl Bar {
    /// The bar whose colours are `strip`, with the words below it on an SVG's page; the range is `ends`, of which the
    /// words may have fewer digits.
    pub(crate) fn read(page: &Page, strip: &Picture, map: &str, ends: [f32; 2]) -> Self {
        let published = Published::named(map);
        let n = strip.columns as f32;
        let flipped = strip.pixels[0][..3] == published.0[255];
        for (i, &pixel) in strip.pixels.iter().enumerate() {
            let [first, last] = published
                .entries(pixel)
                .unwrap_or_else(|| panic!("{pixel:?} is no colour of {map}"));
            let t = (i as f32 + 0.5) / n * 255.0;
            let t = if flipped { 255.0 - t } else { t };
            let near = (first as f32 - 1.0..=last as f32 + 1.0).contains(&t);
            assert!(near, "{map}: colour {first} to {last} at {t} of the bar");
        }
        let Frame {
            x,
            y,
            width,
            height,
            ..
        } = strip.frame;
        for (at, end) in [(x, ends[0]), (x + width, ends[1])] {
            let below = page.words.iter().find(|word| {
                (word.at[0] - at).abs() < 0.1 && (1.0..14.0).contains(&(word.at[1] - y - height))
            });
            let text = &below.expect("a number under the bar's end").text;
            let (said, digit) = number(text);
            assert!(
                (said - f64::from(end)).abs() <= 0.51 * digit,
                "the bar says {text} for {end}"
            );
        }
        Self {
            published,
            ends: ends.map(f64::from),
            flipped,
        }
    }

    /// The values that a colour may stand for: as wide as the colours' steps, and beyond the ends without end.
    pub(crate) fn values(&self, colour: [u8; 4]) -> Option<[f64; 2]> {
        let [mut first, mut last] = self.published.entries(colour)?;
        if self.flipped {
            (first, last) = (255 - last, 255 - first);
        }
        let [low, high] = self.ends;
        let value = |entry: f64| low + entry / 255.0 * (high - low);
        let beyond = |end: bool, value: f64, out: f64| if end { out } else { value };
        Some([
            beyond(first == 0, value(first as f64 - 0.5), f64::NEG_INFINITY),
            beyond(last == 255, value(last as f64 + 0.5), f64::INFINITY),
        ])
    }
}

/// The first number of a text and the worth of its last digit.
fn number(text: &str) -> (f64, f64) {
    let text = text.trim_start_matches(['≤', '≥']).replace('−', "-");
    let word = text.split(' ').next().expect("a word");
    let decimals = word.split_once('.').map_or(0, |(_, d)| d.len());
    let value = word
        .parse()
        .unwrap_or_else(|_| panic!("{text} is no number"));
    (value, 0.1f64.powi(decimals as i32))
}

/// Strips of colours under the maps, in the order of the page.
pub(crate) fn bars(page: &Page) -> Vec<&Picture> {
    let is_bar = |p: &&Picture| (p.columns, p.rows) == (256, 1);
    page.pictures.iter().filter(is_bar).collect()
}

/// How a cell is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seen {
    Blank,
    Colour([u8; 4]),
    /// With a dot in its middle.
    Dotted,
    /// Of four squares.
    Chequered,
}

/// A map as it stands on the page, rows from above, columns from the left.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    pub(crate) frames: Vec<Frame>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) columns: usize,
}

/// The `index`-th picture of so many cells, and its place among all pictures.
pub(crate) fn pictured(page: &Page, [rows, columns]: [usize; 2], index: usize) -> (usize, Cells) {
    let all = page.pictures.iter().enumerate();
    let (place, picture) = all
        .filter(|(_, p)| (p.rows, p.columns) == (rows, columns))
        .nth(index)
        .expect("a picture of the map");
    let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| [column, row]));
    let cells = Cells {
        frames: cells
            .map(|at| picture.frame.part([columns, rows], at))
            .collect(),
        seen: picture
            .pixels
            .iter()
            .map(|&pixel| match pixel {
                [0, 0, 0, 0] => Seen::Blank,
                pixel => Seen::Colour(pixel),
            })
            .collect(),
        columns,
    };
    (place, cells)
}

/// The `index`-th lattice of rectangles of one size, of so many rows and columns.
pub(crate) fn lattice(page: &Page, [rows, columns]: [usize; 2], index: usize) -> Cells {
    let key = |n: f32| (n * 20.0).round() as i32;
    let mut sizes: BTreeMap<[i32; 2], usize> = BTreeMap::new();
    for (frame, _) in &page.rects {
        *sizes
            .entry([key(frame.width), key(frame.height)])
            .or_default() += 1;
    }
    let (size, _) = sizes
        .into_iter()
        .max_by_key(|(_, n)| *n)
        .expect("rectangles");
    let is_cell = |f: &Frame| [key(f.width), key(f.height)] == size;
    let cells: Vec<&(Frame, [u8; 4])> = page.rects.iter().filter(|(f, _)| is_cell(f)).collect();
    let lines = |at: fn(&Frame) -> f32, n: usize, whole: bool| {
        let mut all: Vec<f32> = cells.iter().map(|(f, _)| at(f)).collect();
        all.sort_by(f32::total_cmp);
        all.dedup_by(|a, b| (*a - *b).abs() < 0.3);
        if whole {
            assert_eq!(all.len() % n, 0, "{} lines of cells", all.len());
            all[index * n..(index + 1) * n].to_vec()
        } else {
            assert_eq!(all.len(), n);
            all
        }
    };
    // Panels stand side by side.
    let tops = lines(|f| f.y, rows, false);
    let lefts = lines(|f| f.x, columns, true);
    let (width, height) = (cells[0].0.width, cells[0].0.height);
    let (mut frames, mut seen) = (Vec::new(), Vec::new());
    for &y in &tops {
        for &x in &lefts {
            let frame = Frame {
                x,
                y,
                width,
                height,
            };
            let at = |f: &Frame| (f.x - x).abs() < 0.3 && (f.y - y).abs() < 0.3;
            let fill = cells.iter().rev().find(|(f, _)| at(f)).map(|(_, c)| *c);
            let inside = page
                .rects
                .iter()
                .filter(|(f, _)| !is_cell(f) && f.width < width && frame.holds(f.middle()));
            seen.push(match (fill, inside.count()) {
                (None, _) => Seen::Blank,
                (Some(colour), 0) => Seen::Colour(colour),
                (Some(_), 1) => Seen::Dotted,
                (Some(_), _) => Seen::Chequered,
            });
            frames.push(frame);
        }
    }
    Cells {
        frames,
        seen,
        columns,
    }
}

impl Cells {
    pub(crate) fn frame(&self) -> Frame {
        let (first, last) = (self.frames[0], self.frames[self.frames.len() - 1]);
        Frame {
            x: first.x,
            y: first.y,
            width: last.x + last.width - first.x,
            height: last.y + last.height - first.y,
        }
    }

    /// Asserts that the labels beside rows and under columns are those of the table; returns how many there are.
    pub(crate) fn labelled(&self, page: &Page, rows: &[String], columns: &[String]) -> usize {
        let whole = self.frame();
        let mut found = 0;
        let mut check = |text: &str, said: &str| {
            assert_eq!(text, said, "the label beside a row or column");
            found += 1;
        };
        for (row, said) in rows.iter().enumerate() {
            let Frame { y, height, .. } = self.frames[row * self.columns];
            for word in &page.words {
                let near = (2.0..8.0).contains(&(whole.x - word.at[0]));
                if near && !word.turned && (y..y + height).contains(&word.middle()) {
                    check(&word.text, said);
                }
            }
        }
        for (column, said) in columns.iter().enumerate() {
            let Frame { x, width, .. } = self.frames[column];
            for word in &page.words {
                let down = word.at[1] - whole.y - whole.height;
                let near = (2.0..9.0).contains(&down);
                let across = if word.turned {
                    word.middle()
                } else {
                    word.at[0]
                };
                if near && (x..x + width).contains(&across) {
                    check(&word.text, said);
                }
            }
        }
        found
    }
}
