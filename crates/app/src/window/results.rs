//! Answers as they come in: what the panels draw.

use std::collections::HashMap;
use std::sync::Arc;

use whyfinder_experiment::InstrumentSettings;
use whyfinder_experiment::outcome::{Distribution, Summary, TokenProbability};
use whyfinder_experiment::{
    AttentionRecord, Experiment, Field, Metric, Outcome, Part, Site, TraceKind, TraceSettings,
};
use whyfinder_instrument::{CellTokens, Report};

pub use super::attention::Attention;

/// The last answers of both instruments, which may still be filling in.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub run: Option<RunResult>,
    pub trace: Option<TraceResult>,
}

/// Attention of every head and the next-token distribution of the clean run.
#[derive(Clone, Debug)]
pub struct RunResult {
    pub experiment: Experiment,
    pub summary: Summary,
    pub distributions: Vec<Distribution>,
    pub attention: Option<Attention>,
    pub complete: bool,
    /// Changes whenever a pattern arrives.
    pub version: u64,
}

/// Grids of the causal trace.
#[derive(Clone, Debug)]
pub struct TraceResult {
    pub experiment: Experiment,
    pub summary: Summary,
    pub distributions: Vec<Distribution>,
    /// One field over token and layer per kind.
    pub grids: Vec<Field>,
    /// What a gradient said beforehand, one field over token and layer per kind; empty where none was made.
    pub estimates: Vec<Field>,
    /// The patched runs' next tokens, by kind and row-major cell.
    pub cells: HashMap<(TraceKind, usize), CellTokens>,
    pub complete: bool,
    /// Changes whenever a cell arrives.
    pub version: u64,
}

/// How the names of estimates end.
const ESTIMATE: &str = ".estimate";

fn estimate_name(kind: TraceKind) -> String {
    format!("{}{ESTIMATE}", kind.name())
}

impl RunResult {
    /// Nothing yet; `version` is where counting starts, so that no two results share a version.
    pub fn waiting(experiment: Experiment, version: u64) -> Self {
        Self {
            experiment,
            summary: Summary::default(),
            distributions: Vec::new(),
            attention: None,
            complete: false,
            version,
        }
    }

    /// Takes a report of a model with `layers` blocks.
    pub fn receive(&mut self, report: Report, layers: usize) {
        match report {
            Report::Started {
                fields,
                summary,
                distributions,
            } => {
                self.summary = summary;
                self.distributions = distributions;
                for field in &fields {
                    self.store(field, layers);
                }
            }
            Report::Field(field) => self.store(&field, layers),
            Report::Attention(record) => self.keep(&record, layers),
            Report::Cells { .. } | Report::Progress(_) => {}
        }
    }

    /// Takes the whole answer of a model with `layers` blocks.
    pub fn finish(&mut self, outcome: &Outcome, layers: usize) {
        self.summary = outcome.summary.clone();
        self.distributions = outcome.distributions.clone();
        for field in &outcome.fields {
            self.store(field, layers);
        }
        for record in &outcome.attention {
            self.keep(record, layers);
        }
        self.complete = true;
    }

    fn keep(&mut self, record: &Arc<AttentionRecord>, layers: usize) {
        self.attention
            .get_or_insert_with(|| Attention::recorded(layers, record))
            .keep(record);
        self.version += 1;
    }

    /// Whether this answers a question for the attention of a prompt: the prompt's pattern does not depend on how it
    /// was kept.
    pub fn answers(&self, wanted: &Experiment) -> bool {
        let asked = &self.experiment;
        asked == wanted
            || self.attention.is_some()
                && matches!(asked.instrument, InstrumentSettings::Run { .. })
                && (&asked.model, asked.seed, &asked.input)
                    == (&wanted.model, wanted.seed, &wanted.input)
    }

    fn store(&mut self, field: &Field, layers: usize) {
        let Some(layer) = pattern_layer(&field.name) else {
            return;
        };
        let [heads, queries, keys] = field.shape()[..] else {
            return;
        };
        let attention = self
            .attention
            .get_or_insert_with(|| Attention::whole(layers, [heads, queries, keys]));
        attention.store(layer, field);
        self.version += 1;
    }

    /// The head whose last query looks most at the subject, or, without one, most at any key but the first and
    /// itself.
    pub fn most_telling_head(&self, subject: Option<[usize; 2]>) -> Option<(usize, usize)> {
        let attention = self.attention.as_ref()?;
        let keys = attention.keys;
        let looked_at = match subject {
            Some([a, b]) => a.min(keys)..b.min(keys),
            None => 1..keys.saturating_sub(1).max(1),
        };
        let mut best: Option<(f32, usize, usize)> = None;
        for layer in 0..attention.layers {
            for head in 0..attention.heads {
                let weight = attention.last_query_on(layer, head, &looked_at)?;
                if best.is_none_or(|b| weight > b.0) {
                    best = Some((weight, layer, head));
                }
            }
        }
        best.map(|(_, layer, head)| (layer, head))
    }

    /// The key that the last query of a head looks at most, with that query.
    pub fn last_edge(&self, layer: usize, head: usize) -> Option<(usize, usize)> {
        let attention = self.attention.as_ref()?;
        let query = attention.queries.checked_sub(1)?;
        let row = attention.row(layer, head, query)?;
        let key = (0..row.len())
            .filter(|&k| row[k].is_finite())
            .max_by(|&a, &b| row[a].total_cmp(&row[b]))?;
        Some((query, key))
    }

    /// The prompt that was run.
    pub fn prompt(&self) -> &str {
        self.experiment.input.prompt.as_deref().unwrap_or_default()
    }

    /// The most likely next tokens of the clean run, best first.
    pub fn top(&self) -> &[TokenProbability] {
        distribution(&self.distributions, "clean")
    }
}

/// What the patched runs say, as far as a result tells: ids, and the texts of those that a distribution names.
fn cells_of(outcome: &Outcome) -> HashMap<(TraceKind, usize), CellTokens> {
    let named: HashMap<u32, &str> = outcome
        .distributions
        .iter()
        .flat_map(|d| &d.top)
        .map(|token| (token.id, token.text.as_str()))
        .collect();
    let mut cells = HashMap::new();
    for kind in TraceKind::ALL {
        let field = |suffix: &str| outcome.field(&format!("{}.{suffix}", kind.name()));
        let (Some(top), Some(probabilities)) = (field("top"), field("top.probability")) else {
            continue;
        };
        let tracked = field("tracked");
        let per_cell = |field: &Field| field.axes.get(2).map_or(0, |axis| axis.len());
        let ranks = per_cell(top);
        let count = top.values.len().checked_div(ranks).unwrap_or(0);
        for cell in 0..count {
            let here = cell * ranks..(cell + 1) * ranks;
            let (Some(ids), Some(shares)) =
                (top.values.get(here.clone()), probabilities.values.get(here))
            else {
                continue;
            };
            let pairs = ids.iter().zip(shares);
            let known: Vec<(u32, f32, &str)> = pairs
                .filter(|(id, p)| id.is_finite() && p.is_finite())
                .filter_map(|(id, p)| Some((*id as u32, *p, *named.get(&(*id as u32))?)))
                .collect();
            let tracked = tracked.map_or_else(Vec::new, |field| {
                let width = per_cell(field);
                let values = field.values.get(cell * width..(cell + 1) * width);
                values.map_or_else(Vec::new, <[f32]>::to_vec)
            });
            if known.is_empty() && tracked.iter().all(|v| !v.is_finite()) {
                continue;
            }
            let tokens = CellTokens {
                top: known.iter().map(|(id, p, _)| (*id, *p)).collect(),
                texts: known
                    .iter()
                    .map(|(_, _, text)| (*text).to_string())
                    .collect(),
                tracked,
            };
            cells.insert((kind, cell), tokens);
        }
    }
    cells
}

impl TraceResult {
    /// Nothing yet; `version` is where counting starts, so that no two results share a version.
    pub fn waiting(experiment: Experiment, version: u64) -> Self {
        Self {
            experiment,
            summary: Summary::default(),
            distributions: Vec::new(),
            grids: Vec::new(),
            estimates: Vec::new(),
            cells: HashMap::new(),
            complete: false,
            version,
        }
    }

    /// Takes a report: the empty grids first, then their cells.
    pub fn receive(&mut self, report: Report) {
        match report {
            Report::Started {
                fields,
                summary,
                distributions,
            } => {
                self.grids = fields;
                self.summary = summary;
                self.distributions = distributions;
            }
            Report::Field(field) if field.name.ends_with(ESTIMATE) => {
                self.estimates.retain(|other| other.name != field.name);
                self.estimates.push(field);
            }
            Report::Field(field) => match self.grids.iter_mut().find(|g| g.name == field.name) {
                Some(grid) => *grid = field,
                None => self.grids.push(field),
            },
            Report::Cells { field, cells } => {
                let kind = TraceKind::ALL.into_iter().find(|k| k.name() == field);
                let grid = self.grids.iter_mut().find(|g| g.name == field);
                let (Some(kind), Some(grid)) = (kind, grid) else {
                    return;
                };
                for measured in cells {
                    grid.set_samples(measured.cell, &measured.samples);
                    self.cells.insert((kind, measured.cell), measured.tokens);
                }
            }
            Report::Progress(_) | Report::Attention(_) => return,
        }
        self.version += 1;
    }

    /// Takes the whole answer.
    pub fn finish(&mut self, outcome: &Outcome) {
        self.summary = outcome.summary.clone();
        self.distributions = outcome.distributions.clone();
        self.grids = TraceKind::ALL
            .into_iter()
            .filter_map(|k| outcome.field(k.name()).cloned())
            .collect();
        self.estimates = TraceKind::ALL
            .into_iter()
            .filter_map(|k| outcome.field(&estimate_name(k)).cloned())
            .collect();
        if self.cells.is_empty() {
            self.cells = cells_of(outcome);
        }
        self.complete = true;
        self.version += 1;
    }

    /// The grid of one kind, over token and layer.
    pub fn grid(&self, kind: TraceKind) -> Option<&Field> {
        self.grids.iter().find(|g| g.name == kind.name())
    }

    /// The estimates of one kind, over token and layer.
    pub fn estimate(&self, kind: TraceKind) -> Option<&Field> {
        let name = estimate_name(kind);
        self.estimates.iter().find(|field| field.name == name)
    }

    /// How the trace was set; `None` if the experiment is no trace.
    pub fn settings(&self) -> Option<&TraceSettings> {
        match &self.experiment.instrument {
            InstrumentSettings::CausalTrace { trace, .. } => Some(trace),
            InstrumentSettings::Run { .. }
            | InstrumentSettings::Import { .. }
            | InstrumentSettings::Image { .. } => None,
        }
    }

    /// What the cells are values of.
    pub fn metric(&self) -> Metric {
        match self.settings() {
            Some(settings) => settings.metric,
            None => Metric::named(&self.summary.metric).unwrap_or(Metric::Logit),
        }
    }

    /// A reference value by name, in the metric's unit.
    pub fn reference(&self, name: &str) -> Option<f32> {
        self.summary.reference.get(name).copied()
    }

    /// The metric of the clean run.
    pub fn clean(&self) -> Option<f32> {
        self.reference("clean")
    }

    /// The metric of the corrupted run, averaged over the samples.
    pub fn corrupted(&self) -> Option<f32> {
        self.reference("corrupted")
    }

    /// The next tokens of the run called `name`; empty if there is none.
    pub fn distribution(&self, name: &str) -> &[TokenProbability] {
        distribution(&self.distributions, name)
    }

    /// Row-major index of a cell.
    pub fn cell_index(&self, kind: TraceKind, token: usize, layer: usize) -> Option<usize> {
        self.grid(kind)?.index(&[token, layer])
    }

    /// Cells measured so far and cells in all.
    pub fn measured(&self) -> (usize, usize) {
        self.grids.iter().fold((0, 0), |(done, all), g| {
            (
                done + g.mask.iter().filter(|m| **m).count(),
                all + g.mask.len(),
            )
        })
    }

    /// The cell that brings most of the clean value back, as kind, token and layer.
    ///
    /// The last position's top layers are left out where anything else stands out: restoring the last residual at
    /// the end of the network is the answer itself.
    pub fn strongest(&self) -> Option<(TraceKind, usize, usize)> {
        let floor = self.corrupted()?;
        let towards_clean = (self.clean()? - floor).signum();
        let grid = self.grids.iter().find(|g| g.mask.iter().any(|m| *m))?;
        let kind = TraceKind::ALL.into_iter().find(|k| k.name() == grid.name)?;
        let [tokens, layers] = grid.shape()[..] else {
            return None;
        };
        let strongest_in = |rows: std::ops::Range<usize>| {
            rows.flat_map(|t| (0..layers).map(move |l| (t, l)))
                .filter_map(|(t, l)| {
                    let effect = (grid.values.get(t * layers + l)? - floor) * towards_clean;
                    effect.is_finite().then_some((effect, t, l))
                })
                .max_by(|a, b| a.0.total_cmp(&b.0))
        };
        let inner = strongest_in(0..tokens.saturating_sub(1));
        let outer = strongest_in(tokens.saturating_sub(1)..tokens);
        let (_, token, layer) = match (inner, outer) {
            (Some(i), Some(o)) if i.0 < 0.05 * o.0 => o,
            (Some(i), _) => i,
            (None, o) => o?,
        };
        Some((kind, token, layer))
    }
}

fn distribution<'a>(all: &'a [Distribution], name: &str) -> &'a [TokenProbability] {
    all.iter()
        .find(|d| d.name == name)
        .map_or(&[], |d| d.top.as_slice())
}

fn pattern_layer(name: &str) -> Option<usize> {
    let site: Site = name.parse().ok()?;
    (site.part == Part::Pattern).then_some(site.layer?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use whyfinder_experiment::{Axis, Input};
    use whyfinder_instrument::MeasuredCell;

    fn trace() -> TraceResult {
        let experiment = Experiment {
            model: "m".into(),
            seed: 0,
            input: Input::default(),
            instrument: InstrumentSettings::CausalTrace {
                corruption: whyfinder_experiment::Corruption::default(),
                trace: TraceSettings::default(),
            },
        };
        let mut result = TraceResult::waiting(experiment, 0);
        let axes = vec![Axis::numbered("token", 3), Axis::numbered("layer", 2)];
        let mut summary = Summary::default();
        summary.reference.insert("corrupted".into(), 0.1);
        summary.reference.insert("clean".into(), 0.9);
        result.receive(Report::Started {
            fields: vec![Field::sampled("residual", axes, 2)],
            summary,
            distributions: Vec::new(),
        });
        result
    }

    #[test]
    fn a_result_says_what_the_patched_runs_say_as_far_as_it_names_tokens() {
        let axes = |last: Axis| vec![Axis::numbered("token", 1), Axis::numbered("layer", 2), last];
        let field = |name: &str, axis: &str, values: &[f32]| {
            let last = Axis::numbered(axis, values.len() / 2);
            Field::measured(name, axes(last), values.to_vec()).expect("fits")
        };
        let token = |id: u32, text: &str| TokenProbability {
            id,
            text: text.into(),
            probability: 0.5,
            logit: 0.0,
        };
        let outcome = Outcome {
            experiment: trace().experiment,
            fields: vec![
                field("mlp.top", "rank", &[7.0, 9.0, 8.0, 7.0]),
                field("mlp.top.probability", "rank", &[0.6, 0.2, 0.7, 0.1]),
                field("mlp.tracked", "tracked", &[0.6, 0.1, 0.1, 0.7]),
            ],
            summary: Summary::default(),
            provenance: Default::default(),
            distributions: vec![Distribution {
                name: "clean".into(),
                top: vec![token(7, " a"), token(8, " b")],
            }],
            attention: Vec::new(),
        };
        let cells = cells_of(&outcome);
        let first = &cells[&(TraceKind::Mlp, 0)];
        assert_eq!(first.top, [(7, 0.6)], "nobody knows what 9 is");
        assert_eq!(first.tracked, [0.6, 0.1]);
        let second = &cells[&(TraceKind::Mlp, 1)];
        assert_eq!(second.texts, [" b", " a"]);
        assert_eq!(cells.len(), 2);
    }

    #[test]
    fn cells_fill_in_as_they_are_measured() {
        let mut result = trace();
        assert_eq!(result.measured(), (0, 6));
        let version = result.version;
        result.receive(Report::Cells {
            field: "residual".into(),
            cells: vec![MeasuredCell {
                cell: 3,
                samples: vec![0.4, 0.6],
                tokens: CellTokens::default(),
            }],
        });
        assert_eq!(result.measured(), (1, 6));
        assert_ne!(result.version, version);
        assert_eq!(result.strongest(), Some((TraceKind::Residual, 1, 1)));
        assert!(result.cells.contains_key(&(TraceKind::Residual, 3)));
    }

    #[test]
    fn estimates_stand_beside_the_cells_and_count_for_none() {
        let mut result = trace();
        let axes = result.grids[0].axes.clone();
        let estimate = Field::measured("residual.estimate", axes, vec![0.5; 6]).expect("fits");
        result.receive(Report::Field(estimate.clone()));
        assert_eq!(result.measured(), (0, 6));
        assert_eq!(result.strongest(), None);
        assert_eq!(result.estimate(TraceKind::Residual), Some(&estimate));
        assert_eq!(result.estimate(TraceKind::Mlp), None);
    }

    #[test]
    fn the_last_position_is_strongest_only_where_nothing_else_stands_out() {
        let mut result = trace();
        let measured = |cell, value| MeasuredCell {
            cell,
            samples: vec![value, value],
            tokens: CellTokens::default(),
        };
        result.receive(Report::Cells {
            field: "residual".into(),
            cells: vec![measured(5, 0.9), measured(2, 0.11)],
        });
        assert_eq!(result.strongest(), Some((TraceKind::Residual, 2, 1)));
        result.receive(Report::Cells {
            field: "residual".into(),
            cells: vec![measured(2, 0.5)],
        });
        assert_eq!(result.strongest(), Some((TraceKind::Residual, 1, 0)));
    }
}
