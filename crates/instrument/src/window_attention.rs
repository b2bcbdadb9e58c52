//! Which pixels one pixel attends to, in every layer that attends inside windows (Liu et al. 2021; Liang et al. 2021).

use std::ops::Range;
use std::time::Instant;

use candle_core::Tensor;
use whyfinder_experiment::image_experiment::{Detector, WindowAttentionSettings};
use whyfinder_experiment::{Axis, Experiment, Field, ImageInput, Labels, Outcome};
use whyfinder_model::network::{
    Extent, ImageModel, Network, NodeId, Operation, Rect, Window, region_cost,
};

use crate::attention_places::Side;
use crate::attribution::asked::{Asked, start};
use crate::error::{InstrumentError, Result};
use crate::image::fields::given;
use crate::image::node_by_node::{Reader, node_by_node};
use crate::image::restore::Output;
use crate::image::whole_output::{device_of, to_host};
use crate::measure::Cost;
use crate::memory::Budget;
use crate::report::{Observer, Report};

/// The attention of one pixel in one layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attended {
    /// The layer's node.
    pub(crate) layer: String,
    /// Rows and columns of the layer's values; those of the picture where the layer is as large.
    pub(crate) rows: Range<usize>,
    pub(crate) columns: Range<usize>,
    pub(crate) heads: usize,
    /// `[heads, rows, columns]`; each head's sum is 1 less what falls on padding beyond the picture.
    pub(crate) weights: Vec<f32>,
}

/// The attention of pixel `(row, column)` of the picture `[1, H, W, C]` in every layer with windows, and the network's
/// output.
///
/// # Errors
/// As [`node_by_node`].
pub(crate) fn window_attention_of(
    network: &Network,
    picture: &Tensor,
    noise: f32,
    pixel: (usize, usize),
    observer: &mut dyn Observer,
) -> Result<(Vec<Attended>, Tensor)> {
    let (_, height, width, _) = picture.dims4()?;
    let extents = network.extents(height, width)?;
    let places = Places {
        of_nodes: network
            .nodes
            .iter()
            .zip(&extents)
            .map(|(node, extent)| {
                let window = window_of(&node.operation)?;
                Some(Place::of(window, *extent, (height, width), pixel))
            })
            .collect(),
    };
    let (output, mut read) = node_by_node(network, picture, noise, &places, observer)?;
    let layers = network.nodes.iter().zip(places.of_nodes).enumerate();
    let layers = layers.filter_map(|(id, (node, place))| {
        let (place, weights) = (place?, read.remove(&id)?);
        Some(Attended {
            layer: node.name.clone(),
            rows: place.y,
            columns: place.x,
            heads: place.heads,
            weights,
        })
    });
    Ok((layers.collect(), output))
}

/// Whether a network attends inside windows.
pub(crate) fn has_windows(network: &Network) -> bool {
    network
        .nodes
        .iter()
        .any(|node| window_of(&node.operation).is_some())
}

fn window_of(operation: &Operation) -> Option<&Window> {
    match operation {
        Operation::WindowPattern(window) => Some(window),
        _ => None,
    }
}

/// Where the attention of one pixel stands in the pattern of a layer.
#[derive(Clone, Debug)]
struct Place {
    heads: usize,
    key_size: usize,
    /// The window among all of them, and the query in it.
    window: usize,
    query: usize,
    /// The first key of the picture, down and across, and the pixels that the keys from there on stand for.
    first_key: [usize; 2],
    y: Range<usize>,
    x: Range<usize>,
}

impl Place {
    fn of(window: &Window, extent: Extent, picture: (usize, usize), pixel: (usize, usize)) -> Self {
        let there = |pixel: usize, len: usize, picture: usize| {
            // A layer of another size than the picture is looked at in the same place.
            let at = if len < picture {
                pixel * len / picture
            } else {
                pixel
            };
            at.min(len - 1)
        };
        let (height, width) = picture;
        let rows = Side::of(window, there(pixel.0, extent.height, height), extent.height);
        let columns = Side::of(window, there(pixel.1, extent.width, width), extent.width);
        let inside = |side: &Side, picture: usize, len: usize| {
            let end = if len < picture { len } else { picture };
            side.pixels.start..side.pixels.end.min(end).max(side.pixels.start)
        };
        Self {
            heads: window.heads,
            key_size: window.key_size,
            window: rows.window * (extent.width / window.size) + columns.window,
            query: rows.query * window.size + columns.query,
            first_key: [rows.first_key, columns.first_key],
            y: inside(&rows, height, extent.height),
            x: inside(&columns, width, extent.width),
        }
    }
}

struct Places {
    of_nodes: Vec<Option<Place>>,
}

impl Reader for Places {
    fn count(&self, node: NodeId) -> Option<usize> {
        let place = self.of_nodes.get(node)?.as_ref()?;
        Some(place.heads * place.y.len() * place.x.len())
    }

    fn read(&self, node: NodeId, value: &Tensor) -> whyfinder_model::Result<Vec<f32>> {
        let Some(place) = self.of_nodes.get(node).and_then(Option::as_ref) else {
            return Ok(Vec::new());
        };
        let row: Vec<f32> = value
            .narrow(0, place.window, 1)?
            .narrow(2, place.query, 1)?
            .flatten_all()?
            .to_vec1()?;
        let mut weights = Vec::with_capacity(self.count(node).unwrap_or(0));
        for head in row.chunks_exact(place.key_size * place.key_size) {
            for i in 0..place.y.len() {
                let first = (place.first_key[0] + i) * place.key_size + place.first_key[1];
                weights.extend_from_slice(&head[first..first + place.x.len()]);
            }
        }
        Ok(weights)
    }
}

/// The pixel of the picture that is asked about, row and column.
fn pixel_of(asked: &Asked<'_>, settings: &WindowAttentionSettings) -> Result<(usize, usize)> {
    let (height, width) = asked.scene.output_size();
    let [x, y] = settings.pixel.unwrap_or([
        (asked.region.columns.start + asked.region.columns.end) / 2,
        (asked.region.rows.start + asked.region.rows.end) / 2,
    ]);
    if x >= width || y >= height {
        return Err(InstrumentError::unfit(format!(
            "The pixel ({x}, {y}) is not inside the output of {width} x {height} pixels; change window-attention.pixel."
        )));
    }
    Ok((y / asked.scene.scale, x / asked.scene.scale))
}

fn prepare<'a>(
    model: &'a ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    budget: &Budget,
) -> Result<(Asked<'a>, u64)> {
    let asked = Asked::read(model, experiment, input, Detector::Sum)?;
    if !has_windows(asked.network()) {
        return Err(InstrumentError::unfit(
            "The network has no attention inside windows, so there is none to show; SwinIR and HAT have.",
        ));
    }
    let (height, width) = asked.scene.output_size();
    let picture = &asked.picture;
    let whole = Rect::whole(height, width);
    let cost = region_cost(asked.network(), picture.height, picture.width, &whole)?;
    let bytes = asked.bytes(2, 2, cost.bytes);
    let bytes = asked.check(bytes, budget)?;
    Ok((asked, bytes))
}

/// The attention of one pixel in every layer.
fn result_bytes(asked: &Asked<'_>) -> u64 {
    let windows = asked.network().nodes.iter();
    let windows = windows.filter_map(|node| window_of(&node.operation));
    let weights = windows.map(|w| w.heads * w.key_size * w.key_size);
    asked.result_bytes(0, 0, weights.sum())
}

pub(crate) fn estimate(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    budget: &Budget,
) -> Result<Cost> {
    let (asked, bytes) = prepare(model, experiment, input, budget)?;
    // The pass that is looked into gives the output too.
    let bytes = (bytes, result_bytes(&asked));
    asked.estimate(0.0, bytes, 0.0, budget)
}

pub(crate) fn measure(
    model: &ImageModel,
    experiment: &Experiment,
    input: &ImageInput,
    settings: &WindowAttentionSettings,
    observer: &mut dyn Observer,
    budget: &Budget,
) -> Result<Outcome> {
    let began = Instant::now();
    let (asked, bytes) = prepare(model, experiment, input, budget)?;
    let pixel = pixel_of(&asked, settings)?;
    observer.announce(result_bytes(&asked))?;
    let picture = asked.picture.tensor(&device_of(asked.network()))?;
    let noise = asked.scene.noise();
    let (layers, output) = window_attention_of(asked.network(), &picture, noise, pixel, observer)?;
    let (height, width) = asked.scene.output_size();
    let output = Output {
        height,
        width,
        channels: asked.picture.channels,
        values: to_host(&output)?,
    };
    let mut summary = asked.summary("attention", output.qualities(&asked.scene));
    let mut pictures = given(&asked.scene)?;
    pictures.push(output.field()?);
    start(observer, Vec::new(), &summary, &pictures);
    let mut fields = Vec::new();
    for layer in layers {
        let field = field(layer)?;
        observer.report(Report::Field(field.clone()));
        fields.push(field);
    }
    for (name, value) in [("pixel.y", pixel.0), ("pixel.x", pixel.1)] {
        summary.reference.insert(name.into(), value as f32);
    }
    fields.extend(pictures);
    Ok(asked.outcome(experiment, fields, summary, (0.0, bytes), began))
}

/// `attention.LAYER` over head, y and x; the labels of y and x are the picture's rows and columns.
fn field(layer: Attended) -> Result<Field> {
    let labelled = |name: &str, range: &Range<usize>| Axis {
        name: name.to_string(),
        labels: Labels::Number(range.clone().map(|i| i as f64).collect()),
    };
    let axes = vec![
        Axis::numbered("head", layer.heads),
        labelled("y", &layer.rows),
        labelled("x", &layer.columns),
    ];
    let name = format!("attention.{}", layer.layer);
    Ok(Field::measured(&name, axes, layer.weights)?)
}
