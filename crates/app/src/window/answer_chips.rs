//! The answer that effects are measured on, and the foil that it is compared with.

use egui::{Align2, Id, Popup, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo, vec2};

use super::command::Command;
use super::token_chips::{HEIGHT, chip_width};
use super::view::View;
use super::{fonts, words};

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    answer_chip(ui, view);
    foil_chip(ui, view);
}

/// Room that answer and foil take at the right.
pub(crate) fn width(ui: &Ui, view: &View<'_>) -> f32 {
    let answer = answer(view).map_or(240.0, |a| dashed_width(ui, &words::token(&a)));
    let foil = view.state.question.foil.as_deref().unwrap_or("foil");
    answer + dashed_width(ui, &words::token(foil)) + 28.0
}

/// The answer chosen, or else the most likely next token.
fn answer(view: &View<'_>) -> Option<String> {
    let top = view.state.results.run.as_ref().map_or(&[][..], |r| r.top());
    let chosen = view.state.question.answer.clone();
    chosen.or_else(|| top.first().map(|t| t.text.clone()))
}

/// Answers may be long; beyond this they are cut.
fn dashed_width(ui: &Ui, shown: &str) -> f32 {
    chip_width(ui, shown).clamp(52.0, 150.0)
}

/// The answer that effects are measured on.
fn answer_chip(ui: &mut Ui, view: &mut View<'_>) {
    let top = view.state.results.run.as_ref().map_or(&[][..], |r| r.top());
    let chosen = view.state.question.answer.clone();
    let Some(shown) = answer(view) else { return };
    let traced = view
        .state
        .results
        .trace
        .as_ref()
        .and_then(|t| t.summary.answer.as_ref());
    let probability = top
        .iter()
        .chain(traced)
        .find(|t| t.text == shown)
        .map(|t| t.probability);
    let note = match probability {
        Some(p) => words::percent(p),
        None => "answer".to_string(),
    };
    let response = dashed_chip(ui, view, &words::token(&shown), &note, true)
        .accessible_name(format!("Answer {}", words::token(&shown)))
        .on_hover_text("The answer that effects are measured on; click to choose another");
    Popup::menu(&response)
        .style(egui::style::StyleModifier::default())
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            pick_token(
                ui,
                view,
                "Answer",
                chosen.as_deref(),
                "Most likely next token",
                Command::SetAnswer,
            );
        });
}

/// The token that logit differences are taken against.
fn foil_chip(ui: &mut Ui, view: &mut View<'_>) {
    if view.state.results.run.is_none() && view.state.question.foil.is_none() {
        return;
    }
    let chosen = view.state.question.foil.clone();
    let (shown, note) = match &chosen {
        Some(foil) => {
            let top = view.state.results.run.as_ref().map_or(&[][..], |r| r.top());
            let p = top.iter().find(|t| t.text == *foil).map(|t| t.probability);
            (
                words::token(foil),
                p.map_or("foil".to_string(), words::percent),
            )
        }
        None => ("foil".to_string(), "none".to_string()),
    };
    let response = dashed_chip(ui, view, &shown, &note, false)
        .accessible_name(match &chosen {
            Some(foil) => format!("Foil {}", words::token(foil)),
            None => "Foil: none".to_string(),
        })
        .on_hover_text("The token that the answer is compared with in a logit difference");
    Popup::menu(&response)
        .style(egui::style::StyleModifier::default())
        .close_behavior(egui::PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| {
            pick_token(
                ui,
                view,
                "Foil",
                chosen.as_deref(),
                "No foil",
                Command::SetFoil,
            );
        });
}

fn dashed_chip(ui: &mut Ui, view: &View<'_>, shown: &str, note: &str, strong: bool) -> Response {
    let theme = view.theme;
    let size = vec2(dashed_width(ui, shown), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let lit = response.hovered() || response.has_focus();
    let colour = match (lit, strong) {
        (true, _) => theme.selection,
        (false, true) => theme.muted,
        (false, false) => theme.faint,
    };
    let painter = ui.painter();
    let edge = rect.shrink(0.5);
    let outline = [
        edge.left_top(),
        edge.right_top(),
        edge.right_bottom(),
        edge.left_bottom(),
        edge.left_top(),
    ];
    painter.extend(egui::Shape::dashed_line(
        &outline,
        Stroke::new(1.0, colour),
        3.0,
        2.5,
    ));
    let colour = if strong { theme.text } else { theme.muted };
    let mut job =
        egui::text::LayoutJob::simple_singleline(shown.to_string(), fonts::mono(12.5), colour);
    job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width() - 8.0);
    let galley = painter.layout_job(job);
    let at = rect.center_top() + vec2(-galley.size().x / 2.0, 13.0 - galley.size().y / 2.0);
    painter.galley(at, galley, colour);
    painter.text(
        rect.center_bottom() - vec2(0.0, 10.0),
        Align2::CENTER_CENTER,
        note,
        fonts::mono(10.0),
        theme.muted,
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, shown));
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

fn pick_token(
    ui: &mut Ui,
    view: &mut View<'_>,
    what: &str,
    chosen: Option<&str>,
    none: &str,
    command: fn(Option<String>) -> Command,
) {
    ui.set_width(230.0);
    ui.spacing_mut().item_spacing.y = 2.0;
    let draft_id = Id::unique(("token-draft", what));
    let mut draft = ui
        .data(|d| d.get_temp::<String>(draft_id))
        .unwrap_or_default();
    let field = egui::TextEdit::singleline(&mut draft)
        .hint_text("Type a token; a space in front counts")
        .font(fonts::mono(12.5))
        .desired_width(f32::INFINITY);
    let response = ui.add(field).accessible_name(format!("{what} token"));
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    ui.data_mut(|d| d.insert_temp(draft_id, draft.clone()));
    let mut picked: Option<Option<String>> = None;
    if entered && !draft.is_empty() {
        picked = Some(Some(draft));
    }
    if ui
        .add(egui::Button::selectable(chosen.is_none(), none))
        .clicked()
    {
        picked = Some(None);
    }
    let top = view.state.results.run.as_ref().map_or(&[][..], |r| r.top());
    for token in top {
        let label = RichText::new(words::token(&token.text)).font(fonts::mono(12.5));
        let share = RichText::new(words::percent(token.probability))
            .font(fonts::mono(11.5))
            .color(view.theme.muted);
        let row = egui::Button::selectable(chosen == Some(&token.text), label).right_text(share);
        if ui.add(row).clicked() {
            picked = Some(Some(token.text.clone()));
        }
    }
    if let Some(picked) = picked {
        ui.data_mut(|d| d.remove::<String>(draft_id));
        ui.close();
        view.push(command(picked));
    }
}
