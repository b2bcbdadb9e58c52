//! Below the maps: the colours and their range, how many blocks help and harm, how far the network reaches.

use egui::{RichText, Ui, vec2};
use whyfinder_experiment::outcome::EffectCounts;

use super::map_data::{MapData, round_extent, shared_extremes};
use super::methods::MethodName;
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
    let method = view.state.question.images.method;
    let differences = view.state.images.differences && maps.len() > 1;
    let label = if differences {
        "difference of effects".to_string()
    } else {
        method.title().to_lowercase()
    };
    let data = EffectBar {
        label: &label,
        unit: method.unit(),
        signed: method.is_signed() || differences,
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
        let estimate = view.state.images.estimate.as_ref().map(|(_, e)| e.seconds);
        let words = match estimate {
            _ if running => "The map follows as it is measured.".to_string(),
            Some(seconds) if seconds > super::applying::PATIENCE => format!(
                "This map would take {}: press Run to measure it.",
                super::map_panel::seconds(seconds)
            ),
            _ => "Drag the region, or press Run, to measure its map.".to_string(),
        };
        muted(ui, view.theme, words);
        return;
    };
    let block = q.settings.block(q.method);
    let counts = block.and_then(|b| map.counts(b));
    let (Some(counts), true) = (counts, q.method == MethodName::CausalEffectMap) else {
        muted(ui, view.theme, q.method.sentence());
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
            muted(
                ui,
                view.theme,
                format!(
                    "significant: {} and {}{}",
                    counts.significant_positive,
                    counts.significant_negative,
                    if both { String::new() } else { reach_note(map) }
                ),
            )
            .on_hover_text("Blocks whose effect is larger than two standard errors");
        });
        if both {
            column(ui, words - first, |ui| reach(ui, view, map));
        }
    });
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
fn reach_note(map: &super::results::MapResult) -> String {
    let Some(reachable) = map.reachable() else {
        return String::new();
    };
    match reachable.iter().filter(|&&r| r).count() {
        inside if inside == reachable.len() => String::new(),
        inside => format!(" · reach {inside}"),
    }
}

fn reach(ui: &mut Ui, view: &View<'_>, map: &super::results::MapResult) {
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
