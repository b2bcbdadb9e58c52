//! What each command on image networks does.

use egui::Context;
use whyfinder_experiment::ImageSource;
use whyfinder_experiment::picture::bundled::PICTURES;
use whyfinder_worker::Request;

use super::asking::{ImageQuestion, PictureRole, first_region};
use super::command::ImageCommand;
use super::picture_choice::save_pasted;
use super::state::Part;
use crate::window::application::Application;
use crate::window::bundled_networks;
use crate::window::dialogs::Wanted;
use crate::window::state::{Notice, NoticeAction};

impl Application {
    pub(in crate::window) fn apply_image(&mut self, ctx: &Context, command: ImageCommand) {
        match command {
            ImageCommand::AddNetwork(reference) => self.add_network(reference),
            ImageCommand::ChooseNetwork => self.ask_for(ctx, Wanted::Network),
            ImageCommand::RemoveNetwork(index) => self.remove_network(index),
            ImageCommand::ShowNetwork(index) => self.show_network(index),
            ImageCommand::ChoosePicture => self.ask_for(ctx, Wanted::Picture),
            ImageCommand::ChooseTruth => self.ask_for(ctx, Wanted::Truth),
            ImageCommand::UsePicture(source) => self.use_picture(source, None),
            ImageCommand::Paste(image) => match save_pasted(&image) {
                Ok(path) => self.use_picture(ImageSource::File(path), None),
                Err(message) => {
                    self.state.notice = Some(Notice {
                        title: "The picture could not be pasted".into(),
                        message,
                        action: NoticeAction::None,
                    });
                }
            },
            ImageCommand::OpenPicture(path) => self.use_picture(ImageSource::File(path), None),
            ImageCommand::OpenInput(path) => {
                self.use_picture(ImageSource::File(path), Some(PictureRole::Input));
            }
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
            ImageCommand::ShowPart(part) => {
                let method = self.state.question.images.method;
                self.state.images.parts.insert(method, part);
            }
            ImageCommand::PointAt(pixel) => {
                self.state.images.pointed = pixel;
                self.attend_to_pointer();
            }
            ImageCommand::Pin(pixel) => {
                self.state.images.pinned = pixel;
                self.attend_to_pointer();
            }
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
        self.map_if_short = false;
        if mapped && !self.would_take_long() {
            self.map_all();
        } else {
            // What is known is the estimate of the last question; this one's may be shorter.
            self.map_if_short = mapped;
            self.cancel_stale_maps();
        }
        self.attend();
        self.estimate_map();
    }

    pub(in crate::window) fn run_image(&mut self) {
        self.undo_steps.pause();
        self.state.notice = None;
        self.state.gallery_open = false;
        self.state.run_history.compared = None;
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

    /// Opens networks beside each other, in place of those that were.
    pub(in crate::window) fn compare_networks(&mut self, references: Vec<String>) {
        let mut q = self.state.question.clone();
        q.images.networks.clone_from(&references);
        q.images.active = 0;
        self.change(q, false);
        self.state.notice = None;
        self.state.model.opening = references.first().cloned();
        for reference in references {
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

    /// `role`: what the picture is, where that is known; otherwise it is what the last one was.
    fn use_picture(&mut self, source: ImageSource, role: Option<PictureRole>) {
        let mut q = self.state.question.clone();
        if q.images.picture.as_ref() != Some(&source) {
            // The truth of another picture is not this one's.
            q.images.truth = None;
            q.images.regions.clear();
            q.images.region = 0;
        }
        q.images.picture = Some(source);
        q.images.role = role.unwrap_or(q.images.role);
        self.change(q, false);
        self.state.scene = None;
        self.maps.pictures.view.fit();
        self.state.images.block = None;
        self.state.images.block_by_hand = false;
        self.state.images.pinned = None;
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
        self.undo_steps
            .last()
            .is_some_and(|before| before.images.regions != self.state.question.images.regions)
            && self.output_size().is_some()
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
