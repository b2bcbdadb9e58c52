//! What the clean, the corrupted and the patched run say next, side by side.

use egui::{ScrollArea, Ui};

use super::command::Command;
use super::controls::empty_state;
use super::view::View;
use crate::maps::distribution_bars::{TokenBars, distribution_bars};

/// Tokens shown at most.
const ROWS: usize = 10;

pub(crate) fn describe(view: &View<'_>) -> String {
    if view.state.results.run.is_some() {
        "next token at the last position".to_string()
    } else {
        "what comes next, and in which run".to_string()
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let rows = rows(view);
    if rows.is_empty() {
        let sentence =
            "The most likely next tokens of the clean, the corrupted and the patched run.";
        empty_state(ui, view.theme, "What comes next", sentence, None);
        return;
    }
    let chosen = view
        .state
        .question
        .answer
        .as_deref()
        .or_else(|| rows.first().map(|r| r.token));
    let selected = rows.iter().position(|r| Some(r.token) == chosen);
    let response = ScrollArea::vertical()
        .id_salt("predictions")
        .show(ui, |ui| distribution_bars(ui, view.look, &rows, selected))
        .inner;
    if let Some(token) = response.picked.and_then(|i| rows.get(i)) {
        let answer = token.token.to_string();
        if view.state.question.answer.as_ref() != Some(&answer) {
            view.commands.push(Command::SetAnswer(Some(answer)));
        }
    }
}

fn rows<'a>(view: &View<'a>) -> Vec<TokenBars<'a>> {
    let results: &'a super::results::Results = &view.state.results;
    let Some(run) = &results.run else {
        return Vec::new();
    };
    let trace = results.trace.as_ref().filter(|t| {
        t.experiment.input.prompt == run.experiment.input.prompt && !t.distributions.is_empty()
    });
    let Some(trace) = trace else {
        return run
            .top()
            .iter()
            .take(ROWS)
            .map(|t| TokenBars {
                token: &t.text,
                clean: Some(t.probability),
                corrupted: None,
                patched: None,
            })
            .collect();
    };
    let s = view.state.selection;
    let cell = s
        .token
        .zip(s.layer)
        .and_then(|(token, layer)| trace.cell_index(s.kind, token, layer))
        .and_then(|cell| trace.cells.get(&(s.kind, cell)));
    let tracked = trace.distribution("tracked");
    let clean = trace.distribution("clean");
    let corrupted = trace.distribution("corrupted");
    let find = |list: &[whyfinder_experiment::outcome::TokenProbability], id: u32| {
        list.iter().find(|t| t.id == id).map(|t| t.probability)
    };
    let source = if tracked.is_empty() { clean } else { tracked };
    source
        .iter()
        .enumerate()
        .take(ROWS)
        .map(|(i, t)| TokenBars {
            token: &t.text,
            clean: find(clean, t.id).or_else(|| find(run.top(), t.id)),
            corrupted: find(corrupted, t.id),
            patched: cell.and_then(|c| {
                c.tracked
                    .get(i)
                    .copied()
                    .or_else(|| c.top.iter().find(|(id, _)| *id == t.id).map(|(_, p)| *p))
            }),
        })
        .collect()
}
