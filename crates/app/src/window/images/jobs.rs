//! The jobs behind what is asked about a picture: what is begun, what is known already, what is no longer wanted.

use std::time::Instant;

use whyfinder_experiment::Experiment;
use whyfinder_worker::{JobId, Request};

use super::files_seen::FilesSeen;
use super::methods::MethodName;
use super::results::{MapResult, Restored};
use super::state::{ImageJob, Part, PixelOf};
use crate::window::application::Application;
use crate::window::state::{Job, Phase};

/// Maps that would take longer than this wait for Run, seconds.
pub(crate) const PATIENCE: f64 = 60.0;

/// Started, but nothing has come back: what is on screen stays until then.
#[derive(Debug)]
pub(crate) enum Pending {
    Restore(Restored),
    Map(MapResult),
    Curves(MapResult),
    Attention(MapResult),
    Tried(MapResult),
}

impl Application {
    /// One pass of every network that has not seen the picture yet.
    pub(in crate::window) fn restore_all(&mut self) {
        self.cancel_unwanted();
        self.look_at_files();
        for network in self.networks_in_turn() {
            let seed = self.state.question.seed;
            let Some(wanted) = self.state.question.images.restoring(&network, seed) else {
                continue;
            };
            let known = self
                .state
                .images
                .results
                .of(&network)
                .and_then(|n| n.restored.as_ref())
                .is_some_and(|r| r.experiment == wanted && r.output.is_some());
            if !known {
                self.start(&network, Part::Restore, wanted);
            }
        }
    }

    /// Forgets the answers of pictures that were written again since, so that they are read anew.
    fn look_at_files(&mut self) {
        let now = FilesSeen::of(&self.state.question.images);
        if now.differs_from(&self.state.images.seen) {
            let running: Vec<JobId> = self.state.jobs.images.iter().map(|j| j.job.id).collect();
            running.into_iter().for_each(|id| self.end_image_job(id));
            self.state.images.results.networks.clear();
            self.state.images.estimate = None;
        }
        self.state.images.seen = now;
    }

    /// The map of every network that does not have it yet.
    pub(super) fn map_all(&mut self) {
        for network in self.networks_in_turn() {
            let seed = self.state.question.seed;
            let Some(wanted) = self.state.question.images.mapping(&network, seed) else {
                continue;
            };
            let known = self
                .state
                .images
                .results
                .of(&network)
                .and_then(|n| n.map.as_ref())
                .is_some_and(|m| m.experiment == wanted && m.complete);
            if !known {
                self.start(&network, Part::Map, wanted);
            }
        }
    }

    /// Reads the attention that is shown, once the output is known; a single pass.
    pub(in crate::window) fn attend(&mut self) {
        let q = &self.state.question.images;
        if let Some(network) = self.state.images.attending(q) {
            let network = network.to_string();
            self.attend_with(&network);
        }
    }

    /// Reads the attention where the pointer is, one place after the other: what has begun is let finish, what still
    /// waits is asked anew.
    pub(in crate::window) fn attend_to_pointer(&mut self) {
        let begun = |j: &ImageJob| j.part == Part::Attention && j.job.phase != Phase::Queued;
        if !self.state.jobs.images.iter().any(begun) {
            self.attend();
        }
    }

    fn attend_with(&mut self, network: &str) {
        let Some([width, height]) = self.output_size() else {
            return;
        };
        let there = |at: &&PixelOf| {
            let [x, y] = at.pixel;
            at.network == network && x < width && y < height
        };
        let pixel = self.state.images.attended().filter(there);
        let pixel = pixel.map(|at| at.pixel);
        let seed = self.state.question.seed;
        let wanted = self.state.question.images.attending(network, seed, pixel);
        let Some(wanted) = wanted else { return };
        let result = self.state.images.results.of(network);
        let attention = result.and_then(|n| n.attention.as_ref());
        if !attention.is_some_and(|a| a.experiment == wanted && a.complete) {
            self.end_attention_of_others(network);
            self.start(network, Part::Attention, wanted);
        }
    }

    /// The pointer has moved on to another network's panel.
    fn end_attention_of_others(&mut self, network: &str) {
        let others = |j: &&ImageJob| j.part == Part::Attention && j.network != network;
        let others: Vec<JobId> = self
            .state
            .jobs
            .images
            .iter()
            .filter(others)
            .map(|j| j.job.id)
            .collect();
        others.into_iter().for_each(|id| self.end_image_job(id));
    }

    /// Repeats the selected block's interventions for their pictures, once the active network's map is there.
    pub(in crate::window) fn try_block(&mut self) {
        let seed = self.state.question.seed;
        let q = &self.state.question.images;
        let (Some(network), Some(cell)) = (q.active_network(), self.state.images.block) else {
            return;
        };
        let (Some(wanted), Some(mapping)) =
            (q.trying(network, seed, cell), q.mapping(network, seed))
        else {
            return;
        };
        let Some(result) = self.state.images.results.of(network) else {
            return;
        };
        let current = |m: &&MapResult| m.complete && m.experiment == mapping;
        let Some(map) = result.map.as_ref().filter(current) else {
            return;
        };
        let cols = map.map().and_then(|f| f.axes.get(1)).map_or(0, |a| a.len());
        let index = cell.row * cols + cell.col;
        let run = map.map().is_some_and(|f| !f.samples_of(index).is_empty())
            && map.reachable().is_none_or(|r| r.get(index) == Some(&true));
        let known = result
            .tried
            .as_ref()
            .is_some_and(|t| t.complete && t.experiment == wanted);
        if run && !known {
            let network = network.to_string();
            self.start(&network, Part::Tried, wanted);
        }
    }

    /// Curves of every network that does not have them yet.
    pub(super) fn score_all(&mut self) {
        let seed = self.state.question.seed;
        for network in self.networks_in_turn() {
            let Some(wanted) = self.state.question.images.scoring(&network, seed) else {
                continue;
            };
            let curves = self
                .state
                .images
                .results
                .of(&network)
                .and_then(|n| n.curves.as_ref());
            if !curves.is_some_and(|c| c.experiment == wanted && c.complete) {
                self.start(&network, Part::Curves, wanted);
            }
        }
    }

    /// Asks what the active network's map would cost.
    pub(in crate::window) fn estimate_map(&mut self) {
        let seed = self.state.question.seed;
        let q = &self.state.question.images;
        let wanted = q.active_network().and_then(|n| q.mapping(n, seed));
        let Some(experiment) = wanted else { return };
        let known = self.state.images.estimate.as_ref().map(|(of, _)| &**of);
        if known == Some(&experiment) {
            return;
        }
        let job = self.next_job();
        self.estimating = Some((job, experiment.clone()));
        self.background.send(Request::Estimate { job, experiment });
    }

    /// Whether the map that is asked for would; an estimate of another method says nothing of it.
    pub(super) fn would_take_long(&self) -> bool {
        let method = self.state.question.images.method;
        let estimate = self.state.images.estimate.as_ref();
        estimate.is_some_and(|(experiment, e)| {
            MethodName::asked_by(experiment) == Some(method) && e.seconds > PATIENCE
        })
    }

    /// Starts a job in place of the one for the same thing, unless that answers the same question.
    fn start(&mut self, network: &str, part: Part, experiment: Experiment) {
        let same = |j: &ImageJob| j.network == network && j.part == part;
        let running: Vec<JobId> = self
            .state
            .jobs
            .images
            .iter()
            .filter(|j| same(j))
            .map(|j| j.job.id)
            .collect();
        if running
            .iter()
            .any(|id| self.asked.get(id) == Some(&experiment))
        {
            return;
        }
        running.into_iter().for_each(|id| self.end_image_job(id));
        let job = self.next_job();
        self.state.jobs.images.push(ImageJob {
            network: network.to_string(),
            part,
            job: Job::queued(job),
            asked: Instant::now(),
        });
        let result = self.state.images.results.of_mut(network);
        let pending = match part {
            Part::Restore => {
                result.restore_failure = None;
                Pending::Restore(Restored::waiting(experiment.clone()))
            }
            Part::Map => {
                result.map_failure = None;
                Pending::Map(MapResult::waiting(experiment.clone(), job.0 << 24))
            }
            Part::Curves => {
                result.curves_failure = None;
                Pending::Curves(MapResult::waiting(experiment.clone(), job.0 << 24))
            }
            Part::Attention => {
                Pending::Attention(MapResult::waiting(experiment.clone(), job.0 << 24))
            }
            Part::Tried => Pending::Tried(MapResult::waiting(experiment.clone(), job.0 << 24)),
        };
        self.pending_images.insert(job, pending);
        self.asked.insert(job, experiment.clone());
        self.background.send(Request::Start { job, experiment });
    }

    /// The networks of the list, the active one first.
    fn networks_in_turn(&self) -> Vec<String> {
        let q = &self.state.question.images;
        let active = q.active_network().map(str::to_string);
        let others = q.networks.iter().filter(|n| Some(*n) != active.as_ref());
        active.iter().chain(others).cloned().collect()
    }

    /// Cancels a job whose answer is no longer wanted.
    fn end_image_job(&mut self, id: JobId) {
        self.background.cancel(id);
        self.state.jobs.images.retain(|j| j.job.id != id);
        self.pending_images.remove(&id);
        self.asked.remove(&id);
    }

    /// Ends jobs of networks that have left the list.
    pub(super) fn cancel_unwanted(&mut self) {
        let networks = &self.state.question.images.networks;
        let gone: Vec<JobId> = self
            .state
            .jobs
            .images
            .iter()
            .filter(|j| !networks.contains(&j.network))
            .map(|j| j.job.id)
            .collect();
        gone.into_iter().for_each(|id| self.end_image_job(id));
    }

    /// Ends maps of another question than the one that is asked now.
    pub(super) fn cancel_stale_maps(&mut self) {
        let seed = self.state.question.seed;
        let q = &self.state.question.images;
        let stale: Vec<JobId> = self
            .state
            .jobs
            .images
            .iter()
            .filter(|j| j.part == Part::Map)
            .filter(|j| q.mapping(&j.network, seed).as_ref() != self.asked.get(&j.job.id))
            .map(|j| j.job.id)
            .collect();
        stale.into_iter().for_each(|id| self.end_image_job(id));
    }

    /// No map may stand under another method's name while its own is still to come.
    pub(super) fn drop_maps_of_other_methods(&mut self) {
        let method = self.state.question.images.method;
        for network in &mut self.state.images.results.networks {
            let other = |map: &MapResult| MethodName::asked_by(&map.experiment) != Some(method);
            if network.map.as_ref().is_some_and(other) {
                network.map = None;
            }
        }
    }
}
