//! Answers about pictures as they come in: what the panels draw.

use whyfinder_experiment::outcome::{EffectCounts, Summary};
use whyfinder_experiment::{Experiment, Field, ImageMethod, InstrumentSettings, Outcome};
use whyfinder_instrument::Report;

use crate::maps::{Raster, Region};

/// The answers of every network of the list.
#[derive(Clone, Debug, Default)]
pub struct ImageResults {
    pub networks: Vec<NetworkResult>,
}

/// What is known of one network.
#[derive(Clone, Debug)]
pub struct NetworkResult {
    /// Reference of the network.
    pub network: String,
    pub restored: Option<Restored>,
    pub map: Option<MapResult>,
    /// Deletion and insertion curves.
    pub curves: Option<MapResult>,
    /// What one pixel attends to.
    pub attention: Option<MapResult>,
    /// Pictures of one block's interventions.
    pub tried: Option<MapResult>,
    /// Why the last pass, map and score stopped short.
    pub restore_failure: Option<String>,
    pub map_failure: Option<String>,
    pub curves_failure: Option<String>,
}

/// Pictures of one pass.
#[derive(Clone, Debug)]
pub struct Restored {
    pub experiment: Experiment,
    pub input: Option<Raster>,
    pub output: Option<Raster>,
    pub truth: Option<Raster>,
}

/// The fields of an answer, which may still be filling in: a map, curves, or attention.
#[derive(Clone, Debug)]
pub struct MapResult {
    pub experiment: Experiment,
    pub summary: Summary,
    /// Every field that has come, by its own name.
    pub fields: Vec<Field>,
    pub complete: bool,
    /// Changes whenever a cell arrives.
    pub version: u64,
}

/// What the names of fields with a layer's attention begin with.
pub(crate) const ATTENTION: &str = "attention.";
/// Fields that hold pictures, not maps.
const PICTURES: [&str; 3] = ["input", "output", "truth"];

impl ImageResults {
    pub fn of(&self, network: &str) -> Option<&NetworkResult> {
        self.networks.iter().find(|n| n.network == network)
    }

    pub(crate) fn of_mut(&mut self, network: &str) -> &mut NetworkResult {
        let at = match self.networks.iter().position(|n| n.network == network) {
            Some(at) => at,
            None => {
                self.networks.push(NetworkResult::new(network));
                self.networks.len() - 1
            }
        };
        &mut self.networks[at]
    }
}

impl NetworkResult {
    fn new(network: &str) -> Self {
        Self {
            network: network.to_string(),
            restored: None,
            map: None,
            curves: None,
            attention: None,
            tried: None,
            restore_failure: None,
            map_failure: None,
            curves_failure: None,
        }
    }

    pub fn output(&self) -> Option<&Raster> {
        self.restored.as_ref()?.output.as_ref()
    }

    pub fn input(&self) -> Option<&Raster> {
        self.restored.as_ref()?.input.as_ref()
    }

    pub fn truth(&self) -> Option<&Raster> {
        self.restored.as_ref()?.truth.as_ref()
    }

    /// Of the output within a region, dB; `None` where there is nothing to compare with.
    pub fn psnr_in(&self, region: Region) -> Option<f32> {
        let region = [region.x, region.y, region.width, region.height];
        self.output()?.psnr_within(self.truth()?, region)
    }
}

impl Restored {
    /// Nothing yet.
    pub fn waiting(experiment: Experiment) -> Self {
        Self {
            experiment,
            input: None,
            output: None,
            truth: None,
        }
    }

    pub fn receive(&mut self, report: &Report) {
        match report {
            Report::Started { fields, .. } => fields.iter().for_each(|f| self.store(f)),
            Report::Field(field) => self.store(field),
            Report::Cells { .. } | Report::Progress(_) | Report::Attention(_) => {}
        }
    }

    pub fn finish(&mut self, outcome: &Outcome) {
        outcome.fields.iter().for_each(|f| self.store(f));
    }

    /// Takes a picture; a map is left out, and so is what has come already.
    fn store(&mut self, field: &Field) {
        let place = match field.name.as_str() {
            "input" => &mut self.input,
            "output" => &mut self.output,
            "truth" => &mut self.truth,
            _ => return,
        };
        if place.is_none() {
            *place = raster_of(field);
        }
    }
}

/// A field over row, column and perhaps channel as a picture.
pub fn raster_of(field: &Field) -> Option<Raster> {
    if !field.mask.iter().all(|&m| m) {
        return None;
    }
    match *field.shape() {
        [height, width] => Raster::from_unit(width, height, 1, &field.values),
        [height, width, channels] => Raster::from_unit(width, height, channels, &field.values),
        _ => None,
    }
}

impl MapResult {
    /// Nothing yet; `version` is where counting starts, so that no two maps share a version.
    pub fn waiting(experiment: Experiment, version: u64) -> Self {
        Self {
            experiment,
            summary: Summary::default(),
            fields: Vec::new(),
            complete: false,
            version,
        }
    }

    pub fn receive(&mut self, report: Report) {
        self.version += 1;
        match report {
            Report::Started {
                fields, summary, ..
            } => {
                self.summary = summary;
                for field in fields {
                    self.store(field);
                }
            }
            Report::Field(field) => self.store(field),
            Report::Cells { field, cells } => {
                if let Some(field) = self.fields.iter_mut().find(|f| f.name == field) {
                    for cell in cells {
                        field.set_samples(cell.cell, &cell.samples);
                    }
                }
            }
            Report::Progress(_) | Report::Attention(_) => {}
        }
    }

    pub fn finish(&mut self, outcome: &Outcome) {
        self.version += 1;
        self.complete = true;
        self.summary = outcome.summary.clone();
        for field in &outcome.fields {
            self.store(field.clone());
        }
    }

    fn store(&mut self, field: Field) {
        if PICTURES.contains(&field.name.as_str()) {
            return;
        }
        match self.fields.iter_mut().find(|f| f.name == field.name) {
            Some(old) => *old = field,
            None => self.fields.push(field),
        }
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The map itself: over rows and columns of blocks, or of pixels.
    pub fn map(&self) -> Option<&Field> {
        let signed = matches!(
            self.experiment.instrument,
            InstrumentSettings::Image {
                method: ImageMethod::IntegratedGradients(_),
                ..
            }
        );
        // The plain attribution of integrated gradients has lost its sign.
        let first = if signed {
            "attribution.signed"
        } else {
            "effect"
        };
        [first, "effect", "attribution"]
            .iter()
            .find_map(|name| self.field(name))
    }

    /// Fields that hold the attention of one layer each: over head, and y and x of the window.
    pub fn attention_layers(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|f| f.name.starts_with(ATTENTION))
    }

    /// The pixel of the input, x and y, that the attention is of.
    pub fn pixel(&self) -> Option<[usize; 2]> {
        let at = |name: &str| self.summary.reference.get(name).map(|&v| v as usize);
        Some([at("pixel.x")?, at("pixel.y")?])
    }

    /// True where a cell of the map can reach the region.
    pub fn reachable(&self) -> Option<Vec<bool>> {
        let map = self.map()?;
        let reachable = self.field("reachable")?;
        (reachable.values.len() == map.values.len())
            .then(|| reachable.values.iter().map(|&v| v > 0.5).collect())
    }

    /// The region that was asked about.
    pub fn region(&self) -> Option<Region> {
        let InstrumentSettings::Image { input, .. } = &self.experiment.instrument else {
            return None;
        };
        let [x, y, width, height] = input.region?;
        Some(Region::new(x, y, width, height))
    }

    /// PSNR of the region without any intervention, dB.
    pub fn untouched(&self) -> Option<f32> {
        let summary = self.summary.reference.get("psnr");
        summary
            .or_else(|| self.map()?.reference.get("psnr"))
            .copied()
            .filter(|v| v.is_finite())
    }

    /// Measured cells and all of them; those that cannot reach the region need no measuring.
    pub fn measured(&self) -> (usize, usize) {
        self.map().map_or((0, 0), |f| {
            (f.mask.iter().filter(|&&m| m).count(), f.mask.len())
        })
    }

    /// Least and largest value measured.
    pub fn extremes(&self) -> Option<[f32; 2]> {
        let map = self.map()?;
        let (low, high) = map
            .values
            .iter()
            .zip(&map.mask)
            .filter(|(v, m)| **m && v.is_finite())
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), (&v, _)| {
                (l.min(v), h.max(v))
            });
        (low <= high).then_some([low, high])
    }

    /// Those of the outcome, or counted among what has been measured of a map of blocks; `None` where there is no such
    /// map.
    pub fn counts(&self, field: &str, block: usize) -> Option<EffectCounts> {
        if let Some(counts) = &self.summary.effects
            && self.complete
            && field == "effect"
        {
            return Some(counts.clone());
        }
        let (map, region) = (self.field(field)?, self.region()?);
        let cols = map.axes.get(1)?.len();
        let errors = map.effect_errors();
        let mut counts = EffectCounts::default();
        for (i, (&value, &measured)) in map.values.iter().zip(&map.mask).enumerate() {
            if touches(region, i / cols.max(1), i % cols.max(1), block) {
                counts.region += 1;
            } else if measured {
                let sure = errors.is_none_or(|e| value.abs() > 2.0 * e[i]);
                if value > 0.0 {
                    counts.positive += 1;
                    counts.significant_positive += usize::from(sure);
                } else if value < 0.0 {
                    counts.negative += 1;
                    counts.significant_negative += usize::from(sure);
                } else {
                    counts.zero += 1;
                }
            }
        }
        Some(counts)
    }

    /// The cell of the largest effect: outside the region in a map of blocks, anywhere in one of pixels.
    pub fn strongest(&self, block: Option<usize>) -> Option<(usize, usize)> {
        let (map, region) = (self.map()?, self.region()?);
        let cols = map.axes.get(1)?.len().max(1);
        map.values
            .iter()
            .enumerate()
            .filter(|(i, v)| {
                let here = block.is_some_and(|b| touches(region, i / cols, i % cols, b));
                v.is_finite() && !here
            })
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
            .filter(|(_, v)| **v != 0.0)
            .map(|(i, _)| (i / cols, i % cols))
    }
}

/// Whether a block shares a pixel with a region.
pub fn touches(region: Region, row: usize, col: usize, block: usize) -> bool {
    let along = |at: usize, start: usize, length: usize| {
        at * block < start + length && (at + 1) * block > start
    };
    along(col, region.x, region.width) && along(row, region.y, region.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_touch_a_region_where_they_share_a_pixel() {
        let region = Region::new(8, 16, 9, 8);
        assert!(touches(region, 2, 1, 8) && touches(region, 2, 2, 8));
        assert!(!touches(region, 2, 0, 8) && !touches(region, 1, 1, 8));
        assert!(!touches(region, 3, 1, 8) && !touches(region, 2, 3, 8));
    }
}
