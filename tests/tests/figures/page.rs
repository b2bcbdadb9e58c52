//! What lies where on a figure's page, read from the file alone.

use base64_of::decoded;

use crate::pdf_reader::Pdf;
use crate::svg_reader::{attribute, plain};

/// Points, y down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl Frame {
    pub(crate) fn middle(&self) -> [f32; 2] {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    pub(crate) fn holds(&self, [x, y]: [f32; 2]) -> bool {
        (self.x..=self.x + self.width).contains(&x) && (self.y..=self.y + self.height).contains(&y)
    }

    /// One of `columns x rows` equal parts.
    pub(crate) fn part(&self, [columns, rows]: [usize; 2], [column, row]: [usize; 2]) -> Frame {
        let (width, height) = (self.width / columns as f32, self.height / rows as f32);
        Frame {
            x: self.x + column as f32 * width,
            y: self.y + row as f32 * height,
            width,
            height,
        }
    }
}

/// A picture with straight alpha, rows from above.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) frame: Frame,
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) pixels: Vec<[u8; 4]>,
}

#[derive(Clone, Debug)]
pub(crate) struct Word {
    /// Where its anchor stands, on the baseline.
    pub(crate) at: [f32; 2],
    pub(crate) size: f32,
    /// Read from below.
    pub(crate) turned: bool,
    pub(crate) text: String,
}

/// Shapes in the order in which they are painted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(crate) size: [f32; 2],
    pub(crate) rects: Vec<(Frame, [u8; 4])>,
    pub(crate) pictures: Vec<Picture>,
    /// Of an SVG only.
    pub(crate) words: Vec<Word>,
}

impl Word {
    /// The middle of its letters' height: across for words that are read from below.
    pub(crate) fn middle(&self) -> f32 {
        let [x, y] = self.at;
        let line = if self.turned { x } else { y };
        line - 0.35 * self.size
    }
}

impl Page {
    pub(crate) fn of_svg(svg: &str) -> Self {
        let number = |tag: &str, name: &str| -> f32 {
            let text = attribute(tag, name).unwrap_or_else(|| panic!("{name} of {tag}"));
            text.parse().expect("a number")
        };
        let frame = |tag: &str| Frame {
            x: number(tag, "x"),
            y: number(tag, "y"),
            width: number(tag, "width"),
            height: number(tag, "height"),
        };
        let mut page = Page::default();
        for tag in svg.split('<').skip(1) {
            let name = tag.split([' ', '>', '\n']).next().unwrap_or_default();
            match name {
                "svg" => {
                    let sides = attribute(tag, "viewBox").expect("a page");
                    let sides: Vec<f32> = sides
                        .split(' ')
                        .map(|n| n.parse().expect("a number"))
                        .collect();
                    page.size = [sides[2], sides[3]];
                }
                "rect" => {
                    let fill = attribute(tag, "fill").expect("a colour");
                    let byte =
                        |i: usize| u8::from_str_radix(&fill[i..i + 2], 16).expect("hexadecimal");
                    let alpha = attribute(tag, "fill-opacity").map_or(255, |share| {
                        (share.parse::<f32>().expect("a number") * 255.0).round() as u8
                    });
                    page.rects
                        .push((frame(tag), [byte(1), byte(3), byte(5), alpha]));
                }
                "image" => {
                    let data = attribute(tag, "href").expect("a picture");
                    let data = data
                        .strip_prefix("data:image/png;base64,")
                        .expect("in the file itself");
                    let picture = image::load_from_memory(&decoded(data))
                        .expect("a PNG")
                        .to_rgba8();
                    page.pictures.push(Picture {
                        frame: frame(tag),
                        columns: picture.width() as usize,
                        rows: picture.height() as usize,
                        pixels: picture.pixels().map(|p| p.0).collect(),
                    });
                }
                _ => {}
            }
        }
        for text in svg.split("<text").skip(1) {
            let (tag, rest) = text.split_once('>').expect("a tag");
            let (inner, _) = rest.split_once("</text>").expect("it ends");
            page.words.push(Word {
                at: [number(tag, "x"), number(tag, "y")],
                size: number(tag, "font-size"),
                turned: attribute(tag, "transform").is_some(),
                text: plain(inner),
            });
        }
        page
    }

    /// Rectangles and pictures of a PDF's page.
    pub(crate) fn of_pdf(pdf: &Pdf) -> Self {
        let mut page = Page {
            size: pdf.millimetres().map(|mm| mm * 72.0 / 25.4),
            ..Page::default()
        };
        let content = pdf.content();
        let words = operators(&content);
        // Where a point lies: x right, y up, and the states that were put aside.
        let mut matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        let mut aside = Vec::new();
        let (mut fill, mut alpha) = ([0u8; 3], 255u8);
        let mut path: Vec<[f32; 4]> = Vec::new();
        let mut operands: Vec<&str> = Vec::new();
        for word in &words {
            let numbers = |n: usize| -> Vec<f32> {
                operands[operands.len() - n..]
                    .iter()
                    .map(|o| o.parse().expect("a number"))
                    .collect()
            };
            match word.as_str() {
                "q" => aside.push((matrix, fill, alpha)),
                "Q" => (matrix, fill, alpha) = aside.pop().expect("put aside"),
                "cm" => {
                    let [a, b, c, d, e, f] = numbers(6)[..] else {
                        unreachable!("six numbers")
                    };
                    let [ma, mb, mc, md, me, mf] = matrix;
                    matrix = [
                        a * ma + b * mc,
                        a * mb + b * md,
                        c * ma + d * mc,
                        c * mb + d * md,
                        e * ma + f * mc + me,
                        e * mb + f * md + mf,
                    ];
                }
                "rg" => {
                    let of = numbers(3);
                    fill = [0, 1, 2].map(|i| (of[i] * 255.0).round() as u8);
                }
                "gs" => {
                    let name = operands.last().expect("a name");
                    alpha = (pdf.opacity(name) * 255.0).round() as u8;
                }
                "re" => path.push(numbers(4).try_into().expect("four numbers")),
                "f" => {
                    for [x, y, width, height] in path.drain(..) {
                        let frame = placed(matrix, [x, y, width, height], page.size[1]);
                        let [r, g, b] = fill;
                        page.rects.push((frame, [r, g, b, alpha]));
                    }
                }
                "m" | "S" => path.clear(),
                "Do" => {
                    let name = operands.last().expect("a name");
                    let ([columns, rows], mut pixels) = pdf.picture(name);
                    // The unit square's upper edge is the picture's first row.
                    if matrix[3] < 0.0 {
                        let flipped = pixels.chunks(columns).rev();
                        pixels = flipped.flatten().copied().collect();
                    }
                    page.pictures.push(Picture {
                        frame: placed(matrix, [0.0, 0.0, 1.0, 1.0], page.size[1]),
                        columns,
                        rows,
                        pixels,
                    });
                }
                operand => {
                    operands.push(operand);
                    continue;
                }
            }
            operands.clear();
        }
        page
    }
}

/// A rectangle after a matrix without turns, from y up to y down.
fn placed(matrix: [f32; 6], [x, y, width, height]: [f32; 4], page: f32) -> Frame {
    let [a, b, c, d, e, f] = matrix;
    assert!(b == 0.0 && c == 0.0 && a > 0.0, "upright: {matrix:?}");
    let (first, second) = (d * y + f, d * (y + height) + f);
    Frame {
        x: a * x + e,
        y: page - first.max(second),
        width: a * width,
        height: (second - first).abs(),
    }
}

/// Operands and operators of a page, without what stands between BT and ET.
fn operators(content: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut text = false;
    let content = String::from_utf8_lossy(content);
    for line in content.lines() {
        match line.trim() {
            "BT" => text = true,
            "ET" => text = false,
            line if text || line.starts_with("/ActualText") => {}
            line => words.extend(line.split_whitespace().map(str::to_string)),
        }
    }
    words
}

mod base64_of {
    /// RFC 4648, section 4.
    pub(super) fn decoded(text: &str) -> Vec<u8> {
        let value = |c: u8| -> u32 {
            match c {
                b'A'..=b'Z' => u32::from(c - b'A'),
                b'a'..=b'z' => u32::from(c - b'a') + 26,
                b'0'..=b'9' => u32::from(c - b'0') + 52,
                b'+' => 62,
                b'/' => 63,
                other => panic!("{other} is no digit"),
            }
        };
        let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').collect();
        digits
            .chunks(4)
            .flat_map(|four| {
                let whole =
                    four.iter().fold(0, |n, &c| n << 6 | value(c)) << (6 * (4 - four.len()));
                let bytes = whole.to_be_bytes();
                bytes[1..four.len()].to_vec()
            })
            .collect()
    }
}
