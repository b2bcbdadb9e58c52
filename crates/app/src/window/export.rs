//! The figure that is being made: plain data, and what can be done with it.

use std::path::PathBuf;
use std::sync::Arc;

use whyfinder_experiment::{ImageMethod, InstrumentSettings, Outcome};
use whyfinder_figure::{Description, Format, Origin, Panel, View, default_views, views_of};

/// Whole answers that are kept for figures.
const MOST_KEPT: usize = 24;

/// The last whole answer of each instrument for each model, the latest first.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    outcomes: Vec<Arc<Outcome>>,
}

impl Finished {
    /// Takes an answer in place of the one of the same instrument and model.
    pub fn keep(&mut self, outcome: &Arc<Outcome>) {
        if let InstrumentSettings::Image {
            method: ImageMethod::CausalEffectMap(settings),
            ..
        } = &outcome.experiment.instrument
            && settings.only.is_some()
        {
            // One block's interventions are no map.
            return;
        }
        let key = |o: &Outcome| (o.experiment.model.clone(), o.experiment.instrument.name());
        let new = key(outcome);
        self.outcomes.retain(|o| key(o) != new);
        // A picture as it is restored says less than any map.
        let at = match outcome.experiment.instrument.name() {
            "restore" => self.outcomes.len(),
            _ => 0,
        };
        self.outcomes.insert(at, Arc::clone(outcome));
        self.outcomes.truncate(MOST_KEPT);
    }

    /// Those of some models, in the models' order.
    pub fn of(&self, models: &[String]) -> Vec<Arc<Outcome>> {
        models
            .iter()
            .flat_map(|model| {
                self.outcomes
                    .iter()
                    .filter(move |o| o.experiment.model == *model)
            })
            .cloned()
            .collect()
    }
}

/// A result that a figure can show.
#[derive(Clone, Debug)]
pub struct ExportSource {
    pub name: String,
    pub outcome: Arc<Outcome>,
}

/// What the dialog shows.
#[derive(Clone, Debug)]
pub struct Export {
    pub sources: Vec<ExportSource>,
    /// Views that can be panels, each with its source.
    pub available: Vec<(usize, View)>,
    pub description: Description,
    pub format: Format,
    /// Of a PNG.
    pub dpi: f32,
    /// The width as it is being typed, where it is none of the presets.
    pub width: String,
    pub drawn: Option<Drawn>,
    /// Raised with each change; a drawing of an earlier one is out of date.
    pub version: u64,
}

/// The figure as its file would be.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub version: u64,
    pub outcome: Result<DrawnFigure, String>,
}

#[derive(Clone, Debug)]
pub struct DrawnFigure {
    pub image: Arc<egui::ColorImage>,
    /// Width and height on paper.
    pub cm: [f32; 2],
    pub notices: Vec<String>,
}

/// What can be done in the dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportCommand {
    Open,
    Close,
    Describe(Box<Description>),
    /// What is typed as the width.
    Width(String),
    Format(Format),
    Dpi(f32),
    ChooseFont,
    /// Asks where the figure goes.
    Write,
    WriteTo(PathBuf),
    /// Asks where a Python script goes: of the result that is shown first, of the latest one, or of the question where
    /// nothing is measured yet.
    Script,
}

impl Export {
    /// A figure of everything that has been measured, showing what says most; none if there is nothing to show. The
    /// head that is looked at can be shown too.
    pub fn of(sources: Vec<ExportSource>, head: Option<(usize, usize)>) -> Option<Self> {
        let mut available: Vec<(usize, View)> = sources
            .iter()
            .enumerate()
            .flat_map(|(i, source)| {
                views_of(&source.outcome)
                    .into_iter()
                    .map(move |view| (i, view))
            })
            .collect();
        // The pictures of a run come with its map, too.
        let mut seen: Vec<(String, View)> = Vec::new();
        available.retain(|(source, view)| {
            let named = (sources[*source].name.clone(), view.clone());
            let new = !seen.contains(&named);
            seen.push(named);
            new
        });
        let latest = sources.first()?;
        let mut panels: Vec<Panel> = default_views(&latest.outcome)
            .into_iter()
            .map(|view| Panel::of(0, view))
            .collect();
        // Networks that are compared are shown beside each other.
        for (i, other) in sources.iter().enumerate().skip(1) {
            let alike = other.outcome.experiment.instrument.name()
                == latest.outcome.experiment.instrument.name();
            if alike {
                panels.extend(
                    default_views(&other.outcome)
                        .into_iter()
                        .map(|view| Panel::of(i, view)),
                );
            }
        }
        let atlas = available.iter().position(|(_, view)| *view == View::Atlas);
        if let (Some(atlas), Some((layer, head))) = (atlas, head) {
            let view = View::Head {
                layer,
                head,
                tokens: None,
            };
            let selected = (available[atlas].0, view);
            if !available.contains(&selected) {
                available.insert(atlas + 1, selected);
            }
        }
        available.first()?;
        Some(Self {
            sources,
            available,
            description: Description {
                panels,
                ..Description::default()
            },
            format: Format::Pdf,
            dpi: 300.0,
            width: String::new(),
            drawn: None,
            version: 1,
        })
    }

    /// Takes the description of a figure whose results and views are at hand, whatever their order here.
    pub fn take(&mut self, origin: &Origin) {
        let here = |source: usize| {
            let wanted = &origin.sources.get(source)?.experiment;
            self.sources.iter().position(|s| {
                let have = &s.outcome.experiment;
                have.model == wanted.model && have.instrument.name() == wanted.instrument.name()
            })
        };
        let mut description = origin.description.clone();
        for panel in &mut description.panels {
            let minus = panel.minus.map(&here);
            let (Some(source), false) = (here(panel.source), minus == Some(None)) else {
                return;
            };
            let known = matches!(panel.view, View::Head { .. })
                || views_of(&self.sources[source].outcome).contains(&panel.view);
            if !known {
                return;
            }
            (panel.source, panel.minus) = (source, minus.flatten());
        }
        if !description.panels.is_empty() {
            self.description = description;
        }
    }

    /// How a view is named in the list: its own name, and its result's where there are several.
    pub fn label(&self, source: usize, view: &View) -> String {
        match self.sources.get(source) {
            Some(of) if self.sources.len() > 1 => format!("{}: {view}", of.name),
            _ => view.to_string(),
        }
    }
}
