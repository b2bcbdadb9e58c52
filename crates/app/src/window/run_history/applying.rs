//! What each command on the history does, and what comes back from the disk.

use std::path::PathBuf;
use std::sync::Arc;

use egui::Context;
use whyfinder_experiment::{ImageMethod, InstrumentSettings, Outcome};
use whyfinder_worker::Request;

use super::comparing::Comparison;
use super::keeper::{Keeper, News, Task};
use super::node::Node;
use super::{Compared, Purpose, RunHistoryCommand, Waiting};
use crate::maps::Cell;
use crate::window::application::Application;
use crate::window::images::results::MapResult;
use crate::window::map_states::ComparedViews;
use crate::window::results::{Results, RunResult, TraceResult};

impl Application {
    /// The same with a history that is kept in a folder, and read from it.
    #[must_use]
    pub fn keeping_history_in(mut self, ctx: &Context, folder: PathBuf) -> Self {
        let wake = ctx.clone();
        let budget = self.state.run_history.budget;
        self.run_history.keeper = Keeper::spawn(folder, budget, move || wake.request_repaint());
        self.ask_keeper(Task::Load);
        self
    }

    fn ask_keeper(&self, task: Task) {
        if let Some(keeper) = &self.run_history.keeper {
            keeper.ask(task);
        }
    }

    pub(in crate::window) fn apply_run_history(
        &mut self,
        ctx: &Context,
        command: RunHistoryCommand,
    ) {
        match command {
            RunHistoryCommand::Toggle => {
                self.state.run_history.open ^= true;
                if self.state.run_history.open {
                    // Another window may have added to it.
                    self.ask_keeper(Task::Load);
                }
            }
            RunHistoryCommand::BringBack(id) => self.bring_back(ctx, &id),
            RunHistoryCommand::Mark(id) => self.mark(id),
            RunHistoryCommand::Compare => self.compare_marked(ctx),
            RunHistoryCommand::ShowDifference(on) => {
                if let Some(compared) = &mut self.state.run_history.compared {
                    compared.difference = on;
                }
            }
            RunHistoryCommand::CloseComparison => self.state.run_history.compared = None,
            RunHistoryCommand::Pin(id) => {
                let nodes = &mut self.state.run_history.nodes;
                if let Some(node) = nodes.iter_mut().find(|n| n.id == id) {
                    node.pinned ^= true;
                    let node = Box::new(node.clone());
                    self.ask_keeper(Task::Rewrite(node));
                }
            }
            RunHistoryCommand::Budget(bytes) => {
                self.state.run_history.budget = bytes;
                self.ask_keeper(Task::Budget(bytes));
            }
            RunHistoryCommand::Clear => self.clear_history(),
            RunHistoryCommand::DismissTrouble => self.state.run_history.trouble = None,
        }
    }

    fn mark(&mut self, id: String) {
        let marked = &mut self.state.run_history.marked;
        match marked.iter().position(|m| *m == id) {
            Some(at) => {
                marked.remove(at);
            }
            None => {
                marked.truncate(1);
                marked.push(id);
            }
        }
    }

    fn clear_history(&mut self) {
        let run_history = &mut self.state.run_history;
        let (stay, go): (Vec<Node>, Vec<Node>) = std::mem::take(&mut run_history.nodes)
            .into_iter()
            .partition(|n| n.pinned);
        run_history.nodes = stay;
        run_history.marked.clear();
        run_history.compared = None;
        let there = |id: &String| run_history.nodes.iter().any(|n| n.id == *id);
        run_history.current = run_history.current.take().filter(there);
        let ids = go.into_iter().map(|n| n.id).collect();
        let budget = run_history.budget;
        self.ask_keeper(Task::Remove(ids));
        // What no run shows any more is of no use.
        self.ask_keeper(Task::Budget(0));
        self.ask_keeper(Task::Budget(budget));
    }

    fn compare_marked(&mut self, ctx: &Context) {
        let [first, second] = &self.state.run_history.marked[..] else {
            return;
        };
        let nodes = [first.clone(), second.clone()];
        let open = self.state.run_history.compared.as_ref();
        let difference = open.is_some_and(|c| c.difference);
        if open.is_none_or(|c| c.nodes != nodes) {
            // Zoom and ranges of other runs say nothing of these.
            self.maps.compared = ComparedViews::default();
        }
        self.state.run_history.compared = Some(Compared {
            nodes: nodes.clone(),
            difference,
            what: None,
        });
        self.state.gallery_open = false;
        self.want(ctx, Purpose::Compare(nodes));
    }

    fn bring_back(&mut self, ctx: &Context, id: &str) {
        self.remember_view();
        self.state.run_history.compared = None;
        self.state.run_history.loading = Some(id.to_string());
        self.want(ctx, Purpose::BringBack(id.to_string()));
    }

    /// Gets the results that something needs, from memory or from the disk.
    fn want(&mut self, ctx: &Context, purpose: Purpose) {
        let ids = match &purpose {
            Purpose::BringBack(id) => vec![id.clone()],
            Purpose::Compare(nodes) => nodes.to_vec(),
        };
        let nodes = ids.iter().filter_map(|id| self.state.run_history.node(id));
        let keys: Vec<String> = nodes
            .flat_map(|node| node.results.iter().map(|r| r.key.clone()))
            .collect();
        let remembered: Option<Vec<Arc<Outcome>>> = keys
            .iter()
            .map(|key| self.run_history.remembered(key))
            .collect();
        if let Some(outcomes) = remembered {
            self.take_wanted(ctx, purpose, Ok(outcomes));
            return;
        }
        if self.run_history.keeper.is_none() {
            let gone = "Its result is no longer kept; run it again.".to_string();
            self.take_wanted(ctx, purpose, Err(gone));
            return;
        }
        self.run_history.ticket += 1;
        let ticket = self.run_history.ticket;
        self.run_history.waiting.push(Waiting { ticket, purpose });
        self.ask_keeper(Task::Fetch { ticket, keys });
    }

    /// Takes what has come from the disk.
    pub(in crate::window) fn take_history_news(&mut self, ctx: &Context) {
        while let Some(news) = self.run_history.keeper.as_ref().and_then(Keeper::news) {
            match news {
                News::Loaded(found) => {
                    let run_history = &mut self.state.run_history;
                    // What is changed here may not be written yet.
                    let known: Vec<Node> = std::mem::take(&mut run_history.nodes);
                    let mut nodes = known;
                    for node in found.nodes {
                        if nodes.iter().all(|n| n.id != node.id) {
                            nodes.push(node);
                        }
                    }
                    nodes.sort_by(|a, b| a.id.cmp(&b.id));
                    run_history.nodes = nodes;
                    run_history.newer = found.newer;
                }
                News::Shelf(shelf) => {
                    let run_history = &mut self.state.run_history;
                    run_history.bytes = shelf.bytes;
                    run_history.kept = shelf.keys;
                    run_history.kept.extend(self.run_history.in_memory());
                }
                News::Trouble(sentence) => self.state.run_history.trouble = Some(sentence),
                News::Fetched { ticket, outcomes } => {
                    let waiting = &mut self.run_history.waiting;
                    if let Some(at) = waiting.iter().position(|w| w.ticket == ticket) {
                        let waiting = waiting.remove(at);
                        self.take_wanted(ctx, waiting.purpose, outcomes);
                    }
                }
            }
        }
    }

    fn take_wanted(
        &mut self,
        ctx: &Context,
        purpose: Purpose,
        outcomes: Result<Vec<Arc<Outcome>>, String>,
    ) {
        match purpose {
            Purpose::BringBack(id) => {
                // A later click may have asked for another one.
                if self.state.run_history.loading.as_ref() != Some(&id) {
                    return;
                }
                self.state.run_history.loading = None;
                if let Some(node) = self.state.run_history.node(&id).cloned() {
                    self.show_node(ctx, &node, outcomes);
                }
            }
            Purpose::Compare(nodes) => {
                let run_history = &self.state.run_history;
                let first = run_history.node(&nodes[0]).map_or(0, |n| n.results.len());
                let what = outcomes.and_then(|outcomes| {
                    let (a, b) = outcomes
                        .split_at_checked(first)
                        .ok_or("One of the runs is gone.")?;
                    Ok(Arc::new(Comparison::of(a, b)))
                });
                if let Some(compared) = &mut self.state.run_history.compared
                    && compared.nodes == nodes
                {
                    compared.what = Some(what);
                }
            }
        }
    }

    /// Question, view and result of a run; the question alone where the result is not kept.
    fn show_node(
        &mut self,
        ctx: &Context,
        node: &Node,
        outcomes: Result<Vec<Arc<Outcome>>, String>,
    ) {
        self.cancel_jobs();
        self.close_import();
        // What still comes of them is no answer to this question.
        (self.state.jobs.run, self.state.jobs.trace) = (None, None);
        (self.pending_run, self.pending_trace) = (None, None);
        self.state.jobs.images.clear();
        self.pending_images.clear();
        self.asked.clear();
        self.change(node.question.clone(), false);
        self.undo_steps.pause();
        self.state.scene = None;
        self.state.file = None;
        self.state.notice = None;
        self.state.gallery_open = false;
        self.state.run_history.current = Some(node.id.clone());
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(sentence) => {
                self.state.run_history.trouble = Some(sentence);
                Vec::new()
            }
        };
        for (kept, outcome) in node.results.iter().zip(&outcomes) {
            self.run_history.remember(&kept.key, outcome);
            self.state.finished.keep(outcome);
        }
        self.last_job += 1;
        let version = self.last_job << 24;
        let about_pictures = node
            .results
            .iter()
            .any(|r| matches!(r.experiment.instrument, InstrumentSettings::Image { .. }));
        if about_pictures {
            self.show_maps_of(node, &outcomes, version);
        } else {
            self.show_traces_of(ctx, node, &outcomes, version);
        }
        self.chosen_by_hand = true;
    }

    fn show_traces_of(
        &mut self,
        ctx: &Context,
        node: &Node,
        outcomes: &[Arc<Outcome>],
        version: u64,
    ) {
        self.state.results = Results::default();
        for outcome in outcomes {
            match &outcome.experiment.instrument {
                InstrumentSettings::Run { .. } => {
                    let layers = outcome.attention.iter().map(|r| r.layer + 1).max();
                    let mut run = RunResult::waiting(outcome.experiment.clone(), version);
                    run.finish(outcome, layers.unwrap_or(0));
                    self.state.results.run = Some(run);
                }
                InstrumentSettings::CausalTrace { .. } => {
                    let mut trace = TraceResult::waiting(outcome.experiment.clone(), version);
                    trace.finish(outcome);
                    self.state.results.trace = Some(trace);
                }
                InstrumentSettings::Image { .. } | InstrumentSettings::Import { .. } => {}
            }
        }
        self.state.selection = node.view.selection;
        self.state.jobs.run_failure = None;
        self.state.jobs.trace_failure = None;
        self.maps.fit_all();
        if self.state.model_reference() != Some(node.model.as_str()) {
            self.open_model(node.model.clone());
        }
        self.tokenize_soon(ctx);
    }

    fn show_maps_of(&mut self, node: &Node, outcomes: &[Arc<Outcome>], version: u64) {
        for (i, outcome) in outcomes.iter().enumerate() {
            let version = version + (i as u64 + 1) * 1024;
            let scores = matches!(
                outcome.experiment.instrument,
                InstrumentSettings::Image {
                    method: ImageMethod::Faithfulness(_),
                    ..
                }
            );
            if scores {
                let mut curves = MapResult::waiting(outcome.experiment.clone(), version);
                curves.finish(outcome);
                let network = &outcome.experiment.model;
                self.state.images.results.of_mut(network).curves = Some(curves);
            } else {
                self.show_image_outcome(outcome, version);
            }
        }
        // Each of them has put its own question.
        self.state.question = node.question.clone();
        let images = &mut self.state.images;
        images.differences = node.view.differences;
        images.flipped = node.view.flipped;
        images.block = node.view.block.map(|[row, col]| Cell::new(row, col));
        images.block_by_hand = images.block.is_some();
        images.pinned = None;
        let networks = self.state.question.images.networks.clone();
        let active = self
            .state
            .question
            .images
            .active_network()
            .map(str::to_string);
        for network in networks {
            if self.state.images.opened.contains_key(&network) {
                continue;
            }
            if active.as_ref() == Some(&network) {
                self.state.model.opening = Some(network.clone());
            }
            self.background.send(Request::Open { model: network });
        }
        self.follow_active_network();
        self.estimate_map();
    }
}
