//! A scene's result in small: numbers kept with the scene and drawn in the colours of the theme.

use egui::{Color32, Mesh, Painter, Rect, pos2, vec2};
use serde::{Deserialize, Serialize};
use whyfinder_experiment::Field;

use super::images::results::touches;
use super::results::Results;
use super::theme::{Appearance, Theme};
use crate::maps::Region;

/// The kind of a head's attention pattern.
const PATTERN: &str = "pattern";
/// The kind of a map of blocks that help and harm.
const EFFECT: &str = "effect";

/// One or more maps side by side, each scaled to 0..=255.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    pub maps: Vec<SmallMap>,
}

/// One grid of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmallMap {
    /// `residual`, `mlp`, `attention`, `pattern` or `effect`.
    pub kind: String,
    pub columns: usize,
    /// Row-major; 0 is the corrupted value, 255 the largest; of effects, 128 is none. Missing cells are `null`.
    pub cells: Vec<Option<u8>>,
}

impl Thumbnail {
    /// The trace, or the selected head's pattern where there is no trace.
    pub fn of(results: &Results, head: Option<(usize, usize)>) -> Option<Self> {
        if let Some(trace) = &results.trace {
            let (low, high) = (trace.corrupted()?, trace.clean()?);
            let maps = trace
                .grids
                .iter()
                .map(|grid| SmallMap {
                    kind: grid.name.clone(),
                    columns: grid.axes.get(1).map_or(1, |a| a.len()),
                    cells: grid.values.iter().map(|&v| scaled(v, low, high)).collect(),
                })
                .collect();
            return Some(Self { maps });
        }
        let attention = results.run.as_ref()?.attention.as_ref()?;
        let (layer, head) = head?;
        let (keys, weights) = attention.small(layer, head)?;
        let cells = weights
            .iter()
            .enumerate()
            .map(|(i, &w)| {
                if i % keys > i / keys {
                    None
                } else {
                    scaled(w, 0.0, 1.0)
                }
            })
            .collect();
        Some(Self {
            maps: vec![SmallMap {
                kind: PATTERN.into(),
                columns: keys,
                cells,
            }],
        })
    }

    /// The same with no side of more cells than can be told apart in a small picture.
    #[must_use]
    pub fn shrunk(self) -> Self {
        Self {
            maps: self.maps.into_iter().map(SmallMap::shrunk).collect(),
        }
    }

    /// Draws the maps side by side, centred in `space`.
    pub fn draw(&self, painter: &Painter, theme: &Theme, space: Rect) {
        let count = self.maps.len().max(1) as f32;
        let gap = (space.width() * 0.06).min(12.0);
        let width = (space.width() - gap * (count - 1.0)) / count;
        for (i, map) in self.maps.iter().enumerate() {
            let left = space.left() + i as f32 * (width + gap);
            let place = Rect::from_min_size(pos2(left, space.top()), vec2(width, space.height()));
            map.draw(painter, theme, place);
        }
    }
}

fn scaled(v: f32, low: f32, high: f32) -> Option<u8> {
    let part = (v - low) / (high - low);
    part.is_finite()
        .then(|| (part.clamp(0.0, 1.0) * 255.0).round() as u8)
}

impl SmallMap {
    /// Effects of blocks of `block` pixels, `[rows, columns]`, scaled by the largest of either sign outside the region:
    /// replaced, the region's own blocks would outshine all others.
    pub fn of_effects(field: &Field, region: Option<Region>, block: usize) -> Option<Self> {
        let columns = field.axes.get(1)?.len();
        let outside = |i: &usize| {
            region.is_none_or(|r| !touches(r, i / columns.max(1), i % columns.max(1), block))
        };
        let largest_of = |cells: &mut dyn Iterator<Item = usize>| {
            cells
                .map(|i| field.values[i].abs())
                .filter(|v| v.is_finite())
                .fold(0f32, f32::max)
        };
        let mut largest = largest_of(&mut (0..field.values.len()).filter(outside));
        if largest == 0.0 {
            largest = largest_of(&mut (0..field.values.len()));
        }
        let cells = field.values.iter().map(|v| scaled(*v, -largest, largest));
        Some(Self {
            kind: EFFECT.into(),
            columns,
            cells: cells.collect(),
        })
    }

    /// Each cell of the smaller map is the one, of those that it stands for, that is farthest from none.
    fn shrunk(self) -> Self {
        const MOST: usize = 40;
        let rows = self.cells.len().div_ceil(self.columns.max(1));
        let step = rows.max(self.columns).div_ceil(MOST).max(1);
        if step == 1 {
            return self;
        }
        let none = if self.kind == EFFECT { 128 } else { 0 };
        let columns = self.columns.div_ceil(step);
        let mut cells = vec![None; columns * rows.div_ceil(step)];
        for (i, cell) in self.cells.iter().enumerate() {
            let at = (i / self.columns / step) * columns + i % self.columns / step;
            let size = |cell: Option<u8>| cell.map(|v| i32::from(v).abs_diff(none));
            if size(*cell) > size(cells[at]) {
                cells[at] = *cell;
            }
        }
        Self {
            kind: self.kind,
            columns,
            cells,
        }
    }

    fn draw(&self, painter: &Painter, theme: &Theme, space: Rect) {
        let columns = self.columns.max(1);
        let rows = self.cells.len().div_ceil(columns).max(1);
        let mut side = vec2(
            (space.width() / columns as f32).floor().max(1.0),
            (space.height() / rows as f32).floor().max(1.0),
        );
        // A head's pattern is as wide as it is high; a trace may be stretched.
        let square = [PATTERN, EFFECT].contains(&self.kind.as_str());
        let stretch = if square { 1.0 } else { 2.2 };
        side.x = side.x.min(side.y * stretch);
        side.y = side.y.min(side.x * stretch.min(1.4));
        let size = side * vec2(columns as f32, rows as f32);
        let min = space.center() - size / 2.0;
        let min = pos2(min.x.round(), min.y.round());
        let gap = if side.min_elem() > 6.0 { 1.0 } else { 0.0 };
        // Cells of a single pixel would be lost to the softening of edges that shapes have.
        let mut mesh = Mesh::default();
        for (i, cell) in self.cells.iter().enumerate() {
            let Some(value) = cell else { continue };
            let at = min + side * vec2((i % columns) as f32, (i / columns) as f32);
            let rect = Rect::from_min_size(at, side - egui::Vec2::splat(gap));
            mesh.add_colored_rect(rect, colour(&self.kind, *value, theme.appearance));
        }
        painter.add(mesh);
    }
}

fn colour(kind: &str, value: u8, appearance: Appearance) -> Color32 {
    use whyfinder_paint::{ColourMap, Theme};
    let map = match kind {
        "residual" => ColourMap::Purples,
        "mlp" => ColourMap::Greens,
        "attention" => ColourMap::Reds,
        EFFECT => ColourMap::BlueRed,
        _ => ColourMap::Magma,
    };
    let theme = match appearance {
        Appearance::Dark => Theme::Dark,
        Appearance::Light => Theme::Light,
    };
    // Magma is turned round on light, as on the atlas, so that little attention is the paper.
    let turned = map == ColourMap::Magma && appearance == Appearance::Light;
    let value = if turned { 255 - value } else { value };
    let [r, g, b, _] = map.table(theme)[usize::from(value)];
    Color32::from_rgb(r, g, b)
}

#[cfg(test)]
mod tests {
    use whyfinder_experiment::Axis;

    use super::*;

    #[test]
    fn the_regions_own_blocks_do_not_dull_the_others() {
        let axes = vec![Axis::numbered("row", 1), Axis::numbered("column", 3)];
        let field = Field::measured("effect", axes, vec![8.0, 0.5, -0.25]).expect("fits");
        let own = Some(Region::new(0, 0, 8, 8));
        let small = SmallMap::of_effects(&field, own, 8).expect("columns");
        assert_eq!(small.cells, [Some(255), Some(255), Some(64)]);
        let all = SmallMap::of_effects(&field, None, 8).expect("columns");
        assert_eq!(all.cells, [Some(255), Some(135), Some(124)]);
    }

    #[test]
    fn a_shrunk_map_keeps_its_strongest_cells() {
        let mut cells = vec![Some(128); 100 * 90];
        (cells[7], cells[100 * 89 + 99]) = (Some(255), Some(0));
        let small = Thumbnail {
            maps: vec![SmallMap {
                kind: EFFECT.into(),
                columns: 100,
                cells,
            }],
        };
        let small = small.shrunk().maps.remove(0);
        assert_eq!((small.columns, small.cells.len()), (34, 34 * 30));
        assert_eq!(small.cells[2], Some(255));
        assert_eq!(small.cells.last(), Some(&Some(0)));
    }

    #[test]
    fn values_are_scaled_between_corrupted_and_clean() {
        assert_eq!(scaled(0.1, 0.1, 0.9), Some(0));
        assert_eq!(scaled(0.9, 0.1, 0.9), Some(255));
        assert_eq!(scaled(0.5, 0.1, 0.9), Some(128));
        assert_eq!(scaled(-3.0, 0.1, 0.9), Some(0));
        assert_eq!(scaled(f32::NAN, 0.1, 0.9), None);
        assert_eq!(scaled(1.0, 0.5, 0.5), None);
    }
}
