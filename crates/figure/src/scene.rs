//! A figure as shapes on paper: what SVG and PDF are both written from.

use std::sync::Arc;

use whyfinder_paint::{Colour, Image};

/// Shapes on a page, in points of 1/72 inch, y down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) ground: Option<Colour>,
    pub(crate) shapes: Vec<Shape>,
    /// Where each panel's plot lies.
    pub(crate) panels: Vec<PanelFrame>,
}

impl Scene {
    /// What is written on the page, in the order of drawing.
    pub(crate) fn texts(&self) -> Vec<&Text> {
        self.shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Text(text) => Some(text),
                _ => None,
            })
            .collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PanelFrame {
    /// Baseline of the panel's heading: x, y.
    pub(crate) heading: [f32; 2],
    /// x, y, width, height.
    pub(crate) plot: [f32; 4],
    /// Upper left corner and width of its colour bar, where it has one of its own or is the first of a shared one.
    pub(crate) bar: Option<[f32; 3]>,
    /// Room for the words under that bar, where they are said here.
    pub(crate) words: Option<f32>,
    /// Whether its rows are labelled, not only those of the panel to its left.
    pub(crate) labelled: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Rect {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        fill: Colour,
    },
    /// An outline, or an area if filled.
    Path {
        points: Vec<[f32; 2]>,
        closed: bool,
        fill: Option<Colour>,
        stroke: Option<Stroke>,
    },
    /// Lines of one look, such as the hatching of a map.
    Segments {
        lines: Vec<[[f32; 2]; 2]>,
        stroke: Stroke,
    },
    /// One line of text; `y` is its baseline.
    Text(Text),
    /// A picture with its cells kept sharp.
    Image {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        image: Arc<Image>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) colour: Colour,
    pub(crate) width: f32,
    /// Lengths of dashes and gaps; solid if zero.
    pub(crate) dash: [f32; 2],
}

impl Stroke {
    pub(crate) fn new(colour: Colour, width: f32) -> Self {
        Self {
            colour,
            width,
            dash: [0.0; 2],
        }
    }

    pub(crate) fn dashed(self, on: f32, off: f32) -> Self {
        Self {
            dash: [on, off],
            ..self
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) look: TextLook,
    pub(crate) text: String,
}

/// Which of the figure's typefaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Face {
    Plain,
    Bold,
    Mono,
    MonoBold,
    /// The bundled sans-serif, whatever the figure's own: it has the marks for white space.
    Marks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line of text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TextLook {
    pub(crate) face: Face,
    pub(crate) size: f32,
    pub(crate) colour: Colour,
    pub(crate) anchor: Anchor,
    /// Degrees, clockwise, about the text's anchor.
    pub(crate) turned: f32,
}

impl TextLook {
    pub(crate) fn new(face: Face, size: f32, colour: Colour) -> Self {
        Self {
            face,
            size,
            colour,
            anchor: Anchor::Start,
            turned: 0.0,
        }
    }

    pub(crate) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) fn turned(self, turned: f32) -> Self {
        Self { turned, ..self }
    }
}
