//! The selected block: its effect, how sure it is, every draw behind it, and what the draws did.

use egui::{RichText, ScrollArea, Ui};
use whyfinder_experiment::Field;

use super::counts_row::polarity_colours;
use super::map_data::{MapData, map_data};
use super::methods::MethodName;
use super::parts::MapPart;
use super::results::{MapResult, raster_of, touches};
use crate::maps::estimate_scatter::EstimateScatter;
use crate::maps::token_text::{read_number, signed_number};
use crate::maps::{Cell, Histogram, Raster, SmallPicture, histogram, picture_strip};
use crate::window::against_estimates;
use crate::window::controls::{big_number, empty_state, heading, muted};
use crate::window::fonts;
use crate::window::view::View;

pub(crate) fn describe(view: &View<'_>) -> String {
    match (selected(view), view.state.question.images.method) {
        (Some((cell, _)), _) if is_blocks(view) => {
            format!("row {}, column {}", cell.row, cell.col)
        }
        (Some((cell, _)), _) => format!("{}, {} of the input", cell.col, cell.row),
        (None, _) => String::new(),
    }
}

fn is_blocks(view: &View<'_>) -> bool {
    let q = &view.state.question.images;
    q.settings.block(q.method).is_some()
}

/// The selected cell of the active network's map, if the map has it.
fn selected(view: &View<'_>) -> Option<(Cell, MapData)> {
    let q = &view.state.question.images;
    let cell = view.state.images.block?;
    let data = map_data(&view.state.images, q, q.active_network()?)?;
    let rows = data.values.len() / data.cols.max(1);
    (cell.row < rows && cell.col < data.cols).then_some((cell, data))
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let q = &view.state.question.images;
    let map = q
        .active_network()
        .and_then(|n| view.state.images.results.of(n))
        .and_then(|r| r.map.as_ref());
    let (Some((cell, data)), Some(map)) = (selected(view), map) else {
        let sentence = "Click a block of the map to read its effect, its standard error and every draw behind it.";
        empty_state(ui, view.theme, "One block in numbers", sentence, None);
        return;
    };
    ScrollArea::vertical().id_salt("block").show(ui, |ui| {
        ui.set_width(ui.available_width());
        let index = cell.row * data.cols + cell.col;
        if data.reachable.as_ref().is_some_and(|r| !r[index]) {
            big_number(ui, view.theme, "0", "exactly", view.theme.muted);
            sentence(ui, view, "Nothing in this block can reach the region: the network's own operations do not lead there. It was not run.");
            return;
        }
        if !data.measured[index] || !data.values[index].is_finite() {
            big_number(ui, view.theme, "–", "not measured yet", view.theme.muted);
            estimates(ui, view, map, index);
            return;
        }
        let part = view.state.images.part(q);
        match q.method {
            MethodName::CausalEffectMap => effect(ui, view, map, part, &data, index),
            _ => {
                let value = data.values[index];
                let error = error_words(&data, index);
                let number = match part.unit {
                    "" => read_number(value),
                    unit => format!("{} {unit}", read_number(value)),
                };
                big_number(ui, view.theme, &number, &error, view.theme.text);
                sentence(ui, view, &format!("{}: {}.", part.title, part.sentence));
            }
        }
        others(ui, view, map, cell, data.cols);
    });
}

fn error_words(data: &MapData, index: usize) -> String {
    let stderr = data.stderr.as_ref().map_or(f32::NAN, |s| s[index]);
    if stderr.is_finite() {
        format!("± {} s.e.", decimals(stderr, stderr))
    } else {
        String::new()
    }
}

/// A number with as many decimals as show the first digit of its error, at least two.
fn decimals(value: f32, error: f32) -> String {
    let needed = if error > 0.0 && error.is_finite() {
        (-error.log10().floor()).clamp(2.0, 5.0) as usize
    } else {
        3
    };
    format!("{value:.needed$}").replace('-', "−")
}

/// With its sign.
fn signed(value: f32, error: f32) -> String {
    let plus = if value > 0.0 { "+" } else { "" };
    format!("{plus}{}", decimals(value, error))
}

fn effect(
    ui: &mut Ui,
    view: &View<'_>,
    map: &MapResult,
    part: &MapPart,
    data: &MapData,
    index: usize,
) {
    let field = map.field(part.field);
    let value = field.map_or(f32::NAN, |f| f.values[index]);
    let (helps, harms) = polarity_colours(view);
    let stderr = data.stderr.as_ref().map_or(f32::NAN, |s| s[index]);
    let unsure = stderr.is_finite() && value.abs() < 2.0 * stderr;
    let colour = if value == 0.0 {
        view.theme.muted
    } else if value > 0.0 {
        helps
    } else {
        harms
    };
    big_number(
        ui,
        view.theme,
        &format!("{} dB", signed(value, stderr)),
        &error_words(data, index),
        colour,
    );
    let untouched = map.untouched();
    let samples: Vec<f32> = field
        .map(|f| f.samples_of(index))
        .unwrap_or_default()
        .iter()
        .filter(|v| v.is_finite())
        .map(|effect| untouched.unwrap_or(0.0) - effect)
        .collect();
    if part.field != "effect" {
        split(ui, view, map, part, samples.len(), index);
        return;
    }
    if !samples.is_empty() && untouched.is_some() {
        let label = format!("PSNR of the region, {} draws", samples.len());
        let data = Histogram {
            label: &label,
            samples: &samples,
            reference: untouched.unwrap_or(f32::NAN),
            reference_name: "untouched",
            unit: "dB",
            colour,
        };
        histogram(ui, view.look, &data);
    }
    sentence(ui, view, &explain(value, untouched, unsure));
    tried(ui, view);
    estimates(ui, view, map, index);
}

/// How the blocks outside the region compare with what a gradient said beforehand.
fn estimates(ui: &mut Ui, view: &View<'_>, map: &MapResult, index: usize) {
    let (Some(effect), Some(estimate), Some(region)) = (
        map.field("effect"),
        map.field("effect.estimate"),
        map.region(),
    ) else {
        return;
    };
    let cols = effect.axes.get(1).map_or(1, |axis| axis.len().max(1));
    let q = &view.state.question.images;
    let block = q.settings.block(q.method).unwrap_or(1);
    let reachable = map.reachable();
    let point = |index: usize| {
        let known = effect.mask.get(index) == Some(&true)
            && estimate.mask.get(index) == Some(&true)
            && reachable.as_ref().is_none_or(|r| r[index])
            && !touches(region, index / cols, index % cols, block);
        known.then(|| [estimate.values[index], effect.values[index]])
    };
    if let Some(value) = estimate.values.get(index).filter(|value| value.is_finite()) {
        let said = signed_number(*value);
        muted(ui, view.theme, format!("Estimated beforehand: {said} dB"));
    }
    let points: Vec<[f32; 2]> = (0..effect.mask.len()).filter_map(point).collect();
    let scatter = EstimateScatter {
        label: "Blocks outside the region: estimated against measured effects, dB",
        points: &points,
        selected: point(index),
        colour: view.look.text,
    };
    against_estimates::show(ui, view, &scatter);
}

/// Where a part of the effect stands among the others.
fn split(
    ui: &mut Ui,
    view: &View<'_>,
    map: &MapResult,
    part: &MapPart,
    draws: usize,
    index: usize,
) {
    let q = &view.state.question.images;
    let over = match draws {
        0 => String::new(),
        draws => format!(" over {draws} draws"),
    };
    sentence(
        ui,
        view,
        &format!("{}, dB of PSNR{over}: {}.", part.title, part.sentence),
    );
    ui.spacing_mut().item_spacing.y = 4.0;
    for other in q.method.parts(&q.settings) {
        let Some(field) = map.field(other.field) else {
            continue;
        };
        let (value, error) = (
            field.values[index],
            field.effect_errors().map_or(f32::NAN, |e| e[index]),
        );
        let words = if error.is_finite() {
            format!("{} ± {} dB", signed(value, error), decimals(error, error))
        } else {
            format!("{} dB", signed(value, error))
        };
        ui.horizontal(|ui| {
            ui.set_height(18.0);
            muted(ui, view.theme, other.short);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.label(
                    RichText::new(words)
                        .font(fonts::mono(12.0))
                        .color(view.theme.text),
                );
            });
        });
    }
}

/// What replacing the block did, and what that means.
fn explain(effect: f32, untouched: Option<f32>, unsure: bool) -> String {
    let moved = untouched.map_or(String::new(), |m| {
        format!(
            "{m:.2} dB → {:.2} dB when this block is replaced. ",
            m - effect
        )
    });
    let meaning = if effect == 0.0 {
        "Destroying it changes nothing in the region."
    } else if unsure {
        "That is within two standard errors of no effect: more draws may tell."
    } else if effect > 0.0 {
        "Destroying it hurts the region: the network uses it."
    } else {
        "Destroying it helps the region: the network is misled by it."
    };
    format!("{moved}{meaning}")
}

/// The worst, the median and the best intervention, with the region that each caused.
fn tried(ui: &mut Ui, view: &View<'_>) {
    let q = &view.state.question.images;
    let wanted = q
        .active_network()
        .zip(view.state.images.block)
        .and_then(|(n, cell)| q.trying(n, view.state.question.seed, cell));
    if wanted.is_none() {
        muted(
            ui,
            view.theme,
            "With one stream of draws per block, the interventions can be shown: see Interventions, Draws.",
        );
        return;
    }
    let result = q
        .active_network()
        .and_then(|n| view.state.images.results.of(n))
        .and_then(|r| r.tried.as_ref())
        .filter(|t| Some(&t.experiment) == wanted.as_ref());
    let Some(shown) = result.and_then(Tried::of) else {
        return;
    };
    ui.add_space(4.0);
    heading(ui, view.theme, "Interventions tried", "worst, median, best");
    strip(ui, view, &shown.patches, &shown.captions, "Patch");
    heading(ui, view.theme, "Outputs they caused", "the region");
    strip(
        ui,
        view,
        &shown.outputs,
        &shown.captions,
        "Region after the patch",
    );
}

fn strip(ui: &mut Ui, view: &View<'_>, pictures: &[Raster], captions: &[String], what: &str) {
    const NAMES: [&str; 3] = ["worst", "median", "best"];
    let labels: Vec<String> = (0..pictures.len())
        .map(|i| format!("{what}, {}", NAMES.get(i).unwrap_or(&"another")))
        .collect();
    let small: Vec<SmallPicture<'_>> = pictures
        .iter()
        .zip(&labels)
        .zip(captions)
        .map(|((picture, label), caption)| SmallPicture {
            label,
            caption,
            picture,
        })
        .collect();
    picture_strip(ui, view.look, &small, 3, None);
}

/// Pictures of a block's interventions, where the answer brings them: fields over [draw, y, x, channel].
struct Tried {
    patches: Vec<Raster>,
    outputs: Vec<Raster>,
    captions: Vec<String>,
}

impl Tried {
    fn of(tried: &MapResult) -> Option<Self> {
        let patches = slices(tried.field("tried.patch")?);
        let outputs = slices(tried.field("tried.output")?);
        let psnr = tried.field("tried.psnr")?;
        let captions = psnr.values.iter().map(|v| format!("{v:.2} dB")).collect();
        Some(Self {
            patches,
            outputs,
            captions,
        })
    }
}

/// The pictures along a field's first axis.
fn slices(field: &Field) -> Vec<Raster> {
    let [count, rest @ ..] = field.axes.as_slice() else {
        return Vec::new();
    };
    let size: usize = rest.iter().map(|a| a.len()).product();
    (0..count.len())
        .filter_map(|i| {
            let values = field.values.get(i * size..(i + 1) * size)?.to_vec();
            let slice = Field::measured(&field.name, rest.to_vec(), values).ok()?;
            raster_of(&slice)
        })
        .collect()
}

/// The same block in the other networks' maps.
fn others(ui: &mut Ui, view: &View<'_>, _map: &MapResult, cell: Cell, cols: usize) {
    let q = &view.state.question.images;
    let part = view.state.images.part(q);
    let mut lines = Vec::new();
    for (i, network) in q.networks.iter().enumerate() {
        if i == q.active {
            continue;
        }
        let field = view
            .state
            .images
            .results
            .of(network)
            .and_then(|r| r.map.as_ref())
            .and_then(|m| m.field(part.field));
        let Some(field) = field.filter(|f| f.axes.get(1).is_some_and(|a| a.len() == cols)) else {
            continue;
        };
        let index = cell.row * cols + cell.col;
        let words = match (field.values.get(index), field.mask.get(index)) {
            (Some(v), Some(true)) if q.method == MethodName::CausalEffectMap => {
                let error = field.effect_errors().map_or(f32::NAN, |e| e[index]);
                if error.is_finite() {
                    format!("{} ± {} dB", signed(*v, error), decimals(error, error))
                } else {
                    format!("{} dB", signed(*v, f32::NAN))
                }
            }
            (Some(v), Some(true)) => read_number(*v),
            _ => "not measured yet".to_string(),
        };
        lines.push((view.state.images.name(network), words));
    }
    if lines.is_empty() {
        return;
    }
    ui.add_space(4.0);
    heading(ui, view.theme, "The same block", "in the other networks");
    for (name, words) in lines {
        ui.horizontal(|ui| {
            muted(ui, view.theme, name);
            ui.label(
                RichText::new(words)
                    .font(fonts::mono(12.0))
                    .color(view.theme.text),
            );
        });
    }
}

fn sentence(ui: &mut Ui, view: &View<'_>, words: &str) {
    ui.add(egui::Label::new(RichText::new(words).color(view.theme.muted)).wrap());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_decimals_of_their_error() {
        assert_eq!(signed(1.1379, 0.079), "+1.14");
        assert_eq!(signed(-0.0123, 0.0042), "−0.012");
        assert_eq!(signed(0.0, f32::NAN), "0.000");
    }

    #[test]
    fn a_block_is_explained_by_what_its_loss_does() {
        let words = explain(1.12, Some(27.41), false);
        assert_eq!(
            words,
            "27.41 dB → 26.29 dB when this block is replaced. Destroying it hurts the region: the network uses it."
        );
        assert!(explain(-0.4, None, false).starts_with("Destroying it helps"));
        assert!(explain(0.1, None, true).contains("two standard errors"));
        assert!(explain(0.0, None, false).contains("changes nothing"));
    }
}
