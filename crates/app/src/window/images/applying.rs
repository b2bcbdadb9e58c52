//! What each command on image networks does.

use egui::Context;
use whyfinder_experiment::picture::bundled::PICTURES;
use whyfinder_experiment::{Experiment, ImageSource};
use whyfinder_worker::{JobId, Request};

use super::asking::{ImageQuestion, PictureRole, first_region};
use super::command::ImageCommand;
use super::methods::MethodName;
use super::picture_choice::save_pasted;
use super::results::{MapResult, Restored};
use super::state::{ImageJob, Part};
use crate::window::application::Application;
use crate::window::bundled_networks;
use crate::window::dialogs::Wanted;
use crate::window::state::{Job, Notice, NoticeAction};

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
    pub(in crate::window) fn apply_image(&mut self, ctx: &Context, command: ImageCommand) {
        match command {
            ImageCommand::AddNetwork(reference) => self.add_network(reference),
            ImageCommand::ChooseNetwork => self.ask_for(ctx, Wanted::Network),
            ImageCommand::RemoveNetwork(index) => self.remove_network(index),
            ImageCommand::ShowNetwork(index) => self.show_network(index),
            ImageCommand::ChoosePicture => self.ask_for(ctx, Wanted::Picture),
            ImageCommand::ChooseTruth => self.ask_for(ctx, Wanted::Truth),
            ImageCommand::UsePicture(source) => self.use_picture(source),
            ImageCommand::Paste(image) => match save_pasted(&image) {
                Ok(path) => self.use_picture(ImageSource::File(path)),
                Err(message) => {
                    self.state.notice = Some(Notice {
                        title: "The picture could not be pasted".into(),
                        message,
                        action: NoticeAction::None,
                    });
                }
            },
            ImageCommand::OpenPicture(path) => self.use_picture(ImageSource::File(path)),
            ImageCommand::OpenTruth(path) => {
                self.edit_image(ctx, |q| q.truth = Some(ImageSource::File(path)));
            }
            ImageCommand::Ask(question) => self.edit_image(ctx, |q| *q = *question),
            ImageCommand::SetRegion(region) => {
                self.edit_image(ctx, |q| match q.regions.get_mut(q.region) {
                    Some(asked) => *asked = region,
                    None => q.regions.push(region),
                })
            }
            ImageCommand::AddRegion => self.add_region(ctx),
            ImageCommand::RemoveRegion(index) => self.edit_image(ctx, |q| {
                if q.regions.len() > 1 && index < q.regions.len() {
                    q.regions.remove(index);
                    if q.region > index || q.region == q.regions.len() {
                        q.region -= 1;
                    }
                }
            }),
            ImageCommand::ShowRegion(index) => self.edit_image(ctx, |q| {
                q.region = index.min(q.regions.len().saturating_sub(1));
            }),
            ImageCommand::Run => self.run_image(),
            ImageCommand::Score => self.score_all(),
            ImageCommand::SelectBlock(cell) => {
                self.state.images.block = Some(cell);
                self.state.images.block_by_hand = true;
                self.try_block();
            }
            ImageCommand::FlipPolarity => self.state.images.flipped ^= true,
            ImageCommand::ShowDifferences(on) => self.state.images.differences = on,
        }
    }

    /// Changes what is asked. While the pointer or an arrow key is down the change is one step, and is answered once
    /// it is let go.
    fn edit_image(&mut self, ctx: &Context, change: impl FnOnce(&mut ImageQuestion)) {
        let mut q = self.state.question.clone();
        change(&mut q.images);
        let held = is_held(ctx);
        self.change(q, held);
        self.state.scene = None;
        if held {
            self.ask_when_released = true;
        } else {
            self.ask_image_again();
        }
    }

    /// Answers again after something that is asked has changed. A map is measured anew if there is one, or if the
    /// region was moved; one that would take long waits for Run.
    pub(in crate::window) fn ask_image_again(&mut self) {
        self.fit_regions();
        self.restore_all();
        let mapped = self
            .state
            .images
            .results
            .networks
            .iter()
            .any(|n| n.map.is_some())
            || self.state.jobs.images.iter().any(|j| j.part == Part::Map)
            || self.region_was_moved();
        self.drop_maps_of_other_methods();
        if mapped && !self.would_take_long() {
            self.map_all();
        } else {
            self.cancel_stale_maps();
        }
        self.attend();
        self.estimate_map();
    }

    pub(in crate::window) fn run_image(&mut self) {
        self.history.pause();
        self.state.notice = None;
        self.state.gallery_open = false;
        let q = &self.state.question.images;
        if q.picture.is_none() {
            self.state.notice = Some(Notice {
                title: "No picture is chosen".into(),
                message: "Choose a picture, drop one on the window or paste one, and run again."
                    .into(),
                action: NoticeAction::ChoosePicture,
            });
            return;
        }
        if self.state.question.images.mapping("any", 0).is_none() {
            self.state.notice = Some(Notice {
                title: "There is no truth to compare with".into(),
                message: "An effect map measures how far the output is from the truth. Choose the truth of this picture, say \
                          that the picture is the truth itself, or choose another method."
                    .into(),
                action: NoticeAction::ChooseTruth,
            });
            return;
        }
        self.fit_regions();
        self.restore_all();
        self.map_all();
        self.attend();
        self.estimate_map();
    }

    /// Curves of every network that does not have them yet.
    fn score_all(&mut self) {
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

    /// Reads the attention of every network with windows, once the output is known; a single pass each.
    pub(in crate::window) fn attend(&mut self) {
        if self.output_size().is_none() {
            return;
        }
        let seed = self.state.question.seed;
        for network in self.networks_in_turn() {
            let windowed = self
                .state
                .images
                .opened
                .get(&network)
                .and_then(|m| m.image.as_ref())
                .is_some_and(|i| i.window.is_some());
            let wanted = self.state.question.images.attending(&network, seed);
            let Some(wanted) = wanted.filter(|_| windowed) else {
                continue;
            };
            let attention = self
                .state
                .images
                .results
                .of(&network)
                .and_then(|n| n.attention.as_ref());
            if !attention.is_some_and(|a| a.experiment == wanted && a.complete) {
                self.start(&network, Part::Attention, wanted);
            }
        }
    }

    fn add_network(&mut self, reference: String) {
        let mut q = self.state.question.clone();
        match q.images.networks.iter().position(|n| *n == reference) {
            Some(index) => q.images.active = index,
            None => q.images.networks.push(reference.clone()),
        }
        self.change(q, false);
        if self.state.images.opened.contains_key(&reference) {
            self.ask_image_again();
        } else {
            self.state.notice = None;
            self.background.send(Request::Open { model: reference });
        }
    }

    fn remove_network(&mut self, index: usize) {
        let mut q = self.state.question.clone();
        if q.images.networks.len() < 2 || index >= q.images.networks.len() {
            return;
        }
        q.images.networks.remove(index);
        if q.images.active > index || q.images.active == q.images.networks.len() {
            q.images.active -= 1;
        }
        self.change(q, false);
        self.follow_active_network();
        self.cancel_unwanted();
    }

    fn show_network(&mut self, index: usize) {
        let mut q = self.state.question.clone();
        if index < q.images.networks.len() {
            q.images.active = index;
            self.change(q, false);
            self.follow_active_network();
            self.estimate_map();
        }
    }

    /// The bar at the top names the network whose numbers are read out.
    pub(in crate::window) fn follow_active_network(&mut self) {
        let active = self.state.question.images.active_network();
        if let Some(opened) = active.and_then(|n| self.state.images.opened.get(n)) {
            self.state.model.open = Some(opened.clone());
        }
    }

    fn use_picture(&mut self, source: ImageSource) {
        let mut q = self.state.question.clone();
        if q.images.picture.as_ref() != Some(&source) {
            // The truth of another picture is not this one's.
            q.images.truth = None;
            q.images.regions.clear();
            q.images.region = 0;
        }
        q.images.picture = Some(source);
        self.change(q, false);
        self.state.scene = None;
        self.maps.pictures.view.fit();
        self.state.images.block = None;
        self.state.images.block_by_hand = false;
        if self.state.is_about_images() {
            self.ask_image_again();
        } else if self.state.model.opening.is_none()
            && let Some(reference) = bundled_networks::first()
        {
            self.open_model(reference);
        }
    }

    /// A picture to begin with, so that a network never opens to an empty window.
    pub(in crate::window) fn choose_first_picture(&mut self) {
        let q = &mut self.state.question.images;
        if q.picture.is_none()
            && let Some(first) = PICTURES.first()
        {
            q.picture = Some(ImageSource::Picture(first.name.to_string()));
            q.role = PictureRole::Truth;
        }
    }

    fn add_region(&mut self, ctx: &Context) {
        let Some(size) = self.output_size() else {
            return;
        };
        self.edit_image(ctx, |q| {
            let next = q.asked_region().map_or_else(
                || first_region(size),
                |r| {
                    let by = [r.width as i64 + 8, 0];
                    let beside = r.moved(by, size);
                    if beside == r {
                        r.moved([-by[0], 0], size)
                    } else {
                        beside
                    }
                },
            );
            q.regions.push(next);
            q.region = q.regions.len() - 1;
        });
    }

    /// Width and height of the output, once a pass has said it.
    pub(in crate::window) fn output_size(&self) -> Option<[usize; 2]> {
        let results = &self.state.images.results;
        let q = &self.state.question.images;
        let sized = |network: &String| {
            let result = results.of(network)?;
            // A pass over another picture says nothing about this one.
            let seed = self.state.question.seed;
            let now = q.restoring(network, seed)?;
            let restored = result.restored.as_ref().filter(|r| r.experiment == now)?;
            let output = restored.output.as_ref()?;
            Some([output.width(), output.height()])
        };
        q.networks.iter().find_map(sized)
    }

    /// Regions inside the picture, and at least one; not a step of its own.
    pub(in crate::window) fn fit_regions(&mut self) {
        if let Some(size) = self.output_size() {
            self.state.question.images.fit_regions(size);
        }
    }

    fn region_was_moved(&self) -> bool {
        self.history
            .last()
            .is_some_and(|before| before.images.regions != self.state.question.images.regions)
            && self.output_size().is_some()
    }

    /// Whether the map that is asked for would; an estimate of another method says nothing of it.
    fn would_take_long(&self) -> bool {
        let method = self.state.question.images.method;
        let estimate = self.state.images.estimate.as_ref();
        estimate.is_some_and(|(experiment, e)| {
            MethodName::asked_by(experiment) == Some(method) && e.seconds > PATIENCE
        })
    }

    /// No map may stand under another method's name while its own is still to come.
    fn drop_maps_of_other_methods(&mut self) {
        let method = self.state.question.images.method;
        for network in &mut self.state.images.results.networks {
            let other = |map: &MapResult| MethodName::asked_by(&map.experiment) != Some(method);
            if network.map.as_ref().is_some_and(other) {
                network.map = None;
            }
        }
    }

    /// The networks of the list, the active one first.
    fn networks_in_turn(&self) -> Vec<String> {
        let q = &self.state.question.images;
        let active = q.active_network().map(str::to_string);
        let others = q.networks.iter().filter(|n| Some(*n) != active.as_ref());
        active.iter().chain(others).cloned().collect()
    }

    /// One pass of every network that has not seen the picture yet.
    pub(in crate::window) fn restore_all(&mut self) {
        self.cancel_unwanted();
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

    /// The map of every network that does not have it yet.
    fn map_all(&mut self) {
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

    /// Cancels a job whose answer is no longer wanted.
    fn end_image_job(&mut self, id: JobId) {
        self.background.cancel(id);
        self.state.jobs.images.retain(|j| j.job.id != id);
        self.pending_images.remove(&id);
        self.asked.remove(&id);
    }

    /// Ends jobs of networks that have left the list.
    fn cancel_unwanted(&mut self) {
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
    fn cancel_stale_maps(&mut self) {
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
}

/// Whether a value is still being dragged, or moved with a key that is held.
pub(crate) fn is_held(ctx: &Context) -> bool {
    use egui::Key;
    const ARROWS: [Key; 4] = [
        Key::ArrowLeft,
        Key::ArrowRight,
        Key::ArrowUp,
        Key::ArrowDown,
    ];
    ctx.input(|i| i.pointer.any_down() || ARROWS.iter().any(|&k| i.key_down(k)))
}
