//! How many blocks help and harm.

use whyfinder_experiment::Field;
use whyfinder_experiment::outcome::{BlockEffect, EffectCounts};

use super::grid::Grid;

/// Standard errors beyond which an effect's sign is taken to be known.
const SIGNIFICANT: f32 = 2.0;

/// Counts the blocks outside the region; with `region_counted` the region's own ones are among the positive, as the
/// authors' program counts them.
pub(super) fn count(
    effect: &Field,
    grid: &Grid,
    reachable: &[bool],
    refined: usize,
    region_counted: bool,
) -> EffectCounts {
    let mut counts = EffectCounts {
        refined,
        unreachable: reachable.iter().filter(|&&r| !r).count(),
        ..EffectCounts::default()
    };
    for block in &grid.blocks {
        if block.in_region {
            counts.region += 1;
            continue;
        }
        let value = effect.values[block.index];
        let stderr = effect.stderr.as_ref().map_or(f32::NAN, |s| s[block.index]);
        let significant = usize::from(value.abs() > SIGNIFICANT * stderr);
        if value > 0.0 {
            counts.positive += 1;
            counts.significant_positive += significant;
        } else if value < 0.0 {
            counts.negative += 1;
            counts.significant_negative += significant;
        } else {
            counts.zero += 1;
        }
        let this = BlockEffect {
            row: block.row,
            column: block.column,
            effect: value,
            stderr,
        };
        if counts.min.is_none_or(|min| value < min.effect) {
            counts.min = Some(this);
        }
        if counts.max.is_none_or(|max| value > max.effect) {
            counts.max = Some(this);
        }
    }
    if region_counted {
        counts.positive += counts.region;
    }
    counts
}
