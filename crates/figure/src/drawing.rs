//! What one panel says, before it has a place: numbers, labels and what their colours mean.
//!
//! Pictures, PGFPlots and tables are all made from this, so the numbers in each are the same.

use std::ops::Range;

use whyfinder_experiment::{Axis, Field};
use whyfinder_paint::{Colour, Image, MapArray, MapStyle, PaintError, flag};

use crate::numbers;

/// What the scale of a difference begins with.
pub(crate) const DIFFERENCE: &str = "difference: ";

/// One panel's content.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub title: String,
    /// Pieces of the lines under the title.
    pub details: Vec<String>,
    pub content: Content,
    pub scale: Option<Scale>,
    /// What hatching says, where cells are hatched.
    pub hatched: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Grid(Grid),
    Tiles(Tiles),
    Over(Over),
    Lines(Lines),
    Bars(Bars),
    Shares(Shares),
}

/// The labels along one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// The axis: `layer`, `token`.
    pub name: String,
    pub texts: Vec<String>,
    /// Tokens are set in the monospaced typeface.
    pub tokens: bool,
    /// The subject.
    pub marked: Range<usize>,
}

impl Labels {
    /// An axis of a field as it is.
    pub(crate) fn of(axis: &Axis) -> Self {
        Self {
            name: axis.name.clone(),
            texts: (0..axis.len()).map(|i| axis.labels.text(i)).collect(),
            ..Self::default()
        }
    }
}

/// Cells in rows and columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    pub rows: Labels,
    pub columns: Labels,
    pub map: MapArray,
    /// Standard errors of the effects, one per cell; NaN where there is none.
    pub errors: Option<Vec<f32>>,
    pub counts: Option<Vec<u32>>,
    pub square: bool,
}

/// Many small maps of one size: rows are layers, columns heads.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiles {
    pub rows: Labels,
    pub columns: Labels,
    /// What the cells of one tile run over: down, across.
    pub inner: [String; 2],
    pub map: MapArray,
    /// Row and column of the tile that is outlined.
    pub marked: Option<[usize; 2]>,
}

/// A map, or nothing, over a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Over {
    pub picture: Image,
    pub cells: Option<Grid>,
    /// Where the first cell lies, or the whole picture's first pixel: y, x in the picture's pixels.
    pub origin: [f32; 2],
    /// Height and width of a cell in the picture's pixels; cells at the edge may be cut.
    pub cell: [f32; 2],
    /// The region that is asked about: x, y, width, height in the picture's pixels.
    pub region: Option<[f32; 4]>,
    /// Cells that can reach the region, where not all can.
    pub reach: Option<Vec<bool>>,
}

/// Curves over one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    pub x_name: String,
    /// In ascending order.
    pub x: Vec<f64>,
    pub y_name: String,
    pub series: Vec<Series>,
    /// Horizontal lines with their names.
    pub references: Vec<(String, f32)>,
    /// What the band around a line is, where lines have errors.
    pub band: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub values: Vec<f32>,
    /// Half the height of the band.
    pub errors: Option<Vec<f32>>,
}

/// Groups of labelled bars from zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    pub name: String,
    pub groups: Vec<BarGroup>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct BarGroup {
    pub name: String,
    pub labels: Vec<String>,
    pub values: Vec<f32>,
}

/// Parts of a whole, with what is to be said about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    pub parts: Vec<Share>,
    pub remarks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub name: String,
    pub count: usize,
    /// Of these, more than two standard errors from zero.
    pub sure: Option<usize>,
    pub colour: Colour,
}

/// What colours mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    pub style: MapStyle,
    /// Metric, of what, unit.
    pub name: String,
    /// What is marked on the bar: values and their names.
    pub marks: Vec<(f32, String)>,
    /// What the colours to either side of a centre stand for.
    pub polarity: Option<Polarity>,
    /// Samples and what else belongs to the colours, in pieces.
    pub remarks: Vec<String>,
    /// The least and the greatest value; they may lie beyond the range.
    pub values: [f32; 2],
    /// Whether the range was asked for, not found.
    pub fixed: bool,
}

/// What values above a centre and below it stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// They help the region, or harm it.
    Effect,
    /// They are more or less than what the centre is called.
    Centre(String),
    /// There is more in the one or in the other of these.
    Between(String, String),
}

impl Polarity {
    /// In the colours of a style, or in words where those are no two.
    fn said(&self, style: &MapStyle) -> String {
        let [above, below] = match (style.map.is_diverging(), style.flip) {
            (false, _) => ["positive", "negative"],
            (true, false) => ["red", "blue"],
            (true, true) => ["blue", "red"],
        };
        match self {
            Polarity::Effect => format!("{above} helps the region, {below} harms it"),
            Polarity::Centre(name) if style.map.is_diverging() => {
                format!("centre: {name}; {above} above it, {below} below")
            }
            Polarity::Centre(name) => format!("centre: {name}"),
            Polarity::Between(one, other) => {
                format!("{above}: more in {one}, {below}: more in {other}")
            }
        }
    }
}

/// A field's cells, hatched where |value - reference| < 2 standard errors, but not where the effect is exactly
/// nothing: that much is known.
///
/// # Errors
/// If the field has fewer than two or more than four axes.
pub(crate) fn map_of(field: &Field, reference: Option<f32>) -> Result<MapArray, PaintError> {
    let map = MapArray::from_field(field, reference)?;
    let Some(reference) = reference.filter(|_| !map.flags().is_empty()) else {
        return Ok(map);
    };
    let flags = (0..map.shape().cells())
        .map(|i| match map.values()[i] == reference {
            true => map.flag_of(i) & !flag::NOT_SIGNIFICANT,
            false => map.flag_of(i),
        })
        .collect();
    map.with_flags(flags)
}

impl Drawing {
    /// The map behind the panel, if it has one.
    pub fn grid(&self) -> Option<&Grid> {
        match &self.content {
            Content::Grid(grid) => Some(grid),
            Content::Over(over) => over.cells.as_ref(),
            _ => None,
        }
    }

    /// Whether colours to either side of a centre, or the colours of parts, say what helps and what harms, or the like.
    pub fn has_polarity(&self) -> bool {
        let of_map = |scale: &Scale| scale.polarity.is_some() && scale.style.map.is_diverging();
        self.scale.as_ref().is_some_and(of_map) || matches!(self.content, Content::Shares(_))
    }

    /// The title as tables give it: of a difference also how sure it is.
    pub(crate) fn named(&self) -> String {
        let scale = self.scale.as_ref();
        match scale.is_some_and(|scale| scale.name.starts_with(DIFFERENCE)) {
            true => format!("{} ({})", self.title, self.details.join(", ")),
            false => self.title.clone(),
        }
    }

    /// All words that the fonts must know.
    pub(crate) fn words(&mut self) -> Vec<&mut String> {
        let mut words = vec![&mut self.title];
        words.extend(&mut self.details);
        match &mut self.content {
            Content::Grid(Grid { rows, columns, .. })
            | Content::Tiles(Tiles { rows, columns, .. }) => {
                words.extend(&mut rows.texts);
                words.extend(&mut columns.texts);
            }
            Content::Bars(bars) => {
                for group in &mut bars.groups {
                    words.push(&mut group.name);
                    words.extend(&mut group.labels);
                }
            }
            Content::Lines(lines) => {
                words.extend(lines.series.iter_mut().map(|s| &mut s.name));
            }
            Content::Over(_) | Content::Shares(_) => {}
        }
        if let Some(scale) = &mut self.scale {
            words.push(&mut scale.name);
            words.extend(&mut scale.remarks);
            match &mut scale.polarity {
                Some(Polarity::Between(one, other)) => words.extend([one, other]),
                Some(Polarity::Centre(name)) => words.push(name),
                Some(Polarity::Effect) | None => {}
            }
        }
        words
    }
}

impl Scale {
    /// The words below the bar after its name: reference values, polarity and the rest, in pieces.
    pub(crate) fn pieces(&self) -> Vec<String> {
        let named = self.marks.iter().filter(|(_, name)| !name.is_empty());
        let references = named.map(|(value, name)| format!("{name} {}", numbers::number(*value)));
        references
            .chain(self.polarity.iter().map(|p| p.said(&self.style)))
            .chain(self.remarks.iter().cloned())
            .collect()
    }

    /// Whether another panel's values mean the same over the same range, whatever their colours.
    pub(crate) fn said_alike(&self, other: &Scale) -> bool {
        self.name == other.name
            && self.marks == other.marks
            && self.polarity == other.polarity
            && self.style.flip == other.style.flip
            && self.remarks == other.remarks
            && self.style.ends() == other.style.ends()
    }

    /// Gives both the wider of their ranges, if they measure the same and neither was asked for.
    pub(crate) fn join(&mut self, other: &mut Scale) {
        let unlike = MapStyle {
            low: other.style.low,
            high: other.style.high,
            ..self.style
        };
        if self.name != other.name || unlike != other.style || self.fixed || other.fixed {
            return;
        }
        let low = self.style.low.min(other.style.low);
        let high = self.style.high.max(other.style.high);
        for scale in [self, other] {
            scale.style.low = low;
            scale.style.high = high;
        }
    }
}
