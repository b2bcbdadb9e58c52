//! Long tables of effects: columns say where a cell is and what it is worth, as `to_dataframe().to_csv()` of
//! TransformerLens writes them.

use std::collections::BTreeMap;

use whyfinder_experiment::{Axis, Field, ImportForm, Labels, TraceKind};

use crate::assemble::Draft;
use crate::effects::{MOST_MAPS, down_and_across};
use crate::table::{Table, number};
use crate::{AxisRole, ImportError};

const VALUE: [&str; 9] = [
    "value",
    "score",
    "effect",
    "recovery",
    "mean",
    "estimate",
    "result",
    "logit_diff",
    "weight",
];
const STDERR: [&str; 5] = ["stderr", "standard_error", "std_error", "sem", "se"];
const COUNT: [&str; 4] = ["count", "n", "n_samples", "n_examples"];
const LOWER: [&str; 4] = ["ci_low", "ci_lower", "lower", "low"];
const UPPER: [&str; 4] = ["ci_high", "ci_upper", "upper", "high"];
/// Standard errors from the middle to either end of 95 % of a normal distribution.
const HALF_INTERVAL: f32 = 1.96;
/// Most cells of all maps.
const MOST_CELLS: usize = 1 << 26;

/// An axis of the table: its column, and its labels in order.
struct Along {
    role: AxisRole,
    labels: Vec<String>,
    /// The index of the label of each row.
    at: Vec<usize>,
}

pub(crate) fn draft(table: &Table) -> Result<Draft, ImportError> {
    let Some(value_column) = table.find(&VALUE) else {
        return Err(ImportError::refused(format!(
            "The table has no column of values; name it value, score or effect. Its columns: {}.",
            table.columns.join(", ")
        )));
    };
    let values = table.numbers(value_column).ok_or_else(|| {
        ImportError::refused(format!(
            "The column \"{}\" holds something that is no number.",
            table.columns[value_column]
        ))
    })?;
    let of = |names: &[&str]| {
        table
            .find(names)
            .filter(|&c| c != value_column)
            .and_then(|c| table.numbers(c))
    };
    let (stderr, count) = (of(&STDERR), of(&COUNT));
    let interval = of(&LOWER).zip(of(&UPPER));
    let statistics = [&VALUE[..], &STDERR, &COUNT, &LOWER, &UPPER].concat();
    let mut axes: Vec<Along> = Vec::new();
    let mut splits: Vec<(String, Along)> = Vec::new();
    let mut token_texts = None;
    let mut samples = false;
    let mut fixed = Vec::new();
    for (index, name) in table.columns.iter().enumerate() {
        if statistics.iter().any(|s| s.eq_ignore_ascii_case(name)) {
            continue;
        }
        let has_words = |n: &String| n.eq_ignore_ascii_case(&format!("{name}_name"));
        if table.columns.iter().any(has_words) {
            // The words beside it say more than its numbers.
            continue;
        }
        let Ok(role) = name.parse::<AxisRole>() else {
            // The index that a data frame is written with has no name.
            continue;
        };
        let along = Along::of(table, index, role.clone());
        match &role {
            AxisRole::Sample | AxisRole::Batch => samples |= along.labels.len() > 1,
            AxisRole::Other(_) if along.is_text() => splits.push((name.clone(), along)),
            AxisRole::Other(_) if along.labels.len() == table.rows() && axes.len() > 1 => {}
            _ if along.labels.len() == 1 => fixed.push(format!("{name} {}", along.labels[0])),
            AxisRole::Token if axes.iter().any(|a| a.role == AxisRole::Token) => {
                token_texts = Some(along);
            }
            _ => axes.push(along),
        }
    }
    // A column of words beside a column of positions says what the tokens are.
    if let (Some(texts), Some(place)) = (
        token_texts,
        axes.iter().position(|a| a.role == AxisRole::Token),
    ) {
        let (positions, texts) = if axes[place].is_text() {
            (texts, &axes[place])
        } else {
            (Along::swap_out(&mut axes[place]), &texts)
        };
        let mut words = positions.labels.clone();
        for (row, &at) in positions.at.iter().enumerate() {
            words[at].clone_from(&texts.labels[texts.at[row]]);
        }
        axes[place] = Along {
            labels: words,
            ..positions
        };
    }
    let roles: Vec<AxisRole> = axes.iter().map(|a| a.role.clone()).collect();
    let Some([down, across]) = down_and_across(&roles) else {
        return Err(ImportError::refused(format!(
            "A map needs two columns that say where a cell is, such as layer and pos or layer and head; the table has {}.",
            table.columns.join(", ")
        )));
    };
    let mut others = Vec::new();
    let mut sides = Vec::new();
    for axis in axes {
        if axis.role == down || axis.role == across {
            sides.push(axis);
        } else {
            others.push((axis.role.name().to_string(), axis));
        }
    }
    if sides[0].role != down {
        sides.swap(0, 1);
    }
    others.extend(splits);
    let maps = Maps {
        values: &values,
        stderr: stderr.as_deref(),
        interval: interval.as_ref().map(|(l, h)| (l.as_slice(), h.as_slice())),
        count: count.as_deref(),
        samples,
        sides: &sides,
        others: &others,
    }
    .read()?;
    let form = match (&down, &across) {
        (AxisRole::Token, AxisRole::Layer) if maps.iter().all(|m| kind_in(&m.name).is_some()) => {
            ImportForm::Trace
        }
        _ => ImportForm::Effects,
    };
    let mut draft = Draft::new(form);
    draft.recognised = format!(
        "a long table of {} rows: {} over {down} and {across}",
        table.rows(),
        if maps.len() == 1 {
            "one map".to_string()
        } else {
            format!("{} maps", maps.len())
        }
    );
    if !fixed.is_empty() {
        draft
            .notices
            .push(format!("Throughout: {}.", fixed.join(", ")));
    }
    if samples {
        draft
            .notices
            .push("Means and standard errors were computed from the rows of each cell.".into());
    } else if stderr.is_none() && interval.is_some() {
        draft.notices.push(
            "Standard errors were taken from the intervals, as those of 95 % of a normal distribution.".into(),
        );
    }
    draft.metric = table
        .find(&["metric"])
        .and_then(|c| table.column(c).next())
        .unwrap_or(&table.columns[value_column])
        .to_string();
    if down == AxisRole::Token && sides[0].is_text() {
        draft.tokens.clone_from(&sides[0].labels);
    }
    draft.fields = maps;
    if form == ImportForm::Trace {
        for field in &mut draft.fields {
            if let Some(kind) = kind_in(&field.name) {
                field.name = kind.name().to_string();
            }
        }
    }
    Ok(draft)
}

/// What was patched, if a name says it.
pub(crate) fn kind_in(name: &str) -> Option<TraceKind> {
    let name = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if has(&["resid"]) {
        Some(TraceKind::Residual)
    } else if has(&["mlp"]) {
        Some(TraceKind::Mlp)
    } else if has(&["attn", "attention"]) {
        Some(TraceKind::Attention)
    } else {
        None
    }
}

impl Along {
    fn of(table: &Table, column: usize, role: AxisRole) -> Self {
        let mut order: BTreeMap<&str, usize> = BTreeMap::new();
        let mut labels: Vec<&str> = Vec::new();
        let first: Vec<usize> = table
            .column(column)
            .map(|text| {
                *order.entry(text.trim()).or_insert_with(|| {
                    labels.push(text);
                    labels.len() - 1
                })
            })
            .collect();
        // Numbers are put in their own order, words stay in that of the table.
        let numbers: Option<Vec<f32>> = labels
            .iter()
            .map(|l| number(l).filter(|n| n.is_finite()))
            .collect();
        let mut sorted: Vec<usize> = (0..labels.len()).collect();
        if let Some(numbers) = &numbers {
            sorted.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
        }
        let mut place = vec![0; labels.len()];
        for (at, &label) in sorted.iter().enumerate() {
            place[label] = at;
        }
        Self {
            role,
            labels: sorted.iter().map(|&i| labels[i].to_string()).collect(),
            at: first.into_iter().map(|i| place[i]).collect(),
        }
    }

    fn is_text(&self) -> bool {
        self.labels.iter().any(|l| number(l).is_none())
    }

    fn swap_out(of: &mut Self) -> Self {
        let role = of.role.clone();
        std::mem::replace(
            of,
            Self {
                role,
                labels: Vec::new(),
                at: Vec::new(),
            },
        )
    }

    fn axis(&self) -> Axis {
        let numbers: Option<Vec<f64>> = self.labels.iter().map(|l| l.trim().parse().ok()).collect();
        Axis {
            name: self.role.name().to_string(),
            labels: numbers.map_or_else(|| Labels::Text(self.labels.clone()), Labels::Number),
        }
    }
}

struct Maps<'a> {
    values: &'a [f32],
    stderr: Option<&'a [f32]>,
    interval: Option<(&'a [f32], &'a [f32])>,
    count: Option<&'a [f32]>,
    samples: bool,
    sides: &'a [Along],
    others: &'a [(String, Along)],
}

impl Maps<'_> {
    fn read(&self) -> Result<Vec<Field>, ImportError> {
        let (down, across) = (&self.sides[0], &self.sides[1]);
        let cells = down.labels.len() * across.labels.len();
        let mut rows_of: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for row in 0..self.values.len() {
            let place = self.others.iter().map(|(_, o)| o.at[row]).collect();
            rows_of.entry(place).or_default().push(row);
        }
        if rows_of.len() > MOST_MAPS || cells.saturating_mul(rows_of.len()) > MOST_CELLS {
            return Err(ImportError::refused(format!(
                "The table would be {} maps of {} by {} cells, more than are read.",
                rows_of.len(),
                down.labels.len(),
                across.labels.len()
            )));
        }
        let vary: Vec<bool> = self
            .others
            .iter()
            .map(|(_, o)| o.labels.len() > 1)
            .collect();
        rows_of
            .into_iter()
            .map(|(place, rows)| {
                let words: Vec<String> = self
                    .others
                    .iter()
                    .zip(&place)
                    .zip(&vary)
                    .filter(|(_, varies)| **varies)
                    .map(|(((name, other), &at), _)| {
                        if other.is_text() {
                            other.labels[at].clone()
                        } else {
                            format!("{name} {}", other.labels[at])
                        }
                    })
                    .collect();
                let single = self
                    .others
                    .iter()
                    .zip(&place)
                    .find(|((_, o), _)| o.is_text());
                let name = match (words.is_empty(), single) {
                    (false, _) => words.join(", "),
                    (true, Some(((_, other), &at))) => other.labels[at].clone(),
                    (true, None) => "values".to_string(),
                };
                self.map(&name, &rows, vec![down.axis(), across.axis()])
            })
            .collect()
    }

    fn map(&self, name: &str, rows: &[usize], axes: Vec<Axis>) -> Result<Field, ImportError> {
        let columns = axes[1].len();
        let cell = |row: usize| self.sides[0].at[row] * columns + self.sides[1].at[row];
        let cells = axes[0].len() * columns;
        let mut of_cell: Vec<Vec<f32>> = vec![Vec::new(); cells];
        for &row in rows {
            if self.values[row].is_finite() {
                of_cell[cell(row)].push(self.values[row]);
            }
        }
        if self.samples {
            let most = of_cell.iter().map(Vec::len).max().unwrap_or(0);
            if cells.saturating_mul(most) > MOST_CELLS {
                return Err(ImportError::refused(
                    "The table has more rows for a cell than are read.",
                ));
            }
            let mut field = Field::sampled(name, axes, most);
            for (cell, samples) in of_cell.iter().enumerate() {
                field.set_samples(cell, samples);
            }
            return Ok(field);
        }
        if let Some(twice) = of_cell.iter().position(|c| c.len() > 1) {
            return Err(ImportError::refused(format!(
                "The table has several rows for {} {}, {} {}; a column named example would say that they are samples.",
                axes[0].name,
                axes[0].labels.text(twice / columns),
                axes[1].name,
                axes[1].labels.text(twice % columns)
            )));
        }
        let mut field = Field::unmeasured(name, axes);
        field.stderr =
            (self.stderr.is_some() || self.interval.is_some()).then(|| vec![f32::NAN; cells]);
        field.count = self.count.map(|_| vec![0; cells]);
        for &row in rows {
            let at = cell(row);
            field.values[at] = self.values[row];
            field.mask[at] = true;
            if let Some(errors) = &mut field.stderr {
                errors[at] = match (self.stderr, self.interval) {
                    (Some(errors), _) => errors[row],
                    (None, Some((low, high))) => (high[row] - low[row]) / (2.0 * HALF_INTERVAL),
                    (None, None) => f32::NAN,
                };
            }
            if let (Some(counts), Some(count)) = (&mut field.count, self.count) {
                counts[at] = count[row].max(0.0) as u32;
            }
        }
        Ok(field)
    }
}
