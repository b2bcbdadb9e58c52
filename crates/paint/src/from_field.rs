//! Maps from fields.

use whyfinder_experiment::Field;

use crate::{MapArray, MapShape, PaintError, flag};

impl MapArray {
    /// A field as a map: two axes are rows and columns; three are a row of such tiles; four an atlas of them.
    ///
    /// Cells outside the field's mask are not measured. If `reference` is given and the field has standard errors,
    /// cells with |value - reference| < 2 standard errors are marked as not significant.
    ///
    /// # Errors
    /// If the field has fewer than two or more than four axes.
    pub fn from_field(field: &Field, reference: Option<f32>) -> Result<Self, PaintError> {
        let (rows, columns, height, width) = match *field.shape().as_slice() {
            [h, w] => (1, 1, h, w),
            [n, h, w] => (1, n, h, w),
            [m, n, h, w] => (m, n, h, w),
            _ => return Err(not_a_map(field, "two to four of them")),
        };
        let shape = MapShape {
            rows,
            columns,
            height,
            width,
        };
        let map = MapArray::new(shape, field.values.clone())?;
        let flags = flags_of(field, reference);
        if flags.iter().all(|&f| f == flag::MEASURED) {
            Ok(map)
        } else {
            map.with_flags(flags)
        }
    }

    /// An atlas with one row of tiles per field, such as the attention patterns of every layer: each field has the
    /// axes (tile, row, column), as in (head, query, key).
    ///
    /// # Errors
    /// If there is no field, or one has other axes or another size than the first.
    pub fn atlas(fields: &[&Field]) -> Result<Self, PaintError> {
        let first = fields.first().ok_or(PaintError::EmptyAtlas)?;
        let of = |field: &Field| match *field.shape().as_slice() {
            [columns, height, width] => Ok(MapShape {
                rows: 1,
                columns,
                height,
                width,
            }),
            _ => Err(not_a_map(field, "three: tile, row and column")),
        };
        let row = of(first)?;
        let mut values = Vec::with_capacity(row.cells() * fields.len());
        let mut flags = Vec::new();
        for field in fields {
            let shape = of(field)?;
            if shape != row {
                return Err(PaintError::Uneven {
                    name: field.name.clone(),
                    given: shape.columns,
                    shape: format!("{} x {}", shape.height, shape.width),
                    expected: format!("{} of {} x {}", row.columns, row.height, row.width),
                });
            }
            values.extend_from_slice(&field.values);
            flags.extend(flags_of(field, None));
        }
        let shape = MapShape {
            rows: fields.len(),
            ..row
        };
        let map = MapArray::new(shape, values)?;
        if flags.iter().all(|&f| f == flag::MEASURED) {
            Ok(map)
        } else {
            map.with_flags(flags)
        }
    }
}

fn flags_of(field: &Field, reference: Option<f32>) -> Vec<u8> {
    let mut flags: Vec<u8> = (0..field.values.len())
        .map(|i| match field.mask.get(i) {
            Some(true) => flag::MEASURED,
            _ => 0,
        })
        .collect();
    if let (Some(reference), Some(stderr)) = (reference, field.effect_errors()) {
        for ((f, v), s) in flags.iter_mut().zip(&field.values).zip(stderr) {
            if (v - reference).abs() <= 2.0 * s {
                *f |= flag::NOT_SIGNIFICANT;
            }
        }
    }
    flags
}

fn not_a_map(field: &Field, needed: &'static str) -> PaintError {
    let names: Vec<&str> = field.axes.iter().map(|a| a.name.as_str()).collect();
    PaintError::NotAMap {
        name: field.name.clone(),
        axes: format!("[{}]", names.join(", ")),
        needed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::CellState;
    use whyfinder_experiment::Axis;

    #[test]
    fn cells_within_two_standard_errors_of_the_reference_are_not_significant() {
        let axes = vec![Axis::numbered("token", 1), Axis::numbered("layer", 3)];
        let mut field = Field::sampled("residual", axes, 2);
        field.set_samples(0, &[0.0, 0.2]); // 0.1 ± 0.1
        field.set_samples(1, &[0.9, 0.9]);
        let map = MapArray::from_field(&field, Some(0.0)).expect("two axes");
        assert_eq!(map.flag_of(0), flag::MEASURED | flag::NOT_SIGNIFICANT);
        assert_eq!(map.flag_of(1), flag::MEASURED);
        assert_eq!(map.state(2), CellState::NotMeasured);
    }

    #[test]
    fn layers_become_rows_of_an_atlas() {
        let field = |name: &str, heads: usize, start: f32| {
            let axes = ["head", "query", "key"]
                .map(|n| Axis::numbered(n, if n == "head" { heads } else { 2 }));
            let values = (0..heads * 4).map(|i| start + i as f32).collect();
            Field::measured(name, axes.to_vec(), values).expect("fits")
        };
        let (a, b) = (field("a", 3, 0.0), field("b", 3, 100.0));
        let map = MapArray::atlas(&[&a, &b]).expect("even");
        assert_eq!((map.shape().rows, map.shape().columns), (2, 3));
        assert_eq!(
            map.tile(4).expect("inside").values(),
            [104.0, 105.0, 106.0, 107.0]
        );
        assert!(map.flags().is_empty());
        let message = MapArray::atlas(&[&a, &field("c", 2, 0.0)])
            .expect_err("uneven")
            .to_string();
        assert!(message.contains("c has 2 maps of 2 x 2"), "{message}");
        assert_eq!(MapArray::atlas(&[]), Err(PaintError::EmptyAtlas));
    }
}
