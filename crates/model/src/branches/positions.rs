//! Where an intervention lies among the positions that are read, and where in the batch.

use whyfinder_experiment::{Action, Intervention, Part, Select};

/// Whether a site has values only at the positions that the last block puts out.
pub(super) fn behind_keys(part: Part) -> bool {
    !matches!(
        part,
        Part::ResidPre
            | Part::Ln1Scale
            | Part::Ln1Normalized
            | Part::K
            | Part::V
            | Part::RotK
            | Part::KExpanded
            | Part::VExpanded
    )
}

/// All its positions are at `read` or behind.
pub(super) fn beyond(one: &Intervention, read: usize) -> bool {
    match &one.positions {
        Select::All => read == 0,
        Select::Only(positions) => positions.iter().all(|&position| position >= read),
    }
}

/// All its positions are before `read`.
pub(super) fn before(one: &Intervention, read: usize) -> bool {
    match &one.positions {
        Select::All => false,
        Select::Only(positions) => positions.iter().all(|&position| position < read),
    }
}

/// An intervention in the rows of a batch, `first` being its branch's first of `rows`, and at positions that count
/// from `from`; `None` if it lies before that.
pub(super) fn moved(
    one: &Intervention,
    first: usize,
    rows: usize,
    from: usize,
) -> Option<Intervention> {
    let mut one = one.clone();
    one.rows = match one.rows {
        Select::All => Select::range(first..first + rows),
        Select::Only(rows) => Select::Only(rows.into_iter().map(|row| first + row).collect()),
    };
    if let Select::Only(positions) = one.positions {
        let positions: Vec<usize> = positions
            .into_iter()
            .map(|position| position.checked_sub(from))
            .collect::<Option<_>>()?;
        one.positions = Select::Only(positions);
    }
    if let Action::Restore { from_row } = &mut one.action {
        *from_row += first;
    }
    Some(one)
}
