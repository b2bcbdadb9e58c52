//! Names of what can be drawn of a result.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use whyfinder_experiment::{InstrumentSettings, Outcome, Part, Site};

use crate::FigureError;

/// One view of a result, as it is written on the command line and in figures.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum View {
    /// `NAME`: a field, drawn as its axes ask: a grid, a map over the picture, a picture, curves, tiles.
    Field(String),
    /// `NAME:INDEX`: one of the maps of a field of three axes, such as one head of window attention.
    Part(String, usize),
    /// `NAME.lines`: a trace over its layers, a line per role of tokens.
    Lines(String),
    /// `atlas`: all heads of all layers.
    Atlas,
    /// `head:LAYER.HEAD`, or of tokens only: `head:LAYER.HEAD@FIRST-END`, half-open.
    Head {
        layer: usize,
        head: usize,
        tokens: Option<[usize; 2]>,
    },
    /// `predictions`: the most likely next tokens.
    Predictions,
    /// `counts`: how many blocks help, harm and do neither.
    Counts,
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            View::Field(name) => f.write_str(name),
            View::Part(name, index) => write!(f, "{name}:{index}"),
            View::Lines(name) => write!(f, "{name}.lines"),
            View::Atlas => f.write_str("atlas"),
            View::Head {
                layer,
                head,
                tokens,
            } => {
                write!(f, "head:{layer}.{head}")?;
                match tokens {
                    Some([first, end]) => write!(f, "@{first}-{end}"),
                    None => Ok(()),
                }
            }
            View::Predictions => f.write_str("predictions"),
            View::Counts => f.write_str("counts"),
        }
    }
}

impl FromStr for View {
    type Err = FigureError;

    fn from_str(text: &str) -> Result<Self, FigureError> {
        let text = text.trim();
        match text {
            "atlas" => return Ok(View::Atlas),
            "predictions" => return Ok(View::Predictions),
            "counts" => return Ok(View::Counts),
            "" => return Err(FigureError::Asked("A view needs a name".into())),
            _ => {}
        }
        if let Some(place) = text.strip_prefix("head:") {
            return head(place).ok_or_else(|| {
                FigureError::Asked(format!(
                    "\"{text}\" names no head; write head:LAYER.HEAD, such as head:5.3 or head:5.3@100-180"
                ))
            });
        }
        if let Some(name) = text.strip_suffix(".lines") {
            return Ok(View::Lines(name.to_string()));
        }
        if let Some((name, index)) = text.rsplit_once(':')
            && let Ok(index) = index.parse()
        {
            return Ok(View::Part(name.to_string(), index));
        }
        Ok(View::Field(text.to_string()))
    }
}

fn head(place: &str) -> Option<View> {
    let (place, tokens) = match place.split_once('@') {
        Some((place, tokens)) => {
            let (first, end) = tokens.split_once('-')?;
            let tokens = [first.parse().ok()?, end.parse().ok()?];
            (tokens[0] < tokens[1]).then_some(())?;
            (place, Some(tokens))
        }
        None => (place, None),
    };
    let (layer, head) = place.split_once('.')?;
    Some(View::Head {
        layer: layer.parse().ok()?,
        head: head.parse().ok()?,
        tokens,
    })
}

impl TryFrom<String> for View {
    type Error = FigureError;

    fn try_from(text: String) -> Result<Self, FigureError> {
        text.parse()
    }
}

impl From<View> for String {
    fn from(view: View) -> Self {
        view.to_string()
    }
}

/// Maps of an import that a figure shows when nothing is asked for.
const MOST_MAPS: usize = 6;

/// Everything that can be drawn of a result, the most telling first.
pub fn views_of(outcome: &Outcome) -> Vec<View> {
    let mut views = Vec::new();
    let has_patterns =
        outcome.fields.iter().any(|f| is_pattern(&f.name)) || !outcome.attention.is_empty();
    if has_patterns {
        views.push(View::Atlas);
        if let Some((layer, head)) = crate::draw_attention::telling_head(outcome) {
            views.push(View::Head {
                layer,
                head,
                tokens: None,
            });
        }
    }
    let mut curves = BTreeSet::new();
    for field in &outcome.fields {
        let name = field.name.as_str();
        if name.ends_with(".top") || name.contains(".top.") || name.ends_with(".tracked") {
            continue;
        }
        match field.axes.len() {
            _ if is_pattern(name) || field.values.is_empty() => {}
            1 | 2 if is_curve(name) => {
                curves.insert(if name.starts_with("deletion") {
                    "deletion"
                } else {
                    "insertion"
                });
            }
            2 if matches!(name, "top" | "top.probability") => {}
            2 => {
                views.push(View::Field(name.into()));
                if field.axes[0].name == "token"
                    && field.axes[1].name == "layer"
                    && !name.contains('.')
                {
                    views.push(View::Lines(name.into()));
                }
            }
            3 => views.push(View::Field(name.into())),
            _ => {}
        }
    }
    views.extend(curves.into_iter().map(|name| View::Field(name.into())));
    if outcome.summary.effects.is_some() {
        views.push(View::Counts);
    }
    if !outcome.distributions.is_empty() || outcome.field("top.probability").is_some() {
        views.push(View::Predictions);
    }
    views
}

/// What a figure of a result shows when nothing is asked for.
pub fn default_views(outcome: &Outcome) -> Vec<View> {
    let all = views_of(outcome);
    let has = |view: &View| all.contains(view);
    let fields = |names: &[&str]| -> Vec<View> {
        names
            .iter()
            .map(|n| View::Field((*n).into()))
            .filter(has)
            .collect()
    };
    let wanted = match &outcome.experiment.instrument {
        InstrumentSettings::CausalTrace { .. } => fields(&["residual", "mlp", "attention"]),
        InstrumentSettings::Run { .. } | InstrumentSettings::Import { .. }
            if all.contains(&View::Atlas) =>
        {
            let heads = all
                .iter()
                .filter(|v| matches!(v, View::Atlas | View::Head { .. }));
            heads.cloned().collect()
        }
        InstrumentSettings::Run { .. } => Vec::new(),
        InstrumentSettings::Import { .. } => {
            let maps = all
                .iter()
                .filter(|v| matches!(v, View::Field(_)))
                .take(MOST_MAPS);
            maps.cloned().collect()
        }
        InstrumentSettings::Image { .. } => {
            let maps = fields(&["effect", "attribution", "deletion", "insertion"]);
            let tiles: Vec<View> = all
                .iter()
                .filter(|v| matches!(v, View::Field(name) if name.starts_with("attention.")))
                .cloned()
                .collect();
            match [maps, tiles].concat() {
                none if none.is_empty() => fields(&["output"]),
                some => some,
            }
        }
    };
    if wanted.is_empty() {
        all.into_iter().take(1).collect()
    } else {
        wanted
    }
}

pub(crate) fn is_pattern(name: &str) -> bool {
    name.parse::<Site>()
        .is_ok_and(|site| site.part == Part::Pattern && site.layer.is_some())
}

pub(crate) fn is_curve(name: &str) -> bool {
    matches!(
        name,
        "deletion" | "insertion" | "deletion.random" | "insertion.random"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for name in [
            "residual",
            "residual.lines",
            "atlas",
            "head:5.3",
            "head:5.3@100-180",
            "attention.layers.0:2",
            "predictions",
            "counts",
            "effect.direct",
        ] {
            let view: View = name.parse().expect("a view");
            assert_eq!(view.to_string(), name);
        }
        assert_eq!(
            "mlp.lines".parse::<View>().ok(),
            Some(View::Lines("mlp".into()))
        );
        for bad in ["", "head:", "head:3", "head:a.b", "head:1.2@9-3"] {
            assert!(bad.parse::<View>().is_err(), "{bad}");
        }
    }
}
