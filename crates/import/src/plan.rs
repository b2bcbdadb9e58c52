//! A reading of a file: which arrays, and what their axes mean.

use whyfinder_experiment::ImportForm;

use crate::effects::{down_and_across, side};
use crate::{AxisRole, Contents, ImportError};

/// How arrays are to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub form: ImportForm,
    /// The arrays of one shape that belong together: one for each layer, or the only one.
    pub arrays: Vec<String>,
    /// The number of the layer of each array, where there are several.
    pub layers: Vec<usize>,
    /// Outermost first, one for each axis of the arrays.
    pub axes: Vec<AxisRole>,
    pub tokens: Vec<String>,
    /// Why it is read so, in words.
    pub recognised: String,
    /// Whether names or shapes leave no other reading.
    pub certain: bool,
}

/// What axes of these meanings are drawn as.
pub(crate) fn form_of(axes: &[AxisRole]) -> ImportForm {
    if axes.contains(&AxisRole::Query) && axes.contains(&AxisRole::Key) {
        ImportForm::Attention
    } else {
        ImportForm::Effects
    }
}

/// A map of a file as it would be drawn, for looking at it before it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstMap {
    /// Down and across.
    pub axes: [AxisRole; 2],
    pub rows: usize,
    pub columns: usize,
    /// Row-major.
    pub values: Vec<f32>,
    /// Whether rows or columns were left out, because there are many.
    pub thinned: bool,
}

/// Rows and columns of a first map at most.
const MOST_SHOWN: usize = 256;

impl Plan {
    /// Whether a file can be read so; little is computed.
    ///
    /// # Errors
    /// A sentence if it cannot.
    pub fn check(&self, contents: &Contents) -> Result<(), ImportError> {
        for (i, role) in self.axes.iter().enumerate() {
            if self.axes[..i].contains(role) {
                return Err(ImportError::refused(format!(
                    "Two axes are named {role}; each needs a meaning of its own."
                )));
            }
        }
        let array = self
            .arrays
            .first()
            .and_then(|name| contents.array(name))
            .ok_or_else(|| ImportError::refused("The file has no such array."))?;
        if array.values.is_empty() {
            return Err(ImportError::holds_nothing(array));
        }
        let shown = self.axes.iter().filter(|a| a.is_shown()).count();
        let places = match self.form {
            ImportForm::Attention => {
                let other = self.axes.iter().find(|a| {
                    use AxisRole::{Batch, Head, Key, Layer, Query};
                    !matches!(a, Batch | Layer | Head | Query | Key)
                });
                if let Some(other) = other {
                    return Err(ImportError::refused(format!(
                        "Attention is over layer, head, query and key; {other} has no place in it."
                    )));
                }
                side(array, &self.axes, &AxisRole::Key)
            }
            ImportForm::Trace | ImportForm::Effects if shown < 2 => {
                return Err(ImportError::refused(
                    "A map needs two axes beside batches and samples.",
                ));
            }
            ImportForm::Trace | ImportForm::Effects => {
                if let [only] = [AxisRole::Query, AxisRole::Key]
                    .into_iter()
                    .filter(|a| self.axes.contains(a))
                    .collect::<Vec<_>>()
                    .as_slice()
                {
                    return Err(ImportError::refused(format!(
                        "There is a {only}, but not both a query and a key."
                    )));
                }
                if self.axes.contains(&AxisRole::Token) {
                    side(array, &self.axes, &AxisRole::Token)
                } else {
                    0
                }
            }
        };
        let tokens = self.tokens.len();
        if tokens > 0 && places > 0 && tokens != places {
            return Err(ImportError::refused(format!(
                "There are {tokens} tokens, and {places} places for them."
            )));
        }
        Ok(())
    }

    /// The first map of the first array, of every other axis the first place.
    pub fn first_map(&self, contents: &Contents) -> Option<FirstMap> {
        let array = contents.array(self.arrays.first()?)?;
        if array.shape.len() != self.axes.len() || array.values.is_empty() {
            return None;
        }
        let axes = if self.form == ImportForm::Attention {
            [AxisRole::Query, AxisRole::Key]
        } else {
            down_and_across(&self.axes)?
        };
        let [rows, columns] = [0, 1].map(|i| side(array, &self.axes, &axes[i]));
        let stride = |role: &AxisRole| {
            let axis = self.axes.iter().position(|a| a == role);
            axis.map_or(0, |axis| array.shape[axis + 1..].iter().product::<usize>())
        };
        let [down, across] = [stride(&axes[0]), stride(&axes[1])];
        let [row_step, column_step] = [rows, columns].map(|side| side.div_ceil(MOST_SHOWN).max(1));
        let mut values = Vec::new();
        for row in (0..rows).step_by(row_step) {
            for column in (0..columns).step_by(column_step) {
                values.push(*array.values.get(row * down + column * across)?);
            }
        }
        Some(FirstMap {
            axes,
            rows: rows.div_ceil(row_step),
            columns: columns.div_ceil(column_step),
            values,
            thinned: row_step > 1 || column_step > 1,
        })
    }
}
