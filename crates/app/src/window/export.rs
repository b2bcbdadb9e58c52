//! The figure that is being made: plain data, and what can be done with it.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use whyfinder_experiment::{ImageMethod, InstrumentSettings, Outcome};
use whyfinder_figure::{Description, Format, Origin, Panel, Part, View, default_views, views_of};

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
        // A picture as it is restored says less than any map; attention is read wherever the pointer goes.
        let rank = |o: &Outcome| match o.experiment.instrument.name() {
            "restore" => 2,
            "window-attention" => 1,
            _ => 0,
        };
        let first = self.outcomes.iter().position(|o| rank(o) >= rank(outcome));
        let at = first.unwrap_or(self.outcomes.len());
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

/// What can be a panel: a view of a source, or how it differs from the same view of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub source: usize,
    pub view: View,
    pub minus: Option<usize>,
}

impl Choice {
    pub fn of(panel: &Panel) -> Self {
        Self {
            source: panel.source,
            view: panel.view.clone(),
            minus: panel.minus,
        }
    }

    pub fn panel(&self) -> Panel {
        Panel {
            minus: self.minus,
            ..Panel::of(self.source, self.view.clone())
        }
    }
}

/// What the dialog shows.
#[derive(Clone, Debug)]
pub struct Export {
    pub sources: Vec<ExportSource>,
    pub available: Vec<Choice>,
    pub description: Description,
    pub format: Format,
    /// Of a PNG.
    pub dpi: f32,
    /// The width as it is being typed, where it is none of the presets.
    pub width: String,
    /// Of maps that are zoomed, the part that the window shows; of others, the part that the figure came with.
    pub only_in_view: bool,
    /// The parts that an opened figure came with.
    pub parts: Vec<(Choice, Part)>,
    /// Whether any map here has a part that is less than the whole.
    pub zoomed: bool,
    pub drawn: Option<Drawn>,
    /// Raised with each change; a drawing of an earlier one is out of date.
    pub version: u64,
}

/// What was set in the dialog when it was closed; the results themselves are not kept for it.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    of: Vec<Weak<Outcome>>,
    description: Description,
    format: Format,
    dpi: f32,
    width: String,
    only_in_view: bool,
    parts: Vec<(Choice, Part)>,
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
    /// What concerns one format alone.
    pub of_formats: Vec<(Format, String)>,
}

/// What can be done in the dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportCommand {
    Open,
    Close,
    Describe(Box<Description>),
    /// Draws of zoomed maps what is in view, or all.
    OnlyInView(bool),
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
    /// head that is looked at can be shown too; where the window shows how other results differ from one of them, so
    /// does the figure.
    pub fn of(
        sources: Vec<ExportSource>,
        head: Option<(usize, usize)>,
        differences_from: Option<usize>,
    ) -> Option<Self> {
        let mut available: Vec<Choice> = Vec::new();
        // The pictures of a run come with its map, too.
        let mut seen: Vec<(&str, View)> = Vec::new();
        for (i, source) in sources.iter().enumerate() {
            for view in views_of(&source.outcome) {
                let named = (source.name.as_str(), view.clone());
                if !seen.contains(&named) {
                    seen.push(named);
                    available.push(Choice {
                        source: i,
                        view,
                        minus: None,
                    });
                }
            }
        }
        let base = differences_from.unwrap_or(0);
        let compared = alike(&sources, base);
        let differing: Vec<Choice> = compared
            .iter()
            .filter(|&&i| i != base)
            .flat_map(|&i| {
                let views = default_views(&sources[i].outcome).into_iter();
                let both = views_of(&sources[base].outcome);
                views
                    .filter(move |view| matches!(view, View::Field(_)) && both.contains(view))
                    .map(move |view| Choice {
                        source: i,
                        view,
                        minus: Some(base),
                    })
            })
            .collect();
        let shown = |i: usize| {
            let views = default_views(&sources[i].outcome).into_iter();
            views.map(move |view| Panel::of(i, view))
        };
        let panels: Vec<Panel> = match differences_from {
            Some(base) if !differing.is_empty() => shown(base)
                .chain(differing.iter().map(Choice::panel))
                .collect(),
            // Networks that are compared are shown beside each other.
            _ => alike(&sources, 0).into_iter().flat_map(shown).collect(),
        };
        available.extend(differing);
        let atlas = available.iter().position(|c| c.view == View::Atlas);
        if let (Some(atlas), Some((layer, head))) = (atlas, head) {
            let view = View::Head {
                layer,
                head,
                tokens: None,
            };
            let selected = Choice {
                view,
                ..available[atlas].clone()
            };
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
            only_in_view: false,
            parts: Vec::new(),
            zoomed: false,
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
            let parts = description.panels.iter();
            self.parts = parts
                .filter_map(|p| Some((Choice::of(p), p.part?)))
                .collect();
            self.only_in_view = !self.parts.is_empty();
            self.description = description;
        }
    }

    /// What the next figure goes on from.
    pub fn settings(&self) -> ExportSettings {
        ExportSettings {
            of: self
                .sources
                .iter()
                .map(|s| Arc::downgrade(&s.outcome))
                .collect(),
            description: self.description.clone(),
            format: self.format,
            dpi: self.dpi,
            width: self.width.clone(),
            only_in_view: self.only_in_view,
            parts: self.parts.clone(),
        }
    }

    /// Takes the look and the format of a figure that was made before, and its panels where they are of the same
    /// results.
    pub fn go_on_from(&mut self, last: &ExportSettings) {
        let alike = |(a, b): (&ExportSource, &Weak<Outcome>)| {
            std::ptr::eq(Arc::as_ptr(&a.outcome), b.as_ptr())
        };
        let same =
            self.sources.len() == last.of.len() && self.sources.iter().zip(&last.of).all(alike);
        let here = std::mem::replace(&mut self.description, last.description.clone());
        if same {
            self.parts.clone_from(&last.parts);
            self.only_in_view = last.only_in_view;
        } else {
            self.description.panels = here.panels;
            self.description.heading = here.heading;
        }
        (self.format, self.dpi) = (last.format, last.dpi);
        self.width.clone_from(&last.width);
    }

    /// How a choice is named in the list: the view's own name, and its result's where there are several.
    pub fn label(&self, choice: &Choice) -> String {
        let name = |source: usize| self.sources.get(source).map(|s| s.name.as_str());
        let view = &choice.view;
        match (name(choice.source), choice.minus.and_then(name)) {
            (Some(of), Some(minus)) => format!("{of} − {minus}: {view}"),
            (Some(of), None) if self.sources.len() > 1 => format!("{of}: {view}"),
            _ => view.to_string(),
        }
    }
}

/// The part of a panel's map that is kept for it.
pub(super) fn part_of(parts: &[(Choice, Part)], panel: &Panel) -> Option<Part> {
    let choice = Choice::of(panel);
    let kept = parts.iter().find(|(of, _)| *of == choice);
    kept.map(|(_, part)| *part)
}

/// Results of the same instrument as one of them, that one first.
fn alike(sources: &[ExportSource], to: usize) -> Vec<usize> {
    let instrument = |i: usize| sources[i].outcome.experiment.instrument.name();
    let others = (0..sources.len()).filter(|&i| i != to && instrument(i) == instrument(to));
    let first = (to < sources.len()).then_some(to);
    first.into_iter().chain(others).collect()
}
