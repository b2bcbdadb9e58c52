//! The numbers of a picture that is drawn by itself: red, green and blue of its pixels, 0 to 255.

use whyfinder_experiment::{Axis, Field};
use whyfinder_paint::Image;

use crate::FigureError;
use crate::drawing::{Content, Drawing, Over};

const CHANNELS: [&str; 3] = ["red", "green", "blue"];
/// A long table of more pixels is of no use to anyone.
const MOST_IN_CSV: usize = 1 << 18;

/// The picture, where no map lies over it.
fn alone(over: &Over) -> Option<&Image> {
    over.cells.is_none().then_some(&over.picture)
}

/// Channel, y, x and value of each pixel of a picture that is not too large for a table.
pub(crate) fn pixels(over: &Over) -> impl Iterator<Item = (&'static str, usize, usize, u8)> + '_ {
    let picture = alone(over).filter(|picture| picture.pixels.len() <= MOST_IN_CSV);
    let [top, left] = first(over);
    CHANNELS.iter().enumerate().flat_map(move |(c, channel)| {
        let all = picture
            .into_iter()
            .flat_map(|p| p.pixels.iter().enumerate());
        let width = over.picture.width.max(1) as usize;
        all.map(move |(i, pixel)| (*channel, top + i / width, left + i % width, pixel[c]))
    })
}

/// Whether a table leaves a picture out for its size.
pub(crate) fn is_left_out(drawing: &Drawing) -> bool {
    match &drawing.content {
        Content::Over(over) => alone(over).is_some_and(|p| p.pixels.len() > MOST_IN_CSV),
        _ => false,
    }
}

/// A field over y, x and channel; none where a map lies over the picture.
///
/// # Errors
/// If the picture contradicts itself.
pub(crate) fn field(name: &str, over: &Over) -> Result<Option<Field>, FigureError> {
    let Some(picture) = alone(over) else {
        return Ok(None);
    };
    let numbered = |name: &str, first: usize, n: u32| Axis {
        labels: whyfinder_experiment::Labels::Number(
            (first..first + n as usize).map(|i| i as f64).collect(),
        ),
        ..Axis::numbered(name, 0)
    };
    let [top, left] = first(over);
    let axes = vec![
        numbered("y", top, picture.height),
        numbered("x", left, picture.width),
        Axis::text("channel", CHANNELS.map(str::to_string).to_vec()),
    ];
    let pixels = picture.pixels.iter();
    let values = pixels.flat_map(|&[r, g, b, _]| [r, g, b].map(f32::from));
    Ok(Some(Field::measured(name, axes, values.collect())?))
}

/// Where a part of a picture begins in the whole one: y, x.
fn first(over: &Over) -> [usize; 2] {
    over.origin.map(|at| (-at).max(0.0) as usize)
}
