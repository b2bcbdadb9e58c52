//! Where and how a branch begins to differ from its reference run.

use whyfinder_experiment::{Part, Select};

use super::{Branch, Trunk};
use crate::error::{ModelError, Result};

/// How a branch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A block's output, or what its parts add, set at one position: the block is computed there alone.
    At {
        layer: usize,
        position: usize,
        /// Whether anything is computed, or the block's output is given.
        inside: bool,
    },
    /// Anything else: the block is run whole, from the reference's stream.
    Whole,
    Trunk(Trunk),
}

/// The block and the position from which on a branch may differ from the reference.
pub(super) struct FirstChange {
    pub(super) layer: usize,
    pub(super) position: usize,
}

pub(super) fn first_change(branch: &Branch, layers: usize, length: usize) -> Result<FirstChange> {
    // A branch that does nothing of its own begins where it leaves its trunk.
    let mut first = FirstChange {
        layer: branch.trunk.map_or(layers, |trunk| trunk.layer),
        position: length - 1,
    };
    for one in &branch.interventions {
        let Some(layer) = one.site.layer.filter(|&layer| layer < layers) else {
            return Err(ModelError::Input(format!(
                "A branch begins inside a block of this model, but {} is not there.",
                one.site
            )));
        };
        if branch.trunk.is_some_and(|trunk| layer < trunk.layer) {
            return Err(ModelError::Input(format!(
                "The intervention at {} lies in what a branch shares with its trunk.",
                one.site
            )));
        }
        let positions = match &one.positions {
            Select::All => &[0][..],
            Select::Only(positions) => positions,
        };
        if let Some(position) = positions.iter().find(|&&position| position >= length) {
            return Err(ModelError::Input(format!(
                "The intervention at {} is at position {position}, but the reference run has {length}.",
                one.site
            )));
        }
        first.layer = first.layer.min(layer);
        first.position = positions.iter().fold(first.position, |a, &b| a.min(b));
    }
    Ok(first)
}

pub(super) fn opening(branch: &Branch, branches: &[Branch], layer: usize) -> Result<Opening> {
    if let Some(trunk) = branch.trunk {
        let rows = branches.get(trunk.branch).map(|trunk| trunk.rows.len());
        if rows != Some(branch.rows.len()) || branches[trunk.branch].trunk.is_some() {
            return Err(ModelError::Input(format!(
                "Branch {} cannot be a trunk: it must be there, have as many rows, and no trunk itself.",
                trunk.branch
            )));
        }
        return Ok(Opening::Trunk(trunk));
    }
    let mut at = None;
    let mut inside = false;
    let first = branch.interventions.iter();
    for one in first.filter(|one| one.site.layer == Some(layer)) {
        let output = match one.site.part {
            Part::ResidPost => true,
            Part::AttnOut | Part::MlpOut => {
                inside = true;
                true
            }
            _ => false,
        };
        let position = match &one.positions {
            Select::Only(positions) if positions.len() == 1 => positions[0],
            _ => return Ok(Opening::Whole),
        };
        if !output || at.is_some_and(|at| at != position) {
            return Ok(Opening::Whole);
        }
        at = Some(position);
    }
    Ok(match at {
        Some(position) => Opening::At {
            layer,
            position,
            inside,
        },
        None => Opening::Whole,
    })
}

pub(super) fn check_rows(branch: &Branch, kept: usize) -> Result<()> {
    if branch.rows.is_empty() {
        return Err(ModelError::Input("A branch needs at least one row.".into()));
    }
    match branch.rows.iter().find(|&&row| row >= kept) {
        Some(row) => Err(ModelError::Input(format!(
            "A branch continues row {row} of the reference run, but {kept} rows were kept."
        ))),
        None => Ok(()),
    }
}
