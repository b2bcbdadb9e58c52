//! What is asked about a picture: everything that ends in an experiment on image networks. Undo steps through these.

use serde::{Deserialize, Serialize};
use whyfinder_experiment::image_experiment::{
    Draws, FaithfulnessSettings, MapSource, WindowAttentionSettings,
};
use whyfinder_experiment::{
    Experiment, ImageInput, ImageMethod, ImageSource, ImageTask, Input, InstrumentSettings,
};

use super::methods::{MethodName, MethodSettings};
use crate::maps::{Cell, Region};

/// What the chosen picture is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PictureRole {
    /// What the output should be: the network's input is made from it.
    #[default]
    Truth,
    /// What the network sees.
    Input,
}

/// Networks, picture, regions and method, as they stand in the left column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageQuestion {
    /// References of the networks that are compared, in the order of their panels.
    pub networks: Vec<String>,
    /// The one whose numbers are read out.
    pub active: usize,
    pub picture: Option<ImageSource>,
    pub role: PictureRole,
    /// What the output should be, where the picture is the input.
    pub truth: Option<ImageSource>,
    /// `None`: as the network was made for.
    pub task: Option<ImageTask>,
    /// Standard deviation of the noise, 0 to 255; `None`: as the network was made for.
    pub sigma: Option<f64>,
    pub regions: Vec<Region>,
    /// The region that is asked about.
    pub region: usize,
    pub method: MethodName,
    /// Those of every method are kept, so that switching loses nothing.
    pub settings: MethodSettings,
}

impl Default for ImageQuestion {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            active: 0,
            picture: None,
            role: PictureRole::Truth,
            truth: None,
            task: None,
            sigma: None,
            regions: Vec::new(),
            region: 0,
            method: MethodName::default(),
            settings: MethodSettings::default(),
        }
    }
}

impl ImageQuestion {
    /// The network whose numbers are read out.
    pub fn active_network(&self) -> Option<&str> {
        self.networks.get(self.active).map(String::as_str)
    }

    /// The region that is asked about.
    pub fn asked_region(&self) -> Option<Region> {
        self.regions.get(self.region).copied()
    }

    /// The regions of the list that are not asked about.
    pub fn other_regions(&self) -> Vec<Region> {
        let other = |(i, _): &(usize, &Region)| *i != self.region;
        self.regions
            .iter()
            .enumerate()
            .filter(other)
            .map(|(_, region)| *region)
            .collect()
    }

    /// Whether there is something that the output can be compared with.
    pub fn has_truth(&self) -> bool {
        match self.role {
            PictureRole::Truth => self.picture.is_some(),
            PictureRole::Input => self.truth.is_some(),
        }
    }

    fn input(&self, region: Option<Region>) -> Option<ImageInput> {
        let picture = self.picture.clone()?;
        let (image, truth) = match self.role {
            PictureRole::Truth => (None, Some(picture)),
            PictureRole::Input => (Some(picture), self.truth.clone()),
        };
        Some(ImageInput {
            image,
            truth,
            region: region.map(|r| [r.x, r.y, r.width, r.height]),
            task: self.task,
            sigma: self.sigma,
            scale: None,
        })
    }

    fn experiment(
        &self,
        network: &str,
        seed: u32,
        region: Option<Region>,
        method: ImageMethod,
    ) -> Option<Experiment> {
        Some(Experiment {
            model: network.to_string(),
            seed,
            input: Input::default(),
            instrument: InstrumentSettings::Image {
                input: self.input(region)?,
                method,
            },
        })
    }

    /// One pass: what the network makes of the picture. `None` while there is no picture.
    pub fn restoring(&self, network: &str, seed: u32) -> Option<Experiment> {
        self.experiment(network, seed, None, ImageMethod::Restore)
    }

    /// The map; `None` while something that it needs is missing.
    pub fn mapping(&self, network: &str, seed: u32) -> Option<Experiment> {
        let region = self.asked_region()?;
        let method = self.settings.method(self.method);
        if method.needs_truth() && !self.has_truth() {
            return None;
        }
        self.experiment(network, seed, Some(region), method)
    }

    /// Deletion and insertion curves of the maps that can be ranked.
    pub fn scoring(&self, network: &str, seed: u32) -> Option<Experiment> {
        let region = self.asked_region()?;
        if !self.has_truth() {
            return None;
        }
        let mut settings = FaithfulnessSettings::default();
        if let Some(block) = self.settings.block(self.method) {
            settings.block = block;
        }
        let chosen = MapSource::from(self.settings.method(self.method).name().to_string());
        if matches!(chosen, MapSource::Instrument(_)) && !settings.maps.contains(&chosen) {
            settings.maps.insert(0, chosen);
        }
        self.experiment(
            network,
            seed,
            Some(region),
            ImageMethod::Faithfulness(settings),
        )
    }

    /// One block's interventions over again, with pictures; `None` where its draws cannot be had without the others'.
    pub fn trying(&self, network: &str, seed: u32, block: Cell) -> Option<Experiment> {
        let mut experiment = self.mapping(network, seed)?;
        let InstrumentSettings::Image {
            method: ImageMethod::CausalEffectMap(settings),
            ..
        } = &mut experiment.instrument
        else {
            return None;
        };
        settings.only = Some([block.row, block.col]);
        (settings.draws == Draws::Stream).then_some(experiment)
    }

    /// What one pixel of the output attends to, or else the region's middle, in networks with attention windows.
    pub fn attending(
        &self,
        network: &str,
        seed: u32,
        pixel: Option<[usize; 2]>,
    ) -> Option<Experiment> {
        let region = self.asked_region()?;
        let method = ImageMethod::WindowAttention(WindowAttentionSettings { pixel });
        self.experiment(network, seed, Some(region), method)
    }

    /// Puts another experiment's question in place of this one; its network stands among the others.
    pub fn take(&mut self, network: &str, input: &ImageInput, method: &ImageMethod) {
        match self.networks.iter().position(|n| n == network) {
            Some(i) => self.active = i,
            None => {
                self.networks = vec![network.to_string()];
                self.active = 0;
            }
        }
        match (&input.image, &input.truth) {
            (Some(image), truth) => {
                self.picture = Some(image.clone());
                self.role = PictureRole::Input;
                self.truth = truth.clone();
            }
            (None, truth) => {
                self.picture = truth.clone();
                self.role = PictureRole::Truth;
                self.truth = None;
            }
        }
        self.task = input.task;
        self.sigma = input.sigma;
        if let Some([x, y, width, height]) = input.region {
            self.regions = vec![Region::new(x, y, width, height)];
            self.region = 0;
        }
        if let Some(name) = self.settings.take(method) {
            self.method = name;
        }
    }

    /// Keeps every region inside a picture of this size, and has at least one.
    pub fn fit_regions(&mut self, size: [usize; 2]) {
        if self.regions.is_empty() {
            self.regions.push(first_region(size));
        }
        for region in &mut self.regions {
            *region = region.inside(size);
        }
        self.region = self.region.min(self.regions.len() - 1);
    }
}

/// An eighth of the picture's side, at least 32 pixels, in its middle, on the lines between blocks.
pub fn first_region(size: [usize; 2]) -> Region {
    let side = (size[0].min(size[1]) / 8).next_multiple_of(8).max(32);
    let at = |n: usize| (n.saturating_sub(side) / 2) / 8 * 8;
    Region::new(at(size[0]), at(size[1]), side, side).inside(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking() -> ImageQuestion {
        ImageQuestion {
            networks: vec!["demo:a".into(), "demo:b".into()],
            picture: Some(ImageSource::Picture("leaves".into())),
            regions: vec![Region::new(96, 112, 32, 32)],
            ..ImageQuestion::default()
        }
    }

    #[test]
    fn a_map_waits_for_picture_region_and_truth() {
        let mut q = asking();
        assert!(q.mapping("demo:a", 0).is_some());
        q.role = PictureRole::Input;
        assert!(
            q.mapping("demo:a", 0).is_none(),
            "an effect map needs a truth"
        );
        assert!(q.restoring("demo:a", 0).is_some());
        q.method = MethodName::Lam;
        assert!(q.mapping("demo:a", 0).is_some());
        q.regions.clear();
        assert!(q.mapping("demo:a", 0).is_none());
        q.picture = None;
        assert!(q.restoring("demo:a", 0).is_none());
    }

    #[test]
    fn an_experiment_comes_back_as_the_question_it_was() {
        let mut q = asking();
        q.task = Some(ImageTask::Denoise);
        q.sigma = Some(25.0);
        q.settings.effects.fine = 7;
        let experiment = q.mapping("demo:b", 3).expect("all there");
        let InstrumentSettings::Image { input, method } = &experiment.instrument else {
            panic!("an image experiment");
        };
        let mut back = asking();
        back.take("demo:b", input, method);
        assert_eq!(back.active, 1);
        back.active = 0;
        assert_eq!(back, q);
        back.take("demo:c", input, method);
        assert_eq!(back.networks, ["demo:c"]);
    }

    #[test]
    fn there_is_always_a_region_inside_the_picture() {
        let mut q = asking();
        q.fit_regions([64, 64]);
        assert_eq!(q.regions, [Region::new(32, 32, 32, 32)]);
        q.regions.clear();
        q.region = 4;
        q.fit_regions([256, 256]);
        assert_eq!(q.asked_region(), Some(Region::new(112, 112, 32, 32)));
        assert_eq!(first_region([1, 1]), Region::new(0, 0, 1, 1));
    }
}
