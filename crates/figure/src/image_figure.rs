//! A map over the image that a network saw, beside what the network made of it.

use whyfinder_experiment::{Field, Outcome, write};
use whyfinder_paint::{ColourMap, Image, MapStyle, Theme, colour_of};

use crate::canvas::{Anchor, Canvas, Face, TextLook};
use crate::colour_bar::{self, Ends};
use crate::{FigureError, Svg, fonts, image_caption, numbers, picture};

const MARGIN: f32 = 24.0;
const BETWEEN: f32 = 24.0;
/// Longest side of a picture.
const SIDE: f32 = 360.0;
/// How much of a cell's colour covers the image below it.
const COVER: f32 = 0.86;
/// Regions are green wherever they are drawn.
const REGION: [u8; 4] = [0x3f, 0xd0, 0x5f, 255];
/// Blocks whose effect is smaller than this many standard errors are hatched.
const STANDARD_ERRORS: f32 = 2.0;

/// The outcome's map over its input, and its output. The range is symmetric for signed effects.
///
/// # Errors
/// If the outcome holds no output image.
pub fn image_figure(outcome: &Outcome, theme: Theme) -> Result<Svg, FigureError> {
    let Some(output) = outcome.field("output").and_then(picture::of_field) else {
        return Err(nothing(outcome));
    };
    let input = outcome.field("input").and_then(picture::of_field);
    let map = ["effect", "attribution"]
        .iter()
        .find_map(|name| outcome.field(name))
        .filter(|field| field.axes.len() == 2);
    let layout = Layout::of(&output);
    let mut canvas = Canvas::new(theme);
    let title = TextLook::new(Face::SansBold, 15.0, theme.text());
    let caption = TextLook::new(Face::Sans, 12.0, theme.muted());
    let panels = if map.is_some() { 2.0 } else { 1.0 };
    let room = (layout.width * panels + BETWEEN * (panels - 1.0)).max(420.0);

    let mut y = MARGIN + 12.0;
    canvas.text(MARGIN, y, title, image_caption::title(outcome));
    let headline = image_caption::headline(outcome);
    for line in fonts::flow(&headline, caption, room) {
        y += 18.0;
        canvas.text(MARGIN, y, caption, &line);
    }
    y += 30.0;
    let heading = |canvas: &mut Canvas, x: f32, name: &str, detail: &str| {
        let bold = TextLook::new(Face::SansBold, 12.0, theme.text());
        canvas.text(x, y, bold, name);
        let along = fonts::width(name, bold) + 10.0;
        canvas.text(
            x + along,
            y,
            TextLook::new(Face::Sans, 11.0, theme.muted()),
            detail,
        );
    };
    let top = y + 10.0;
    let mut x = MARGIN;
    if let Some(map) = map {
        let place = Place { x, y: top, layout };
        heading(&mut canvas, x, "Effect on the region", "over the input");
        let below = input.as_ref().unwrap_or(&output);
        let style = style_of(map, outcome, theme);
        canvas.image(
            x,
            top,
            layout.width,
            layout.height,
            &over(below, map, &style, &output, outcome),
        )?;
        hatch(&mut canvas, &place, map, outcome);
        reach(&mut canvas, &place, outcome);
        region(&mut canvas, &place, outcome, &output);
        bar(&mut canvas, &place, map, &style);
        x += layout.width + BETWEEN;
    }
    let psnr = outcome.summary.reference.get("psnr");
    let detail = psnr.map_or(String::new(), |psnr| {
        format!("{} dB in the region", numbers::number(*psnr))
    });
    heading(&mut canvas, x, "Output", &detail);
    canvas.image(x, top, layout.width, layout.height, &output)?;
    let place = Place { x, y: top, layout };
    region(&mut canvas, &place, outcome, &output);

    y = top + layout.height + 12.0;
    if let Some(effects) = &outcome.summary.effects {
        counts_bar(&mut canvas, [x, y], layout.width, effects);
    }
    if map.is_some() {
        y += colour_bar::HEIGHT;
    }
    if let Some(effects) = &outcome.summary.effects {
        let look = TextLook::new(Face::Sans, 11.0, theme.muted());
        y += 12.0;
        for line in image_caption::counts(effects) {
            y += 16.0;
            canvas.text(MARGIN, y, look, &line);
        }
    }
    y += 26.0;
    let foot = TextLook::new(Face::Sans, 11.0, theme.muted());
    for line in fonts::flow(&image_caption::footline(outcome), foot, room) {
        canvas.text(MARGIN, y, foot, &line);
        y += 16.0;
    }
    let experiment = write::to_json(&outcome.experiment)?;
    let spoken = format!("{}: {}", image_caption::title(outcome), headline.join(", "));
    Ok(canvas.finish(room + 2.0 * MARGIN, y - 16.0 + MARGIN, &spoken, &experiment))
}

fn nothing(outcome: &Outcome) -> FigureError {
    let names: Vec<&str> = outcome.fields.iter().map(|f| f.name.as_str()).collect();
    FigureError::NothingToDraw {
        wanted: "map over an image",
        held: if names.is_empty() {
            "nothing".into()
        } else {
            names.join(", ")
        },
        advice: "Run one of the instruments for images.",
    }
}

/// Sizes on paper.
#[derive(Clone, Copy, Debug)]
struct Layout {
    width: f32,
    height: f32,
}

impl Layout {
    fn of(output: &Image) -> Self {
        let (width, height) = (output.width as f32, output.height as f32);
        let factor = SIDE / width.max(height);
        Self {
            width: width * factor,
            height: height * factor,
        }
    }
}

/// Where a picture lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    x: f32,
    y: f32,
    layout: Layout,
}

impl Place {
    /// A rectangle given in shares of the picture.
    fn part(&self, left: f32, top: f32, width: f32, height: f32) -> [f32; 4] {
        [
            self.x + left * self.layout.width,
            self.y + top * self.layout.height,
            width * self.layout.width,
            height * self.layout.height,
        ]
    }
}

/// Signed values diverge from zero; others rise from it. The region's own blocks, which nearly always help much, do
/// not stretch the range: what they go beyond it is said at its end.
fn style_of(map: &Field, outcome: &Outcome, theme: Theme) -> MapStyle {
    let finite = || map.values.iter().enumerate().filter(|(_, v)| v.is_finite());
    let largest = |inside: bool| {
        finite()
            .filter(|(cell, _)| inside || !in_region(map, outcome, *cell))
            .fold(0f32, |m, (_, v)| m.max(v.abs()))
    };
    let extent = match largest(false) {
        0.0 => largest(true),
        outside => outside,
    }
    .max(1e-6);
    if map.name == "effect" || finite().any(|(_, v)| *v < 0.0) {
        MapStyle::signed(ColourMap::BlueRed, Theme::Light, extent)
    } else {
        MapStyle::sequential(ColourMap::Magma, theme, 0.0, extent)
    }
}

/// Whether a block of an effect map touches the region.
fn in_region(map: &Field, outcome: &Outcome, cell: usize) -> bool {
    let Some(image) = &outcome.summary.image else {
        return false;
    };
    let (Some(block), Some([x, y, width, height])) = (image.block, image.region) else {
        return false;
    };
    let columns = map.axes[1].len().max(1);
    let (top, left) = (cell / columns * block, cell % columns * block);
    map.name == "effect"
        && top < y + height
        && y < top + block
        && left < x + width
        && x < left + block
}

/// How many output pixels a cell of the map spans along each side.
fn cell_side(map: &Field, output: &Image, outcome: &Outcome) -> [f32; 2] {
    let [rows, columns] = [map.axes[0].len(), map.axes[1].len()].map(|n| n.max(1) as f32);
    match outcome.summary.image.as_ref().and_then(|image| image.block) {
        Some(block) if map.name == "effect" => [block as f32; 2],
        _ => [output.height as f32 / rows, output.width as f32 / columns],
    }
}

/// The map's colours over a grey copy of the image; where there is no effect the image shows through.
fn over(below: &Image, map: &Field, style: &MapStyle, output: &Image, outcome: &Outcome) -> Image {
    let mut image = picture::enlarged(below, output.width, output.height);
    let [tall, wide] = cell_side(map, output, outcome);
    let columns = map.axes[1].len();
    let signed = style.centre.is_some();
    for (i, pixel) in image.pixels.iter_mut().enumerate() {
        let (row, column) = (i / output.width as usize, i % output.width as usize);
        let cell = (row as f32 / tall) as usize * columns
            + ((column as f32 / wide) as usize).min(columns.saturating_sub(1));
        let grey = picture::brightness(*pixel);
        let pale = (150.0 + grey * 0.38) as u8;
        let ground = picture::mixed([pale, pale, pale, 255], *pixel, 0.75);
        *pixel = match map.values.get(cell) {
            Some(&value) if value.is_finite() && (value != 0.0 || !signed) => {
                picture::mixed(colour_of(value, style), ground, COVER)
            }
            _ => ground,
        };
    }
    image
}

/// Lines over the blocks whose effect is within two standard errors of zero.
fn hatch(canvas: &mut Canvas, place: &Place, map: &Field, outcome: &Outcome) {
    let (Some(errors), Some(image)) = (map.effect_errors(), &outcome.summary.image) else {
        return;
    };
    let Some(block) = image.block else { return };
    let [width, height] = image.output_size.map(|n| n.max(1) as f32);
    let columns = map.axes[1].len();
    let ink = [0x30, 0x34, 0x3a, 255];
    for (cell, (value, error)) in map.values.iter().zip(errors).enumerate() {
        if *value == 0.0 || !error.is_finite() || value.abs() >= STANDARD_ERRORS * error {
            continue;
        }
        let (row, column) = (
            (cell / columns * block) as f32,
            (cell % columns * block) as f32,
        );
        let side = block as f32;
        let [x, y, w, h] = place.part(
            column / width,
            row / height,
            side.min(width - column) / width,
            side.min(height - row) / height,
        );
        for along in [0.5f32, 1.0, 1.5] {
            let from = [x + (along - 1.0).max(0.0) * w, y + along.min(1.0) * h];
            let to = [x + along.min(1.0) * w, y + (along - 1.0).max(0.0) * h];
            canvas.line(from, to, ink, 0.6);
        }
    }
}

/// The outline of what can reach the region at all, where that is not everything.
fn reach(canvas: &mut Canvas, place: &Place, outcome: &Outcome) {
    let (Some(field), Some(image)) = (outcome.field("reachable"), &outcome.summary.image) else {
        return;
    };
    let [rows, columns] = field.shape()[..] else {
        return;
    };
    let block = image.block.unwrap_or(1) as f32;
    let [width, height] = image.output_size.map(|n| n.max(1) as f32);
    let inside = |row: Option<usize>, column: Option<usize>| match (row, column) {
        (Some(row), Some(column)) if row < rows && column < columns => {
            field.values[row * columns + column] > 0.5
        }
        _ => false,
    };
    let corner = |row: usize, column: usize| {
        [
            place.x + (column as f32 * block / width).min(1.0) * place.layout.width,
            place.y + (row as f32 * block / height).min(1.0) * place.layout.height,
        ]
    };
    let ink = [0x20, 0x24, 0x2a, 255];
    for row in 0..=rows {
        for column in 0..=columns {
            let here = inside(Some(row), Some(column));
            let above = inside(row.checked_sub(1), Some(column));
            let left = inside(Some(row), column.checked_sub(1));
            // What reaches to the picture's own edge needs no line there.
            if here != above && row > 0 && row < rows {
                dashed(canvas, corner(row, column), corner(row, column + 1), ink);
            }
            if here != left && column > 0 && column < columns {
                dashed(canvas, corner(row, column), corner(row + 1, column), ink);
            }
        }
    }
}

fn dashed(canvas: &mut Canvas, from: [f32; 2], to: [f32; 2], ink: [u8; 4]) {
    let point = |t: f32| [0, 1].map(|i| from[i] + (to[i] - from[i]) * t);
    canvas.line(point(0.2), point(0.8), ink, 1.0);
}

fn region(canvas: &mut Canvas, place: &Place, outcome: &Outcome, output: &Image) {
    let Some([x, y, width, height]) = outcome.summary.image.as_ref().and_then(|i| i.region) else {
        return;
    };
    let (w, h) = (output.width as f32, output.height as f32);
    let [x, y, width, height] = place.part(
        x as f32 / w,
        y as f32 / h,
        width as f32 / w,
        height as f32 / h,
    );
    canvas.outline(x, y, width, height, REGION, 1.6);
}

/// The colour bar, and where the strongest effects lie on it.
fn bar(canvas: &mut Canvas, place: &Place, map: &Field, style: &MapStyle) {
    let unit = map.metric.map_or("", |metric| metric.unit());
    let (low, high) = style.ends();
    let y = place.y + place.layout.height + 12.0;
    let values = || map.values.iter().copied().filter(|v| v.is_finite());
    let (least, most) = values().fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let ends = Ends {
        low: unit,
        high: unit,
        below: least < low,
        above: most > high,
        middle: if style.centre.is_some() { "0" } else { "" },
    };
    colour_bar::draw(canvas, place.x, y, place.layout.width, style, &ends);
    for value in [least, most] {
        let along = (value - low) / (high - low).max(1e-12);
        if (0.0..=1.0).contains(&along) {
            let x = place.x + along * place.layout.width;
            canvas.line([x, y - 3.0], [x, y + 10.0], canvas.theme.text(), 1.0);
        }
    }
}

/// The shares of blocks that help, harm and do neither, with their numbers.
fn counts_bar(
    canvas: &mut Canvas,
    at: [f32; 2],
    width: f32,
    effects: &whyfinder_experiment::outcome::EffectCounts,
) {
    let theme = canvas.theme;
    let parts = [
        (effects.positive, theme.helps(), "help"),
        (effects.negative, theme.harms(), "harm"),
        (effects.zero, theme.line(), "none"),
    ];
    let all: usize = parts.iter().map(|part| part.0).sum();
    let mut x = at[0];
    for (count, colour, _) in parts {
        let share = width * count as f32 / all.max(1) as f32;
        canvas.rect(x, at[1], share, 7.0, colour);
        x += share;
    }
    let mut x = at[0];
    for (count, colour, word) in parts {
        let bold = TextLook::new(
            Face::SansBold,
            11.0,
            if word == "none" {
                theme.muted()
            } else {
                colour
            },
        );
        let number = count.to_string();
        canvas.text(x, at[1] + 21.0, bold, &number);
        x += fonts::width(&number, bold) + 4.0;
        let look = TextLook::new(Face::Sans, 11.0, theme.muted()).anchored(Anchor::Start);
        canvas.text(x, at[1] + 21.0, look, word);
        x += fonts::width(word, look) + 14.0;
    }
}
