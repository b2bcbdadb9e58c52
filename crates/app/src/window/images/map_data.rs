//! What the maps of the compared networks show: values, errors, one colour range for all.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::asking::ImageQuestion;
use super::parts::MapPart;
use super::results::{MapResult, NetworkResult, touches};
use super::state::Images;
use crate::maps::Region;

/// One network's map as it is drawn: its own, or its difference from the active network's.
#[derive(Clone, Debug)]
pub(crate) struct MapData {
    pub(crate) values: Vec<f32>,
    pub(crate) stderr: Option<Vec<f32>>,
    pub(crate) count: Option<Vec<u32>>,
    pub(crate) measured: Vec<bool>,
    /// What a gradient says of each cell.
    pub(crate) estimates: Option<Vec<f32>>,
    pub(crate) reachable: Option<Vec<bool>>,
    pub(crate) cols: usize,
    /// Side of a cell in the output's pixels.
    pub(crate) cell: usize,
    pub(crate) version: u64,
    /// The region that the map is of; the asked one may have moved since.
    pub(crate) region: Option<Region>,
    /// Whether the region's own cells are left out of the range: replaced, they would outshine all others.
    pub(crate) region_apart: bool,
    /// Set where the values are differences from another network's.
    pub(crate) difference: bool,
}

/// Width and height of the output in pixels; from the input and the network's scale before there is one.
pub(crate) fn output_size(images: &Images, result: &NetworkResult) -> Option<[usize; 2]> {
    if let Some(output) = result.output() {
        return Some([output.width(), output.height()]);
    }
    if let Some(image) = result.map.as_ref().and_then(|m| m.summary.image.as_ref())
        && image.output_size[0] > 0
    {
        return Some(image.output_size);
    }
    let input = result.input()?;
    let scale = images.scale(&result.network);
    Some([input.width() * scale, input.height() * scale])
}

/// The map of a network, or the difference mode's view of it.
pub(crate) fn map_data(
    images: &Images,
    question: &ImageQuestion,
    network: &str,
) -> Option<MapData> {
    let result = images.results.of(network)?;
    let size = output_size(images, result)?;
    let part = images.part(question);
    let own = data_of(result.map.as_ref()?, question, part, size)?;
    let active = question.active_network()?;
    if !images.differences || network == active {
        return Some(own);
    }
    let reference = images.results.of(active)?.map.as_ref()?;
    let reference = data_of(reference, question, part, size)?;
    Some(own.minus(&reference).unwrap_or(own))
}

fn data_of(
    map: &MapResult,
    question: &ImageQuestion,
    part: &MapPart,
    size: [usize; 2],
) -> Option<MapData> {
    let field = map.field(part.field)?;
    let [rows, cols] = *field.shape() else {
        return None;
    };
    if rows == 0 || cols == 0 {
        return None;
    }
    let block = map
        .summary
        .image
        .as_ref()
        .and_then(|i| i.block)
        .or_else(|| question.settings.block(question.method));
    // Maps of single pixels have as many columns as the input.
    let cell = match block {
        Some(block) if size[0].div_ceil(block) == cols => block,
        _ => (size[0] / cols).max(1),
    };
    let mut hasher = DefaultHasher::new();
    (map.version, part.field).hash(&mut hasher);
    Some(MapData {
        values: field.values.clone(),
        stderr: field.effect_errors().map(<[f32]>::to_vec),
        count: field.count.clone(),
        measured: field.mask.clone(),
        estimates: map
            .field(&format!("{}.estimate", part.field))
            .map(|estimate| estimate.values.clone())
            .filter(|values| values.len() == field.values.len()),
        reachable: map.reachable(),
        cols,
        cell,
        version: hasher.finish(),
        region: map.region(),
        region_apart: block.is_some(),
        difference: false,
    })
}

impl MapData {
    /// This map minus another of the same shape; measured where both are. Errors add in squares: the draws of two
    /// networks are their own.
    fn minus(&self, other: &Self) -> Option<Self> {
        if self.values.len() != other.values.len() || self.cell != other.cell {
            return None;
        }
        let both = |i: usize| self.measured[i] && other.measured[i];
        let count = self.values.len();
        let mut hasher = DefaultHasher::new();
        (self.version, other.version).hash(&mut hasher);
        Some(Self {
            values: (0..count)
                .map(|i| {
                    if both(i) {
                        self.values[i] - other.values[i]
                    } else {
                        f32::NAN
                    }
                })
                .collect(),
            stderr: self
                .stderr
                .as_ref()
                .zip(other.stderr.as_ref())
                .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a.hypot(*b)).collect()),
            count: None,
            measured: (0..count).map(both).collect(),
            estimates: None,
            // What either can be reached by.
            reachable: self
                .reachable
                .as_ref()
                .zip(other.reachable.as_ref())
                .map(|(a, b)| a.iter().zip(b).map(|(a, b)| *a || *b).collect()),
            cols: self.cols,
            cell: self.cell,
            version: hasher.finish(),
            region: self.region,
            region_apart: self.region_apart,
            difference: true,
        })
    }

    /// Least and largest value, those of the region apart where they are.
    pub(crate) fn extremes(&self) -> Option<[f32; 2]> {
        let outside = |i: &usize| {
            !self.region_apart
                || self
                    .region
                    .is_none_or(|r| !touches(r, i / self.cols, i % self.cols, self.cell))
        };
        let range = |keep: &dyn Fn(&usize) -> bool| {
            (0..self.values.len())
                .filter(|&i| self.measured[i] && self.values[i].is_finite() && keep(&i))
                .fold(None, |range: Option<[f32; 2]>, i| {
                    let v = self.values[i];
                    Some(range.map_or([v, v], |[l, h]| [l.min(v), h.max(v)]))
                })
        };
        range(&outside).or_else(|| range(&|_| true))
    }
}

/// Least and largest value of all maps that are shown.
pub(crate) fn shared_extremes(maps: &[Option<MapData>]) -> Option<[f32; 2]> {
    maps.iter()
        .flatten()
        .filter_map(MapData::extremes)
        .reduce(|[a, b], [c, d]| [a.min(c), b.max(d)])
}

/// The end of the colours for values up to `most`: the next round number, so that a growing map changes them rarely.
pub(crate) fn round_extent(most: f32) -> f32 {
    if !(most.is_finite() && most > 0.0) {
        return 1.0;
    }
    let power = 10f32.powf(most.log10().floor());
    let steps = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let next = steps.into_iter().find(|s| s * power >= most * 0.9999);
    next.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(values: &[f32], version: u64) -> MapData {
        MapData {
            values: values.to_vec(),
            stderr: Some(vec![3.0; values.len()]),
            count: None,
            measured: values.iter().map(|v| v.is_finite()).collect(),
            estimates: None,
            reachable: None,
            cols: 2,
            cell: 8,
            version,
            region: Some(Region::new(0, 0, 8, 8)),
            region_apart: true,
            difference: false,
        }
    }

    #[test]
    fn a_difference_is_measured_where_both_are() {
        let a = data(&[9.0, 1.0, 2.0, f32::NAN], 1);
        let b = data(&[1.0, 3.0, f32::NAN, 1.0], 2);
        let difference = a.minus(&b).expect("one shape");
        assert_eq!(difference.values[1], -2.0);
        assert_eq!(difference.measured, [true, true, false, false]);
        let errors = difference.stderr.as_ref().expect("both have them");
        assert!((errors[0] - 18f32.sqrt()).abs() < 1e-6);
        // The region's own block is left out.
        assert_eq!(difference.extremes(), Some([-2.0, -2.0]));
        assert!(difference.difference && difference.version != a.version);
    }

    #[test]
    fn extents_are_round() {
        for (most, extent) in [
            (1.47, 1.5),
            (0.031, 0.04),
            (1.0, 1.0),
            (9.2, 10.0),
            (0.0, 1.0),
        ] {
            let round = round_extent(most);
            assert!((round - extent).abs() < 1e-4 * extent, "{most}: {round}");
        }
        assert_eq!(round_extent(f32::NAN), 1.0);
    }
}
