//! One pass: the output, and how near it is to the truth.

use std::collections::BTreeMap;
use std::time::Instant;

use whyfinder_experiment::outcome::Summary;
use whyfinder_experiment::{Experiment, Field, ImageInput, Metric, Outcome};
use whyfinder_model::network::ImageModel;

use super::fields::{field_bytes, given, picture_field, result_bytes};
use super::provenance;
use super::quality::psnr;
use super::scene::Scene;
use super::whole_output::{Tiling, probe_seconds};
use crate::error::Result;
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::{Observer, Report};

/// An output as a network gives it, neither clipped nor rounded.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    /// `[height, width, channels]`.
    pub(crate) values: Vec<f32>,
}

impl Output {
    pub(crate) fn field(self) -> Result<Field> {
        picture_field(
            "output",
            self.height,
            self.width,
            self.channels,
            self.values,
        )
    }

    /// PSNR over the whole picture and in the region, where there is a truth.
    pub(crate) fn qualities(&self, scene: &Scene) -> BTreeMap<String, f32> {
        let Some(truth) = &scene.truth else {
            return BTreeMap::new();
        };
        let region = scene.region();
        let row_of_region = |row: usize| {
            let first = (row * self.width + region.columns.start) * self.channels;
            &self.values[first..first + region.width() * self.channels]
        };
        let in_region: Vec<f32> = region
            .rows
            .clone()
            .flat_map(row_of_region)
            .copied()
            .collect();
        let mut all = BTreeMap::from([
            (
                "psnr".to_string(),
                psnr(&in_region, &truth.part(&region)) as f32,
            ),
            (
                "psnr.image".to_string(),
                psnr(&self.values, &truth.values) as f32,
            ),
        ]);
        if let Some(input) = scene.input_psnr() {
            all.insert("psnr.input".to_string(), input as f32);
        }
        all
    }
}

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    budget: &Budget,
) -> Result<Cost> {
    let scene = Scene::read(model, input, experiment.seed)?;
    let tiling = Tiling::of(&model.network, &scene, field_bytes(&scene), budget)?;
    Ok(Cost {
        bytes: field_bytes(&scene) + tiling.bytes,
        result_bytes: result_bytes(&scene),
        passes: 1.0,
        passes_plain: 1.0,
        seconds: tiling.flops * probe_seconds(&model.network, &scene)?,
    })
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let scene = Scene::read(model, input, experiment.seed)?;
    let tiling = Tiling::of(&model.network, &scene, field_bytes(&scene), budget)?;
    let mut summary = Summary {
        metric: Metric::Psnr.name().to_string(),
        image: Some(scene.summary()),
        passes: 1.0,
        passes_plain: 1.0,
        peak_bytes: model.card.bytes + field_bytes(&scene) + tiling.bytes,
        ..Summary::default()
    };
    observer.announce(result_bytes(&scene))?;
    let mut fields = given(&scene)?;
    observer.report(Report::Started {
        fields: fields.clone(),
        summary: summary.clone(),
        distributions: Vec::new(),
    });
    let output = tiling.run(&model.network, &scene, observer)?;
    summary.reference = output.qualities(&scene);
    let mut field = output.field()?;
    field.reference.clone_from(&summary.reference);
    observer.report(Report::Field(field.clone()));
    fields.push(field);
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(Outcome {
        experiment: experiment.clone(),
        fields,
        summary,
        provenance: provenance(model),
        distributions: Vec::new(),
        attention: Vec::new(),
    })
}
