//! The bar under a map that says what its colours mean.

use whyfinder_paint::{MapStyle, gradient_strip};

use crate::{
    canvas::{Anchor, Canvas, Face, TextLook},
    numbers,
};

pub(crate) const HEIGHT: f32 = 30.0;

/// What stands at the ends of a bar.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// Under the low end, such as `corrupted`.
    pub(crate) low: &'static str,
    /// Under the high end, such as `clean`.
    pub(crate) high: &'static str,
    /// Under the middle of a diverging map.
    pub(crate) middle: &'static str,
    /// Whether values lie below, or above, the range.
    pub(crate) below: bool,
    pub(crate) above: bool,
}

/// A horizontal bar with the values of its ends beneath, [`HEIGHT`] high in all.
pub(crate) fn draw(canvas: &mut Canvas, x: f32, y: f32, width: f32, style: &MapStyle, ends: &Ends) {
    canvas.gradient(x, y, width, 7.0, &gradient_strip(style, 33));
    canvas.outline(x, y, width, 7.0, canvas.theme.line(), 0.75);
    let (low, high) = style.ends();
    let look = TextLook::new(Face::Mono, 9.5, canvas.theme.muted());
    let [low, high] = numbers::ends(low, high);
    let side = |value: String, beyond: bool, sign: &str, name: &str| {
        let sign = if beyond { sign } else { "" };
        format!("{sign}{value} {name}")
    };
    let low = side(low, ends.below, "≤", ends.low);
    let high = side(high, ends.above, "≥", ends.high);
    canvas.text(x, y + 19.0, look, low.trim_end());
    if !ends.middle.is_empty() {
        let middle = look.anchored(Anchor::Middle);
        canvas.text(x + width / 2.0, y + 19.0, middle, ends.middle);
    }
    let right = look.anchored(Anchor::End);
    canvas.text(x + width, y + 19.0, right, high.trim_end());
}
