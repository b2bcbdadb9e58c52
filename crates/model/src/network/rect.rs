//! A rectangle of pixels.

use std::ops::Range;

/// Rows and columns, half-open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
}

impl Rect {
    pub fn new(rows: Range<usize>, columns: Range<usize>) -> Self {
        Self { rows, columns }
    }

    /// All of `height` rows and `width` columns.
    pub fn whole(height: usize, width: usize) -> Self {
        Self::new(0..height, 0..width)
    }

    pub fn height(&self) -> usize {
        self.rows.len()
    }

    pub fn width(&self) -> usize {
        self.columns.len()
    }

    pub fn pixels(&self) -> usize {
        self.height() * self.width()
    }

    /// What lies in both; `None` where nothing does.
    pub fn meet(&self, other: &Rect) -> Option<Rect> {
        let rows = overlap(&self.rows, &other.rows)?;
        let columns = overlap(&self.columns, &other.columns)?;
        Some(Rect { rows, columns })
    }

    /// The smallest rectangle around both.
    pub fn hull(&self, other: &Rect) -> Rect {
        let around = |a: &Range<usize>, b: &Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        Rect {
            rows: around(&self.rows, &other.rows),
            columns: around(&self.columns, &other.columns),
        }
    }

    pub fn contains(&self, other: &Rect) -> bool {
        self.rows.start <= other.rows.start
            && other.rows.end <= self.rows.end
            && self.columns.start <= other.columns.start
            && other.columns.end <= self.columns.end
    }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> Option<Range<usize>> {
    let both = a.start.max(b.start)..a.end.min(b.end);
    (!both.is_empty()).then_some(both)
}
