//! What the axes of an array mean.

use std::fmt;
use std::str::FromStr;

use crate::ImportError;
use crate::array::MOST_AXES;

/// The meaning of one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AxisRole {
    /// Sequences side by side, of which the first is taken.
    Batch,
    Layer,
    Head,
    /// Who looks: the destination.
    Query,
    /// What is looked at: the source.
    Key,
    Token,
    Row,
    Column,
    /// Repetitions, from which mean and standard error are computed.
    Sample,
    /// Any other, by its name.
    Other(String),
}

impl AxisRole {
    /// The name used in files and in the window.
    pub fn name(&self) -> &str {
        match self {
            AxisRole::Batch => "batch",
            AxisRole::Layer => "layer",
            AxisRole::Head => "head",
            AxisRole::Query => "query",
            AxisRole::Key => "key",
            AxisRole::Token => "token",
            AxisRole::Row => "row",
            AxisRole::Column => "column",
            AxisRole::Sample => "sample",
            AxisRole::Other(name) => name,
        }
    }

    /// Whether it is drawn, not taken apart or averaged.
    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self, AxisRole::Batch | AxisRole::Sample)
    }

    /// Axes from a list such as `layer,head,query,key`.
    ///
    /// # Errors
    /// A sentence if a name is missing or stands twice, or there are too many.
    pub fn list(text: &str) -> Result<Vec<Self>, ImportError> {
        let count = text.split(',').count();
        if count > MOST_AXES {
            return Err(ImportError::refused(format!(
                "{count} axes are named, more than the {MOST_AXES} that are read."
            )));
        }
        let roles = text
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<Self>, _>>()?;
        for (i, role) in roles.iter().enumerate() {
            if roles[..i].contains(role) {
                return Err(ImportError::refused(format!(
                    "The axis \"{}\" is named twice; each axis has a name of its own.",
                    role.name()
                )));
            }
        }
        Ok(roles)
    }
}

impl fmt::Display for AxisRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AxisRole {
    type Err = ImportError;

    /// Understands the names that other programs give to axes, too.
    fn from_str(text: &str) -> Result<Self, ImportError> {
        let name = text.trim().to_ascii_lowercase().replace('-', "_");
        Ok(match name.as_str() {
            "" => {
                return Err(ImportError::refused(
                    "An axis has no name; write one for each, such as --axes layer,head,query,key.",
                ));
            }
            "batch" | "b" => AxisRole::Batch,
            "layer" | "layers" | "l" => AxisRole::Layer,
            "head" | "heads" | "head_index" | "h" => AxisRole::Head,
            "query" | "dest" | "destination" | "dest_pos" | "query_pos" | "q" => AxisRole::Query,
            "key" | "src" | "source" | "src_pos" | "key_pos" | "k" => AxisRole::Key,
            "token" | "tokens" | "pos" | "position" | "t" => AxisRole::Token,
            "row" | "rows" | "y" => AxisRole::Row,
            "column" | "columns" | "col" | "x" => AxisRole::Column,
            "sample" | "samples" | "example" | "repetition" | "seed" | "s" => AxisRole::Sample,
            _ => AxisRole::Other(name.chars().take(60).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_programs_are_understood() {
        use AxisRole::{Head, Key, Layer, Query, Token};
        let roles = AxisRole::list("layer, head_index ,dest,src").expect("known");
        assert_eq!(roles, [Layer, Head, Query, Key]);
        assert_eq!(AxisRole::list("pos").expect("known"), [Token]);
        assert!(AxisRole::list("pos,token").is_err());
        assert!(AxisRole::list("layer,,head").is_err());
        let many: Vec<String> = (0..17).map(|i| format!("axis {i}")).collect();
        assert!(AxisRole::list(&many.join(",")).is_err());
    }
}
