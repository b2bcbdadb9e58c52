//! What draws a figure's shapes, with its typefaces, sizes and colours at hand.

use std::sync::Arc;

use whyfinder_paint::{Colour, Image, Theme};

use crate::fonts::Fonts;
use crate::scene::{Anchor, Face, Shape, Stroke, Text, TextLook};

/// Thickness of frames and ticks, points.
pub(crate) const HAIRLINE: f32 = 0.5;

/// Size of the smallest letters beside labels of this size, points.
pub(crate) fn small(size: f32) -> f32 {
    (size - 1.0).max(5.0)
}

#[derive(Debug)]
pub(crate) struct Pen<'a> {
    pub(crate) fonts: &'a Fonts,
    pub(crate) theme: Theme,
    /// Size of labels, points.
    pub(crate) size: f32,
    pub(crate) shapes: Vec<Shape>,
}

impl<'a> Pen<'a> {
    pub(crate) fn new(fonts: &'a Fonts, theme: Theme, size: f32) -> Self {
        Self {
            fonts,
            theme,
            size,
            shapes: Vec::new(),
        }
    }

    /// The smallest letters of the figure.
    pub(crate) fn small(&self) -> f32 {
        small(self.size)
    }

    /// From one line of labels to the next.
    pub(crate) fn leading(&self) -> f32 {
        self.size * 1.3
    }

    pub(crate) fn label(&self) -> TextLook {
        TextLook::new(Face::Plain, self.size, self.theme.text())
    }

    pub(crate) fn muted(&self) -> TextLook {
        TextLook::new(Face::Plain, self.small(), self.theme.muted())
    }

    pub(crate) fn bold(&self) -> TextLook {
        TextLook::new(Face::Bold, self.size, self.theme.text())
    }

    /// Of a token; of the subject if `marked`.
    pub(crate) fn token(&self, marked: bool) -> TextLook {
        if marked {
            TextLook::new(Face::MonoBold, self.small(), self.theme.accent())
        } else {
            TextLook::new(Face::Mono, self.small(), self.theme.text())
        }
    }

    pub(crate) fn width(&self, text: &str, look: TextLook) -> f32 {
        self.fonts.width(text, look)
    }

    /// A text cut, and ended by `…`, to what has room.
    pub(crate) fn fitted(&self, text: &str, look: TextLook, room: f32) -> String {
        if self.width(text, look) <= room {
            return text.to_string();
        }
        let signs: Vec<char> = text.chars().collect();
        let cut = |n: usize| signs[..n].iter().collect::<String>() + "…";
        let most = (0..signs.len())
            .rev()
            .find(|&n| self.width(&cut(n), look) <= room);
        cut(most.unwrap_or(0))
    }

    pub(crate) fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, fill: Colour) {
        self.shapes.push(Shape::Rect {
            x,
            y,
            width,
            height,
            fill,
        });
    }

    pub(crate) fn frame(&mut self, [x, y, width, height]: [f32; 4], stroke: Stroke) {
        let points = vec![
            [x, y],
            [x + width, y],
            [x + width, y + height],
            [x, y + height],
        ];
        self.shapes.push(Shape::Path {
            points,
            closed: true,
            fill: None,
            stroke: Some(stroke),
        });
    }

    pub(crate) fn line(&mut self, points: Vec<[f32; 2]>, stroke: Stroke) {
        self.shapes.push(Shape::Path {
            points,
            closed: false,
            fill: None,
            stroke: Some(stroke),
        });
    }

    pub(crate) fn area(&mut self, points: Vec<[f32; 2]>, fill: Colour) {
        self.shapes.push(Shape::Path {
            points,
            closed: true,
            fill: Some(fill),
            stroke: None,
        });
    }

    pub(crate) fn segments(&mut self, lines: Vec<[[f32; 2]; 2]>, stroke: Stroke) {
        if !lines.is_empty() {
            self.shapes.push(Shape::Segments { lines, stroke });
        }
    }

    /// One line of text; `y` is its baseline.
    pub(crate) fn text(&mut self, x: f32, y: f32, look: TextLook, text: &str) {
        if text.is_empty() {
            return;
        }
        self.shapes.push(Shape::Text(Text {
            x,
            y,
            look,
            text: text.to_string(),
        }));
    }

    /// A name along the left side, read from below; its letters stand on `x`.
    pub(crate) fn side_name(&mut self, x: f32, middle: f32, name: &str) {
        let look = self.muted().anchored(Anchor::Middle).turned(-90.0);
        self.text(x, middle, look, name);
    }

    /// What a name along a side takes, with the gap to the labels beside it.
    pub(crate) fn side_room(&self, name: &str) -> f32 {
        if name.is_empty() {
            0.0
        } else {
            self.small() * 1.45
        }
    }

    /// The gap between labels and the letters of a name beside them.
    pub(crate) fn side_gap(&self) -> f32 {
        self.small() * 0.5
    }

    pub(crate) fn image(&mut self, [x, y, width, height]: [f32; 4], image: Image) {
        self.shapes.push(Shape::Image {
            x,
            y,
            width,
            height,
            image: Arc::new(image),
        });
    }
}
