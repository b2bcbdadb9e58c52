//! A finished run becomes a node of the history.

use std::sync::Arc;
use std::time::SystemTime;

use whyfinder_experiment::{Experiment, InstrumentSettings, Outcome};

use super::changes::{change_words, first_words, instrument, short};
use super::keeper::Task;
use super::node::{KeptResult, LookedAt, Node, new_id, seconds};
use crate::maps::Cell;
use crate::window::application::Application;
use crate::window::images::state::{ImageJob, Part};
use crate::window::question::Question;
use crate::window::thumbnail::{SmallMap, Thumbnail};

impl Application {
    /// Notes an answer that has just come: a run without a trace to follow, a trace with its run, or the maps and scores of
    /// all networks once the last is there.
    pub(in crate::window) fn note_finished(&mut self, outcome: &Arc<Outcome>) {
        let outcomes = match &outcome.experiment.instrument {
            // Nothing was run for numbers that were computed elsewhere.
            InstrumentSettings::Import { .. } => return,
            InstrumentSettings::Run { .. } if self.state.jobs.trace.is_some() => return,
            InstrumentSettings::Run { .. } => vec![Arc::clone(outcome)],
            InstrumentSettings::CausalTrace { .. } => {
                let mut outcomes = self.run_behind(&outcome.experiment);
                outcomes.push(Arc::clone(outcome));
                outcomes
            }
            InstrumentSettings::Image { .. } => {
                let under_way = |j: &ImageJob| matches!(j.part, Part::Map | Part::Curves);
                if self.state.jobs.images.iter().any(under_way) {
                    return;
                }
                let q = &self.state.question.images;
                let mut answers = self.answers_on_screen(&|network, seed| q.scoring(network, seed));
                answers.extend(self.answers_on_screen(&|network, seed| q.mapping(network, seed)));
                // A pass says nothing new of them.
                if answers.iter().all(|m| m.experiment != outcome.experiment) {
                    return;
                }
                answers
            }
        };
        if !outcomes.is_empty() {
            self.record(outcomes);
        }
    }

    /// The clean run of a trace's prompt.
    fn run_behind(&self, trace: &Experiment) -> Vec<Arc<Outcome>> {
        let of_model = self.state.finished.of(std::slice::from_ref(&trace.model));
        let is_run = |o: &&Arc<Outcome>| {
            matches!(o.experiment.instrument, InstrumentSettings::Run { .. })
                && o.experiment.input.prompt == trace.input.prompt
        };
        of_model.iter().find(is_run).cloned().into_iter().collect()
    }

    /// The finished answers to what is asked of each network now, in the order of the networks.
    fn answers_on_screen(
        &self,
        asked: &dyn Fn(&str, u32) -> Option<Experiment>,
    ) -> Vec<Arc<Outcome>> {
        let q = &self.state.question.images;
        let answer = |network: &String| {
            let asked = asked(network, self.state.question.seed)?;
            let finished = self.state.finished.of(std::slice::from_ref(network));
            finished.into_iter().find(|o| o.experiment == asked)
        };
        // The one that is read out is told of last, and so is what changes are told by.
        let active = q.active_network();
        let (mut answers, mut last) = (Vec::new(), None);
        for network in &q.networks {
            match answer(network) {
                Some(found) if active == Some(network) => last = Some(found),
                Some(found) => answers.push(found),
                None => {}
            }
        }
        answers.extend(last);
        answers
    }

    fn record(&mut self, outcomes: Vec<Arc<Outcome>>) {
        let Some(results) = outcomes
            .iter()
            .map(|o| KeptResult::of(o).ok())
            .collect::<Option<Vec<_>>>()
        else {
            return;
        };
        let about_pictures = outcomes
            .iter()
            .any(|o| matches!(o.experiment.instrument, InstrumentSettings::Image { .. }));
        let keys: Vec<String> = results.iter().map(|r| r.key.clone()).collect();
        for (key, outcome) in keys.iter().zip(&outcomes) {
            self.run_history.remember(key, outcome);
        }
        self.remember_view();
        let run_history = &mut self.state.run_history;
        let known = run_history
            .nodes
            .iter()
            .find(|node| node.has(&keys))
            .cloned();
        let node = match known {
            // Asked again: it is the same run.
            Some(node) => node,
            None => {
                let experiments: Vec<Experiment> =
                    outcomes.iter().map(|o| o.experiment.clone()).collect();
                let parent = run_history
                    .current
                    .as_ref()
                    .and_then(|id| run_history.node(id));
                let others: Vec<&Experiment> = run_history
                    .nodes
                    .iter()
                    .flat_map(|node| node.results.iter().map(|r| &r.experiment))
                    .collect();
                let change = match (parent, experiments.last()) {
                    (Some(parent), _) => {
                        let before: Vec<Experiment> = parent
                            .results
                            .iter()
                            .map(|r| told(&r.experiment, &parent.question))
                            .collect();
                        let after: Vec<Experiment> = experiments
                            .iter()
                            .map(|e| told(e, &self.state.question))
                            .collect();
                        change_words(&before, &after, &others)
                    }
                    (None, Some(first)) => first_words(first, &others),
                    (None, None) => return,
                };
                let parent = parent.map(|node| node.id.clone());
                let (schema, program) = Node::signature();
                let now = SystemTime::now();
                let node = Node {
                    schema,
                    program,
                    id: new_id(now),
                    parent,
                    made: seconds(now),
                    title: title(&experiments),
                    change,
                    model: experiments
                        .last()
                        .map(|e| e.model.clone())
                        .unwrap_or_default(),
                    question: self.state.question.clone(),
                    view: self.looked_at(),
                    thumbnail: self.thumbnail(about_pictures),
                    results,
                    pinned: false,
                };
                self.state.run_history.nodes.push(node.clone());
                node
            }
        };
        self.state.run_history.current = Some(node.id.clone());
        match &self.run_history.keeper {
            Some(keeper) => {
                let outcomes = keys.into_iter().zip(outcomes).collect();
                keeper.ask(Task::Keep(Box::new(node), outcomes));
            }
            None => self.state.run_history.kept = self.run_history.in_memory(),
        }
    }

    /// How the run on screen is looked at now goes into its node, before another takes its place.
    pub(in crate::window) fn remember_view(&mut self) {
        let view = self.looked_at();
        let run_history = &mut self.state.run_history;
        let Some(current) = run_history.current.clone() else {
            return;
        };
        let Some(node) = run_history.nodes.iter_mut().find(|n| n.id == current) else {
            return;
        };
        // A question that has moved on is another run's.
        if node.question == self.state.question && node.view != view {
            node.view = view;
            if let Some(keeper) = &self.run_history.keeper {
                keeper.ask(Task::Rewrite(Box::new(node.clone())));
            }
        }
    }

    fn looked_at(&self) -> LookedAt {
        let images = &self.state.images;
        LookedAt {
            selection: self.state.selection,
            block: images.block.map(|Cell { row, col }| [row, col]),
            differences: images.differences,
            flipped: images.flipped,
        }
    }

    fn thumbnail(&self, about_pictures: bool) -> Option<Thumbnail> {
        if !about_pictures {
            let s = self.state.selection;
            return Thumbnail::of(&self.state.results, s.layer.zip(s.head)).map(Thumbnail::shrunk);
        }
        let q = &self.state.question.images;
        let small = |network: &String| {
            let map = self.state.images.results.of(network)?.map.as_ref()?;
            let block = map.summary.image.as_ref().and_then(|i| i.block);
            SmallMap::of_effects(map.map()?, map.region(), block.unwrap_or(1))
        };
        let maps: Vec<SmallMap> = q.networks.iter().take(3).filter_map(small).collect();
        (!maps.is_empty()).then(|| Thumbnail { maps }.shrunk())
    }
}

impl super::Behind {
    pub(super) fn in_memory(&self) -> std::collections::BTreeSet<String> {
        self.memory.iter().map(|(key, _)| key.clone()).collect()
    }
}

/// The experiment with its subject in words: before the prompt is split into tokens it has them, and later positions.
fn told(experiment: &Experiment, question: &Question) -> Experiment {
    let mut experiment = experiment.clone();
    let input = &mut experiment.input;
    if (&input.subject, input.subject_tokens) != (&None, None) {
        let words = question.subject.as_ref().map(|s| s.text.clone());
        input.subject = words.or(input.subject.take());
        input.subject_tokens = None;
    }
    experiment
}

/// `Causal trace · isles`, `Causal effect map · sr-local, sr-window`.
fn title(experiments: &[Experiment]) -> String {
    let Some(last) = experiments.last() else {
        return String::new();
    };
    let name = instrument(last.instrument.name());
    let mut letters = name.chars();
    let name = letters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(letters).collect::<String>()
    });
    let mut models: Vec<String> = Vec::new();
    for model in experiments.iter().map(|e| short(&e.model)) {
        if !models.contains(&model) {
            models.push(model);
        }
    }
    format!("{name} · {}", models.join(", "))
}
