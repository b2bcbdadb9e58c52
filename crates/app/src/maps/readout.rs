//! The line of numbers that belongs to a map: always in the same place, so that nothing jumps.

use egui::{Align2, Painter, Rect, pos2, text::LayoutJob, text::TextFormat};

use super::look::MapLook;

/// Height that every map keeps for its line, in points.
pub(crate) const HEIGHT: f32 = 20.0;

/// What the line says: where, how much, and what else.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Readout {
    pub(crate) place: String,
    pub(crate) value: String,
    pub(crate) note: String,
}

impl Readout {
    /// As one sentence for a screen reader.
    pub(crate) fn spoken(&self) -> String {
        [&self.place, &self.value, &self.note]
            .into_iter()
            .filter(|part| !part.is_empty())
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Splits the bottom line off `space`.
pub(crate) fn split(space: Rect) -> (Rect, Rect) {
    let height = HEIGHT.min(space.height());
    space.split_top_bottom_at_y(space.max.y - height)
}

/// Writes `readout` into `line`, or `hint` where there is nothing to read. What has no room is left out as a whole, from
/// the end; of a hint, what stands between middle dots.
pub(crate) fn draw(
    painter: &Painter,
    look: &MapLook,
    line: Rect,
    readout: Option<&Readout>,
    hint: &str,
) {
    let Some(readout) = readout else {
        let galley = super::token_text::shortened(
            painter,
            parts_that_fit(painter, look, hint, line.width()),
            &look.text_font,
            look.muted,
            line.width(),
        );
        let at = Align2::LEFT_CENTER
            .anchor_size(line.left_center(), galley.size())
            .min;
        painter.galley(at, galley, look.muted);
        return;
    };
    let parts = [
        (&readout.value, &look.mono_font, look.text),
        (&readout.place, &look.mono_font, look.muted),
        (&readout.note, &look.text_font, look.muted),
    ];
    let mut parts: Vec<_> = parts.into_iter().filter(|(t, ..)| !t.is_empty()).collect();
    let galley = loop {
        let mut job = LayoutJob::default();
        job.wrap.max_rows = 1;
        job.wrap.break_anywhere = true;
        job.wrap.max_width = if parts.len() > 1 {
            f32::INFINITY
        } else {
            line.width()
        };
        for (text, font, colour) in &parts {
            let space = if job.text.is_empty() { 0.0 } else { 10.0 };
            job.append(text, space, TextFormat::simple((*font).clone(), *colour));
        }
        let galley = painter.layout_job(job);
        if galley.size().x <= line.width() || parts.len() < 2 {
            break galley;
        }
        parts.pop();
    };
    let at = pos2(line.min.x, line.center().y - galley.size().y / 2.0);
    painter.galley(at, galley, look.muted);
}

fn parts_that_fit<'a>(painter: &Painter, look: &MapLook, hint: &'a str, width: f32) -> &'a str {
    let mut shown = hint;
    while let Some(end) = shown.rfind(" · ") {
        let galley = super::token_text::whole(painter, shown, &look.text_font, look.muted);
        if galley.size().x <= width {
            break;
        }
        shown = &shown[..end];
    }
    shown
}
