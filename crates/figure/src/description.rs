//! What a figure is to show and how: plain data, the same in the window, on the command line and inside the file.

use serde::{Deserialize, Serialize};
use whyfinder_experiment::TraceKind;
use whyfinder_paint::{ColourMap, Theme};

use crate::{FigureError, Length, Looked, View};

/// A figure, apart from its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Description {
    pub width: Length,
    /// `sans`, `serif`, or the path of a font file.
    pub font: String,
    /// Size of labels in points, 5 to 14.
    pub size: f32,
    pub dark: bool,
    /// No ground is painted.
    pub transparent: bool,
    /// Whether the figure carries a heading.
    pub title: bool,
    /// In place of the heading that the result gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
    /// Panels are lettered a, b, c where there are several.
    pub letters: bool,
    /// Panels side by side; by what fits if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<usize>,
    pub panels: Vec<Panel>,
    /// What was selected where the figure was made: not drawn, but brought back with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<Selected>,
    /// How the window showed it, where the figure was made there: not drawn, but brought back with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked: Option<Looked>,
}

/// A place in the network, the prompt or the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selected {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<usize>,
    /// Row and column of a block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<[usize; 2]>,
    /// Which map of a trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<TraceKind>,
}

/// One view of one result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Which of the figure's results, from 0.
    #[serde(default)]
    pub source: usize,
    pub view: View,
    /// Another result whose values are taken away, cell by cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minus: Option<usize>,
    /// A colour map's name; the view's own if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Colours to either side of a centre change places: blue helps and red harms.
    #[serde(default, skip_serializing_if = "is_false")]
    pub inverted: bool,
    /// Values of the first and the last colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f32; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What of the map is drawn; all of it if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// Cells of a map, pixels of a picture, or heads of an atlas: rows and columns from the first to before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub rows: [usize; 2],
    pub columns: [usize; 2],
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Most panels of one figure.
const MOST_PANELS: usize = 48;
/// Longest heading, title or path of a font, characters: setting a text takes the longer, the longer it is.
const LONGEST: usize = 4_096;

impl Default for Description {
    fn default() -> Self {
        Self {
            width: Length::SINGLE,
            font: "sans".into(),
            size: 7.0,
            dark: false,
            transparent: false,
            title: true,
            heading: None,
            letters: true,
            columns: None,
            panels: Vec::new(),
            selected: None,
            looked: None,
        }
    }
}

impl Panel {
    pub fn of(source: usize, view: View) -> Self {
        Self {
            source,
            view,
            minus: None,
            map: None,
            inverted: false,
            range: None,
            title: None,
            part: None,
        }
    }
}

impl Description {
    /// Sizes of letters that can be chosen, points.
    pub const SIZES: std::ops::RangeInclusive<f32> = 5.0..=14.0;

    pub fn theme(&self) -> Theme {
        if self.dark { Theme::Dark } else { Theme::Light }
    }

    /// # Errors
    /// A sentence if something in it cannot be meant.
    pub fn check(&self, sources: usize) -> Result<(), FigureError> {
        let wrong = |what: String| Err(FigureError::Asked(what));
        if !Self::SIZES.contains(&self.size) {
            return wrong(format!("Letters can be 5 to 14 pt, not {}", self.size));
        }
        if self.panels.is_empty() {
            return wrong("A figure needs a panel".into());
        }
        if self.panels.len() > MOST_PANELS {
            return wrong(format!("A figure can have {MOST_PANELS} panels at most"));
        }
        let titles = self.panels.iter().filter_map(|p| p.title.as_ref());
        let mut words = titles.chain(&self.heading).chain([&self.font]);
        if words.any(|w| w.chars().nth(LONGEST).is_some()) {
            return wrong(format!(
                "A heading, a title and the path of a font can have {LONGEST} characters at most"
            ));
        }
        for panel in &self.panels {
            for source in [Some(panel.source), panel.minus].into_iter().flatten() {
                if source >= sources {
                    return wrong(format!(
                        "A panel shows result {}, but there are {sources}",
                        source + 1
                    ));
                }
            }
            if let Some([low, high]) = panel.range
                && !(low.is_finite() && high.is_finite() && low < high)
            {
                return wrong(format!("A range goes up, not from {low} to {high}"));
            }
            panel.colours()?;
        }
        self.looked.as_ref().map_or(Ok(()), Looked::check)
    }
}

impl Description {
    /// The results that panels show, from the first to the last; those that are only taken away from others are not
    /// among them.
    pub(crate) fn shown(&self) -> Vec<usize> {
        let mut shown: Vec<usize> = self.panels.iter().map(|p| p.source).collect();
        shown.sort_unstable();
        shown.dedup();
        shown
    }
}

impl Panel {
    /// # Errors
    /// If there is no such colour map.
    pub fn colours(&self) -> Result<Option<ColourMap>, FigureError> {
        Ok(self.map.as_deref().map(str::parse).transpose()?)
    }
}
