//! What the window knows about image networks beside what is asked of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use whyfinder_experiment::Experiment;
use whyfinder_worker::protocol::{Estimate, OpenedModel};

use super::asking::ImageQuestion;
use super::files_seen::FilesSeen;
use super::methods::MethodName;
use super::parts::MapPart;
use super::results::ImageResults;
use crate::maps::Cell;
use crate::window::state::Job;

/// Open networks, their answers, and how the answers are looked at.
#[derive(Clone, Debug, Default)]
pub struct Images {
    /// By reference.
    pub opened: BTreeMap<String, Arc<OpenedModel>>,
    pub results: ImageResults,
    /// What the files were when they were asked about last.
    pub seen: FilesSeen,
    /// The block whose numbers are read out.
    pub block: Option<Cell>,
    /// The block was chosen by the person, not by the window for want of one.
    pub block_by_hand: bool,
    /// Blue helps and red harms.
    pub flipped: bool,
    /// The other networks' maps are shown as differences from the active one's.
    pub differences: bool,
    /// Which part of a method's answer is drawn, where it is not the first.
    pub parts: HashMap<MethodName, usize>,
    /// The pixel that the pointer is on.
    pub pointed: Option<PixelOf>,
    /// The pixel whose window attention stays in place when the pointer moves on.
    pub pinned: Option<PixelOf>,
    /// What the active network's map would cost, and of which experiment.
    pub estimate: Option<(Box<Experiment>, Estimate)>,
}

/// A pixel of the output of a network with attention windows, as far as the network's input tells pixels apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelOf {
    /// Reference of the network.
    pub network: String,
    /// x and y.
    pub pixel: [usize; 2],
}

/// Work on a picture that was asked for and has not ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageJob {
    /// Reference of the network.
    pub network: String,
    pub part: Part,
    pub job: Job,
    pub asked: Instant,
}

/// What a job on a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One pass.
    Restore,
    Map,
    /// Deletion and insertion curves.
    Curves,
    /// What one pixel attends to.
    Attention,
    /// The selected block's interventions, as pictures.
    Tried,
}

impl Part {
    /// As the foot says it.
    pub fn words(self) -> &'static str {
        match self {
            Part::Restore => "Restoring",
            Part::Map => "Mapping",
            Part::Curves => "Scoring the maps",
            Part::Attention => "Reading the attention",
            Part::Tried => "Repeating the block's interventions",
        }
    }
}

impl Images {
    /// The part of the chosen method's answer that is drawn.
    pub fn part(&self, question: &ImageQuestion) -> &'static MapPart {
        let chosen = self.parts.get(&question.method).copied().unwrap_or(0);
        let parts = question.method.parts(&question.settings);
        parts
            .get(chosen)
            .unwrap_or_else(|| question.method.first_part())
    }

    /// The pixel whose attention is read; `None` is the region's middle.
    pub fn attended(&self) -> Option<&PixelOf> {
        self.pinned.as_ref().or(self.pointed.as_ref())
    }

    /// The network of a list whose window attention is shown where the pointer is on `pointed`'s panel or on none: that
    /// one if it has attention windows, else the active one, else the first that has.
    pub fn windowed<'a>(&self, q: &'a ImageQuestion, pointed: Option<&'a str>) -> Option<&'a str> {
        let all = q.networks.iter().map(String::as_str);
        let named = pointed.filter(|p| q.networks.iter().any(|n| n == p));
        let mut candidates = named.into_iter().chain(q.active_network()).chain(all);
        candidates.find(|network| self.window(network).is_some())
    }

    /// The network whose window attention is shown.
    pub fn attending<'a>(&'a self, q: &'a ImageQuestion) -> Option<&'a str> {
        self.windowed(q, self.attended().map(|at| at.network.as_str()))
    }

    /// Side of a network's attention windows in the input's pixels, if it has any.
    pub fn window(&self, reference: &str) -> Option<usize> {
        self.opened.get(reference)?.image.as_ref()?.window
    }

    /// Name of a network in lists: `sr-window`, the last part of a path.
    pub fn name(&self, reference: &str) -> String {
        match (reference.strip_prefix("demo:"), self.opened.get(reference)) {
            (Some(name), _) => name.to_string(),
            (None, Some(opened)) => opened.name.clone(),
            (None, None) => {
                let last = reference.rsplit(['/', '\\']).next().unwrap_or(reference);
                last.to_string()
            }
        }
    }

    /// Pixels of the output for one of the input; 1 while the network is not open.
    pub fn scale(&self, reference: &str) -> usize {
        self.opened
            .get(reference)
            .and_then(|m| m.image.as_ref())
            .map_or(1, |image| image.scale.max(1))
    }
}
