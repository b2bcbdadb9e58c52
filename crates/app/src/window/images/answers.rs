//! What each event of the worker about image networks changes.

use std::sync::Arc;

use whyfinder_experiment::{InstrumentSettings, Outcome};
use whyfinder_instrument::Report;
use whyfinder_worker::JobId;
use whyfinder_worker::protocol::{Estimate, OpenedModel};

use super::jobs::{PATIENCE, Pending};
use super::results::{MapResult, Restored};
use super::state::Part;
use crate::maps::Cell;
use crate::window::application::Application;
use crate::window::remembered::note_recent;

impl Application {
    /// A network that turns pictures into pictures is open.
    pub(in crate::window) fn opened_image_network(&mut self, model: Arc<OpenedModel>) {
        let reference = model.reference.clone();
        note_recent(&mut self.state, &reference);
        self.state
            .images
            .opened
            .insert(reference.clone(), model.clone());
        let asked_for = self.state.model.opening.as_ref() == Some(&reference);
        if asked_for {
            self.state.model.opening = None;
        }
        let was_about_images = self.state.is_about_images();
        let q = &mut self.state.question.images;
        match q.networks.iter().position(|n| *n == reference) {
            Some(index) if asked_for => q.active = index,
            Some(_) => {}
            None if was_about_images && !q.networks.is_empty() => {
                // The bar at the top opens in place of what is read out; the list opens beside it.
                let active = q.active;
                q.networks[active] = reference;
            }
            None => {
                q.networks = vec![reference];
                q.active = 0;
            }
        }
        self.choose_first_picture();
        self.state.model.open = Some(model);
        self.follow_active_network();
        self.state.gallery_open = false;
        self.ask_image_again();
    }

    /// A network of the list could not be opened: it leaves the list, unless nothing would be left.
    pub(in crate::window) fn network_failed_to_open(&mut self, reference: &str) {
        let q = &mut self.state.question.images;
        if q.networks.len() > 1 && !self.state.images.opened.contains_key(reference) {
            q.networks.retain(|n| n != reference);
            q.active = q.active.min(q.networks.len() - 1);
        }
    }

    /// Takes a report about a picture.
    pub(in crate::window) fn report_image(&mut self, job: JobId, report: Report) {
        let Some((network, part)) = self.image_job(job) else {
            return;
        };
        self.show_pending_image(job, &network);
        let result = self.state.images.results.of_mut(&network);
        match part {
            Part::Restore => {
                if let Some(restored) = &mut result.restored {
                    restored.receive(&report);
                }
            }
            Part::Map => {
                if let Some(map) = &mut result.map {
                    map.receive(report);
                }
                self.select_a_block();
            }
            Part::Curves => {
                if let Some(curves) = &mut result.curves {
                    curves.receive(report);
                }
            }
            Part::Attention => {
                if let Some(attention) = &mut result.attention {
                    attention.receive(report);
                }
            }
            Part::Tried => {
                if let Some(tried) = &mut result.tried {
                    tried.receive(report);
                }
            }
        }
    }

    /// Takes the whole answer about a picture; `false` if the job is another's.
    pub(in crate::window) fn finish_image(&mut self, job: JobId, outcome: &Outcome) -> bool {
        let Some((network, part)) = self.image_job(job) else {
            return false;
        };
        self.show_pending_image(job, &network);
        self.forget_image_job(job);
        let result = self.state.images.results.of_mut(&network);
        match part {
            Part::Restore => {
                if let Some(restored) = &mut result.restored {
                    restored.finish(outcome);
                }
                self.fit_regions();
                self.estimate_map();
                self.attend();
            }
            Part::Map => {
                if let Some(map) = &mut result.map {
                    map.finish(outcome);
                }
                self.select_a_block();
                self.try_block();
            }
            Part::Curves => {
                if let Some(curves) = &mut result.curves {
                    curves.finish(outcome);
                }
            }
            Part::Attention => {
                if let Some(attention) = &mut result.attention {
                    attention.finish(outcome);
                }
            }
            Part::Tried => {
                if let Some(tried) = &mut result.tried {
                    tried.finish(outcome);
                }
            }
        }
        self.attend_to_pointer();
        true
    }

    /// A job about a picture ended without its answer; `false` if it is another's.
    pub(in crate::window) fn end_image_early(
        &mut self,
        job: JobId,
        message: Option<&String>,
    ) -> bool {
        let Some((network, part)) = self.image_job(job) else {
            return false;
        };
        self.forget_image_job(job);
        let result = self.state.images.results.of_mut(&network);
        match part {
            Part::Restore => result.restore_failure = message.cloned(),
            Part::Map => result.map_failure = message.cloned(),
            Part::Curves => result.curves_failure = message.cloned(),
            // What cannot be read is not shown; the map says what is wrong with the network.
            Part::Attention | Part::Tried => {}
        }
        true
    }

    /// What the active network's map would cost.
    pub(in crate::window) fn estimated(&mut self, job: JobId, estimate: Estimate) {
        if let Some((asked, experiment)) = self.estimating.take() {
            if asked == job {
                let short = estimate.seconds <= PATIENCE;
                self.state.images.estimate = Some((Box::new(experiment), estimate));
                if std::mem::take(&mut self.map_if_short) && short {
                    self.map_all();
                }
            } else {
                self.estimating = Some((asked, experiment));
            }
        }
    }

    /// Shows a result as if it had just been measured.
    pub(in crate::window) fn show_image_outcome(&mut self, outcome: &Outcome, version: u64) {
        let InstrumentSettings::Image { input, method } = &outcome.experiment.instrument else {
            return;
        };
        let network = outcome.experiment.model.clone();
        self.state.question.images.take(&network, input, method);
        let seed = self.state.question.seed;
        let restoring = self.state.question.images.restoring(&network, seed);
        let result = self.state.images.results.of_mut(&network);
        if let Some(restoring) = restoring {
            let mut restored = Restored::waiting(restoring);
            restored.finish(outcome);
            result.restored = Some(restored);
        }
        if self.state.question.images.settings.take(method).is_some() {
            let mut map = MapResult::waiting(outcome.experiment.clone(), version);
            map.finish(outcome);
            result.map = Some(map);
        }
        self.state.images.block = None;
        self.state.images.block_by_hand = false;
        self.select_a_block();
    }

    fn image_job(&self, id: JobId) -> Option<(String, Part)> {
        let job = self.state.jobs.images.iter().find(|j| j.job.id == id)?;
        Some((job.network.clone(), job.part))
    }

    fn forget_image_job(&mut self, id: JobId) {
        self.state.jobs.images.retain(|j| j.job.id != id);
        self.pending_images.remove(&id);
        self.asked.remove(&id);
    }

    fn show_pending_image(&mut self, job: JobId, network: &str) {
        let result = self.state.images.results.of_mut(network);
        match self.pending_images.remove(&job) {
            Some(Pending::Restore(restored)) => result.restored = Some(restored),
            Some(Pending::Map(map)) => result.map = Some(map),
            Some(Pending::Curves(curves)) => result.curves = Some(curves),
            Some(Pending::Attention(attention)) => result.attention = Some(attention),
            Some(Pending::Tried(tried)) => result.tried = Some(tried),
            None => {}
        }
    }

    /// The strongest block outside the region, until the person chooses one.
    fn select_a_block(&mut self) {
        let q = &self.state.question.images;
        let Some(map) = q
            .active_network()
            .and_then(|n| self.state.images.results.of(n))
            .and_then(|n| n.map.as_ref())
        else {
            return;
        };
        let shape = map.map().map_or_else(Vec::new, |f| f.shape());
        let inside = |c: &Cell| {
            shape.first().is_some_and(|&rows| c.row < rows)
                && shape.get(1).is_some_and(|&cols| c.col < cols)
        };
        let chosen = self.state.images.block.filter(inside);
        if chosen.is_none() || !self.state.images.block_by_hand {
            let block = q.settings.block(q.method);
            let strongest = map.strongest(block).map(|(row, col)| Cell::new(row, col));
            self.state.images.block = strongest;
            self.state.images.block_by_hand = false;
        }
    }
}
