//! A figure brings back its experiment and what was looked at.

use egui::Context;
use whyfinder_experiment::{Experiment, InstrumentSettings};
use whyfinder_figure::{Origin, View};

use super::application::Application;
use super::images::ImageCommand;
use super::looked::take_ranges;
use super::selection::Selection;
use crate::maps::Cell;
use crate::missing_model::missing_model;

impl Application {
    /// Puts the experiments of a figure, and looks at what it shows. The figure's own settings wait for the dialog that
    /// makes figures.
    pub(super) fn open_figure(&mut self, ctx: &Context, origin: Box<Origin>) {
        let Some(first) = origin.sources.first() else {
            return;
        };
        self.state.gallery_open = false;
        let experiment = first.experiment.clone();
        let about_pictures = matches!(experiment.instrument, InstrumentSettings::Image { .. });
        // What an earlier figure was made with is not for this one.
        self.last_export = None;
        if about_pictures {
            // Its own networks, and no others that were compared before.
            let mut question = self.state.question.clone();
            question.images.networks.clear();
            self.change(question, false);
        }
        let beside: Vec<String> = origin
            .sources
            .iter()
            .skip(1)
            .map(|s| s.experiment.model.clone())
            .filter(|model| about_pictures && *model != experiment.model)
            .collect();
        self.opened_figure = Some(origin);
        self.put(ctx, &experiment, true);
        for network in beside {
            self.apply_image(ctx, ImageCommand::AddNetwork(network));
        }
        self.figure_awaited = true;
        self.look_as_in_figure();
    }

    /// Selects and shows what the opened figure says.
    fn look_as_in_figure(&mut self) {
        let Some(origin) = &self.opened_figure else {
            return;
        };
        let selection = selection_of(origin);
        let description = &origin.description;
        let block = description.selected.as_ref().and_then(|s| s.block);
        let mut looked = description.looked.clone().unwrap_or_default();
        if description.looked.is_none() {
            take_ranges(&mut looked, origin);
        }
        looked.flipped |= description.panels.iter().any(|panel| panel.inverted);
        if selection != Selection::default() {
            self.state.selection = selection;
            self.chosen_by_hand = true;
        }
        if let Some([row, column]) = block {
            self.state.images.block = Some(Cell::new(row, column));
            self.state.images.block_by_hand = true;
        }
        self.look_again(&looked);
        if let (Some(imported), Some([row, column])) = (&mut self.state.imported, block) {
            imported.choose(Cell::new(row, column));
        }
    }

    /// Shows every map whole, or as the figure has it whose answers are on their way.
    pub(super) fn fit_maps(&mut self) {
        self.maps.fit_all();
        if self.figure_awaited {
            self.look_as_in_figure();
        }
    }

    /// Once an experiment of the opened figure is answered, its maps are the person's to move.
    pub(super) fn settle_opened_figure(&mut self, answered: &Experiment) {
        let awaited = self.opened_figure.as_ref().is_some_and(|origin| {
            let same = |asked: &Experiment| {
                asked.model == answered.model
                    && asked.instrument.name() == answered.instrument.name()
            };
            origin.sources.iter().any(|s| same(&s.experiment))
        });
        self.figure_awaited &= !awaited;
    }

    /// What to say where the model that cannot be opened is that of a figure: its name and digests too.
    pub(super) fn missing_for_figure(&self, model: &str, message: String) -> String {
        let source = self
            .opened_figure
            .as_ref()
            .and_then(|origin| origin.sources.iter().find(|s| s.experiment.model == model));
        match source {
            Some(source) => missing_model(model, &source.provenance, &message),
            None => message,
        }
    }
}

/// What was selected; else the head that the figure shows.
fn selection_of(origin: &Origin) -> Selection {
    let mut selection = Selection::default();
    let heads = origin
        .description
        .panels
        .iter()
        .filter_map(|panel| match panel.view {
            View::Head { layer, head, .. } => Some((layer, head)),
            _ => None,
        });
    if let Some((layer, head)) = heads.take(1).next() {
        selection = selection.with_head(layer, head);
    }
    if let Some(selected) = &origin.description.selected {
        selection = Selection {
            layer: selected.layer.or(selection.layer),
            head: selected.head.or(selection.head),
            query: selected.query,
            key: selected.key,
            token: selected.token,
            kind: selected.kind.unwrap_or(selection.kind),
        };
    }
    selection
}
