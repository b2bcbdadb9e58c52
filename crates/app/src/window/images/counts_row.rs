//! Below the maps: the colours and their range, how many blocks help and harm, how far the network reaches.

use std::collections::BTreeMap;

use egui::{RichText, Ui, vec2};
use whyfinder_experiment::outcome::EffectCounts;

use super::map_data::{MapData, round_extent, shared_extremes};
use super::methods::MethodName;
use super::parts::MapPart;
use super::results::MapResult;
use crate::maps::{EffectBar, Share, counts_pie, effect_bar};
use crate::window::controls::muted;
use crate::window::fonts;
use crate::window::view::View;

/// The extent that follows the data.
pub(crate) fn default_extent(maps: &[Option<MapData>]) -> f32 {
    let most = shared_extremes(maps).map_or(0.0, |[low, high]| low.abs().max(high.abs()));
    round_extent(most)
}

pub(crate) fn bar(ui: &mut Ui, view: &mut View<'_>, maps: &[Option<MapData>]) {
    let part = view.state.images.part(&view.state.question.images);
    let differences = view.state.images.differences && maps.len() > 1;
    let label = if differences {
        "difference of effects".to_string()
    } else {
        part.title.to_lowercase()
    };
    let data = EffectBar {
        label: &label,
        unit: part.unit,
        signed: part.signed || differences,
        flipped: view.state.images.flipped,
        measured: shared_extremes(maps),
        default: default_extent(maps),
    };
    let range = if differences {
        &mut view.maps.pictures.difference_range
    } else {
        &mut view.maps.pictures.range
    };
    effect_bar(ui, view.look, &data, range);
}

pub(crate) fn counts(ui: &mut Ui, view: &mut View<'_>, network: &str) {
    let q = &view.state.question.images;
    let result = view.state.images.results.of(network);
    let Some(map) = result.and_then(|r| r.map.as_ref()) else {
        let running = view
            .state
            .jobs
            .images
            .iter()
            .any(|j| j.part == super::state::Part::Map);
        let estimate = super::map_panel::estimate_of_asked(view.state).map(|e| e.seconds);
        let before = view.state.images.estimate.as_ref();
        let may_be_long = before.is_some_and(|(_, e)| e.seconds > super::jobs::PATIENCE);
        let answerable = q.mapping(network, view.state.question.seed).is_some();
        let words = match estimate {
            _ if !answerable && q.picture.is_some() => {
                "This map compares the output with the truth: choose the truth of this picture, or another method."
                    .to_string()
            }
            _ if running => "The map follows as it is measured.".to_string(),
            Some(seconds) if seconds > super::jobs::PATIENCE => format!(
                "This map would take {}: press Run to measure it.",
                super::map_panel::seconds(seconds)
            ),
            None if may_be_long => {
                "How long this map would take is being found out; Run does not wait for that."
                    .to_string()
            }
            _ => "Drag the region, or press Run, to measure its map.".to_string(),
        };
        let words = RichText::new(words).size(12.5).color(view.theme.muted);
        ui.add(egui::Label::new(words).wrap());
        return;
    };
    let block = q.settings.block(q.method);
    let part = view.state.images.part(q);
    let counts = block.and_then(|b| map.counts(part.field, b));
    let (Some(counts), true) = (counts, q.method == MethodName::CausalEffectMap) else {
        numbers_of_map(ui, view, map, part);
        return;
    };
    let (helps, harms) = polarity_colours(view);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let shares = [
            Share {
                name: "help",
                count: counts.positive,
                colour: helps,
            },
            Share {
                name: "harm",
                count: counts.negative,
                colour: harms,
            },
            Share {
                name: "none",
                count: counts.zero,
                colour: view.theme.line,
            },
        ];
        counts_pie(ui, view.look, "Blocks outside the region", &shares, 42.0);
        let words = ui.available_width() - 12.0;
        let both = words > 372.0;
        let first = if both { 204.0 } else { words };
        column(ui, first, |ui| {
            numbers(ui, view, &counts);
            let reach = if both { String::new() } else { reach_note(map) };
            let errors = map
                .field(part.field)
                .and_then(|field| field.effect_errors());
            let (words, hover) = match errors {
                Some(_) => (
                    format!(
                        "significant: {} and {}{reach}",
                        counts.significant_positive, counts.significant_negative
                    ),
                    "Blocks whose effect is larger than two standard errors",
                ),
                None => (
                    format!("no errors known{reach}"),
                    "These numbers come from one pass, and do not say how sure they are",
                ),
            };
            muted(ui, view.theme, words).on_hover_text(hover);
        });
        if both {
            column(ui, words - first, |ui| reach(ui, view, map));
        }
    });
}

/// How far a map of pixels is spread, and how sure it is.
fn numbers_of_map(ui: &mut Ui, view: &View<'_>, map: &MapResult, part: &MapPart) {
    ui.spacing_mut().item_spacing.y = 2.0;
    if map.complete && map.field(part.field).is_none() {
        let sentence = "This map has no density: it lies on one line of pixels, or on too many.";
        muted(ui, view.theme, sentence);
        return;
    }
    let lines = spread_words(&map.summary.reference);
    if lines.is_empty() {
        muted(ui, view.theme, part.sentence);
    }
    for (words, hover) in lines {
        let words = RichText::new(words).size(12.5).color(view.theme.muted);
        ui.add(egui::Label::new(words).truncate())
            .on_hover_text(hover);
    }
}

/// A map's numbers in words, each with what it means.
fn spread_words(numbers: &BTreeMap<String, f32>) -> Vec<(String, &'static str)> {
    let number = |name: &str| numbers.get(name).copied().filter(|v| v.is_finite());
    let mut lines = Vec::new();
    if let (Some(index), Some(area)) = (number("diffusion-index"), number("area")) {
        lines.push((
            format!("Diffusion index {index:.1} of 100 · 95 % of the map in {area:.0} pixels"),
            "100 where all pixels of the input count alike, near 0 where one counts alone; compare it on the same \
             picture and region only",
        ));
    }
    if let (Some(left), Some(end), Some(start)) = (
        number("completeness"),
        number("detector"),
        number("detector.baseline"),
    ) && end != start
    {
        let share = 100.0 * (left / (end - start)).abs();
        lines.push((
            format!("The sum along the path is off by {share:.1} % of the change"),
            "What the pixels add up to, beside how far the detector really changed: the error of taking steps",
        ));
    }
    if let (Some(theory), Some(effective)) =
        (number("field.theoretical"), number("field.effective"))
    {
        lines.push((
            format!("{theory:.0} pixels can be seen, {effective:.0} are"),
            "Pixels that the operations lead to, and those above 4.55 % of the greatest gradient",
        ));
    }
    lines
}

fn column(ui: &mut Ui, width: f32, add: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(
        vec2(width, 44.0),
        egui::Layout::top_down(egui::Align::Min),
        |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = 2.0;
            add(ui);
        },
    );
}

/// Colours of helping and harming in words, as on the maps.
pub(crate) fn polarity_colours(view: &View<'_>) -> (egui::Color32, egui::Color32) {
    if view.state.images.flipped {
        (view.theme.harms, view.theme.helps)
    } else {
        (view.theme.helps, view.theme.harms)
    }
}

fn numbers(ui: &mut Ui, view: &View<'_>, counts: &EffectCounts) {
    let (helps, harms) = polarity_colours(view);
    let mut job = egui::text::LayoutJob::default();
    let mut add = |text: String, strong: bool, colour| {
        let font = if strong {
            fonts::semibold(13.0)
        } else {
            fonts::text(12.5)
        };
        job.append(&text, 0.0, egui::TextFormat::simple(font, colour));
    };
    add(counts.positive.to_string(), true, helps);
    add(" help · ".to_string(), false, view.theme.muted);
    add(counts.negative.to_string(), true, harms);
    add(" harm · ".to_string(), false, view.theme.muted);
    add(counts.zero.to_string(), true, view.theme.text);
    add(" none".to_string(), false, view.theme.muted);
    ui.add(egui::Label::new(job).truncate())
        .on_hover_text(format!(
            "Blocks outside the region; the {} blocks of the region itself are not counted",
            counts.region
        ));
}

/// How many blocks the region can read, in short; nothing where it can read all.
fn reach_note(map: &MapResult) -> String {
    let Some(reachable) = map.reachable() else {
        return String::new();
    };
    match reachable.iter().filter(|&&r| r).count() {
        inside if inside == reachable.len() => String::new(),
        inside => format!(" · reach {inside}"),
    }
}

fn reach(ui: &mut Ui, view: &View<'_>, map: &MapResult) {
    let Some(reachable) = map.reachable() else {
        return;
    };
    let (inside, all) = (reachable.iter().filter(|&&r| r).count(), reachable.len());
    let number = if inside == all {
        "all blocks".to_string()
    } else {
        format!("{inside} of {all}")
    };
    let mut job = egui::text::LayoutJob::default();
    let plain = egui::TextFormat::simple(fonts::text(12.5), view.theme.muted);
    job.append("within reach: ", 0.0, plain);
    let strong = egui::TextFormat::simple(fonts::semibold(12.5), view.theme.text);
    job.append(&number, 0.0, strong);
    ui.add(egui::Label::new(job).truncate());
    let words = if inside == all {
        "no block is beyond"
    } else {
        "dashed; zero beyond"
    };
    ui.add(egui::Label::new(RichText::new(words).size(12.5).color(view.theme.muted)).truncate());
}
