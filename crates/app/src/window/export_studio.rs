//! Figures are drawn and written away from the window's thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use egui::Context;
use whyfinder_experiment::Outcome;
use whyfinder_figure::{Description, Figure, FigureError, Format, Length, Selected, Source, save};

use super::application::Application;
use super::dialogs::Wanted;
use super::export::{Choice, Drawn, DrawnFigure, Export, ExportCommand, ExportSource, part_of};
use super::open_files::file_name;
use super::state::{Notice, NoticeAction};

/// Width of the preview, points.
pub(crate) const PREVIEW: f32 = 640.0;

/// The thread that draws, started when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Studio {
    channels: Option<(Sender<Order>, Receiver<Delivery>)>,
}

#[derive(Debug)]
struct Order {
    sources: Vec<ExportSource>,
    description: Description,
    work: Work,
}

#[derive(Clone, Debug)]
enum Work {
    Preview {
        version: u64,
        dpi: f32,
    },
    Write {
        path: PathBuf,
        format: Format,
        dpi: f32,
    },
}

#[derive(Debug)]
enum Delivery {
    Drawn(Drawn),
    Written(PathBuf, Result<(), String>),
}

impl Studio {
    fn order(&mut self, ctx: &Context, order: Order) {
        if self.channels.is_none() {
            let (send_order, orders) = unbounded::<Order>();
            let (send, deliveries) = unbounded();
            let wake = ctx.clone();
            let spawned = std::thread::Builder::new()
                .name("figures".into())
                .spawn(move || work(&orders, &send, &wake));
            if spawned.is_ok() {
                self.channels = Some((send_order, deliveries));
            }
        }
        if let Some((send, _)) = &self.channels {
            // Fails only if the thread is gone; the preview then stays as it is.
            send.send(order).ok();
        }
    }

    fn delivered(&self) -> Option<Delivery> {
        self.channels.as_ref()?.1.try_recv().ok()
    }
}

/// Of several previews that wait, only the last is drawn; everything is written.
fn work(orders: &Receiver<Order>, send: &Sender<Delivery>, wake: &Context) {
    while let Ok(first) = orders.recv() {
        let waiting: Vec<Order> = std::iter::once(first).chain(orders.try_iter()).collect();
        let is_preview = |order: &Order| matches!(order.work, Work::Preview { .. });
        let last = waiting.iter().rposition(is_preview);
        for (i, order) in waiting.iter().enumerate() {
            if is_preview(order) && Some(i) != last {
                continue;
            }
            if send.send(carry_out(order)).is_err() {
                return;
            }
            wake.request_repaint();
        }
    }
}

fn carry_out(order: &Order) -> Delivery {
    let sources: Vec<Source<'_>> = order
        .sources
        .iter()
        .map(|s| Source {
            outcome: &s.outcome,
            name: &s.name,
        })
        .collect();
    let figure = Figure::new(&sources, &order.description);
    match &order.work {
        Work::Preview { version, dpi } => Delivery::Drawn(Drawn {
            version: *version,
            outcome: figure
                .and_then(|f| preview(&f, *dpi))
                .map_err(|e| e.to_string()),
        }),
        Work::Write { path, format, dpi } => {
            let written = figure
                .and_then(|f| f.bytes(*format, *dpi))
                .and_then(|bytes| save(path, &bytes))
                .map_err(|e| e.to_string());
            Delivery::Written(path.clone(), written)
        }
    }
}

fn preview(figure: &Figure, dpi: f32) -> Result<DrawnFigure, FigureError> {
    let image = figure.image(dpi)?;
    let size = [image.width as usize, image.height as usize];
    let known = figure.notices().len();
    let of_formats = Format::ALL
        .iter()
        .flat_map(|&format| {
            let all = figure.notices_of(format).into_iter().skip(known);
            all.map(move |notice| (format, notice))
        })
        .collect();
    Ok(DrawnFigure {
        image: Arc::new(egui::ColorImage::from_rgba_unmultiplied(
            size,
            image.bytes(),
        )),
        cm: figure.size().map(|points| points * 2.54 / 72.0),
        notices: figure.notices().to_vec(),
        of_formats,
    })
}

impl Application {
    pub(super) fn apply_export(&mut self, ctx: &Context, command: ExportCommand) {
        match command {
            ExportCommand::Open => self.open_export(ctx),
            ExportCommand::Close => self.close_export(),
            ExportCommand::Describe(description) => self.describe(ctx, *description),
            ExportCommand::OnlyInView(only) => {
                self.change_export(ctx, |e| e.only_in_view = only);
            }
            ExportCommand::Width(width) => self.change_export(ctx, |e| {
                if let Ok(length) = width.parse::<Length>() {
                    e.description.width = length;
                }
                e.width = width;
            }),
            ExportCommand::Format(format) => {
                if let Some(export) = &mut self.state.export {
                    export.format = format;
                }
            }
            ExportCommand::Dpi(dpi) => {
                if let Some(export) = &mut self.state.export {
                    export.dpi = dpi;
                }
            }
            ExportCommand::ChooseFont => self.ask_for(ctx, Wanted::Font),
            ExportCommand::Write => {
                if let Some(export) = &self.state.export {
                    let format = export.format;
                    self.ask_for(ctx, Wanted::SaveFigure(format));
                }
            }
            ExportCommand::WriteTo(path) => self.write_figure(ctx, path),
            ExportCommand::Script => self.ask_for_script(ctx),
        }
    }

    /// The models that what is on screen is about.
    pub(super) fn models_shown(&self) -> Vec<String> {
        if let Some(imported) = &self.state.imported {
            vec![imported.outcome.experiment.model.clone()]
        } else if self.state.is_about_images() {
            self.state.question.images.networks.clone()
        } else {
            self.state
                .model_reference()
                .map(str::to_string)
                .into_iter()
                .collect()
        }
    }

    fn open_export(&mut self, ctx: &Context) {
        let outcomes = self.state.finished.of(&self.models_shown());
        let sources = outcomes
            .iter()
            .map(|outcome| {
                let model = &outcome.experiment.model;
                let alone = outcomes.iter().all(|o| o.experiment.model == *model);
                let instrument = outcome.experiment.instrument.name().replace('-', " ");
                let name = match alone {
                    true => instrument,
                    false => self.state.images.name(model),
                };
                ExportSource {
                    name,
                    outcome: Arc::clone(outcome),
                }
            })
            .collect();
        let s = self.state.selection;
        let head = s.layer.zip(s.head);
        let differences_from = self.shown_differences_from(&outcomes);
        let Some(mut export) = Export::of(sources, head, differences_from) else {
            self.say(ctx, "There is nothing measured to export yet");
            return;
        };
        if let Some(origin) = &self.opened_figure {
            export.take(origin);
        }
        if let Some(last) = &self.last_export {
            export.go_on_from(last);
        }
        for panel in &mut export.description.panels {
            let outcome = &export.sources[panel.source].outcome;
            // A range that an opened figure was given elsewhere stays until one is set here.
            let came_with = panel.range.filter(|_| self.opened_figure.is_some());
            panel.range = self.range_in_view(outcome, panel).or(came_with);
            panel.inverted = self.inverted_in_view(outcome, panel);
        }
        self.state.export = Some(export);
        self.change_export(ctx, |_| {});
    }

    /// What was set stays for the next figure.
    fn close_export(&mut self) {
        if let Some(export) = self.state.export.take() {
            self.last_export = Some(export.settings());
        }
    }

    /// Takes what the person has set; panels that are new are coloured as the window shows their maps.
    fn describe(&mut self, ctx: &Context, mut description: Description) {
        let Some(export) = &self.state.export else {
            return;
        };
        let known: Vec<Choice> = export.description.panels.iter().map(Choice::of).collect();
        for panel in &mut description.panels {
            let source = export.sources.get(panel.source);
            if let Some(source) = source.filter(|_| !known.contains(&Choice::of(panel))) {
                panel.range = self.range_in_view(&source.outcome, panel);
                panel.inverted = self.inverted_in_view(&source.outcome, panel);
            }
        }
        self.change_export(ctx, |e| e.description = description);
    }

    /// The result that the others' differences from are shown in the window.
    fn shown_differences_from(&self, outcomes: &[Arc<Outcome>]) -> Option<usize> {
        let images = &self.state.images;
        let q = &self.state.question.images;
        if !images.differences || !self.state.is_about_images() || q.networks.len() < 2 {
            return None;
        }
        let active = q.active_network()?;
        outcomes.iter().position(|o| o.experiment.model == active)
    }

    /// Changes the figure and has it drawn anew.
    fn change_export(&mut self, ctx: &Context, change: impl FnOnce(&mut Export)) {
        let Some(mut export) = self.state.export.take() else {
            return;
        };
        change(&mut export);
        export.zoomed = false;
        for panel in &mut export.description.panels {
            let source = export.sources.get(panel.source);
            let part = source.and_then(|s| self.part_in_view(&s.outcome, &panel.view));
            let part = part.or_else(|| part_of(&export.parts, panel));
            export.zoomed |= part.is_some();
            panel.part = part.filter(|_| export.only_in_view);
        }
        export.description.selected = self.selected_for_figure();
        export.description.looked = self.looked();
        export.version += 1;
        let inches = export.description.width.points() / 72.0;
        let dpi = (PREVIEW * ctx.pixels_per_point() / inches).clamp(40.0, 600.0);
        let order = Order {
            sources: export.sources.clone(),
            description: export.description.clone(),
            work: Work::Preview {
                version: export.version,
                dpi,
            },
        };
        self.state.export = Some(export);
        self.studio.order(ctx, order);
    }

    fn selected_for_figure(&self) -> Option<Selected> {
        let s = self.state.selection;
        let images = self.state.is_about_images();
        let chosen = s.layer.is_some() || s.token.is_some();
        let selected = Selected {
            kind: Some(s.kind).filter(|_| chosen && !images),
            layer: s.layer,
            head: s.head,
            query: s.query,
            key: s.key,
            token: s.token,
            block: match &self.state.imported {
                Some(imported) => imported.cell,
                None => self.state.images.block.filter(|_| images),
            }
            .map(|cell| [cell.row, cell.col]),
        };
        (selected != Selected::default()).then_some(selected)
    }

    /// Writes the figure; the chosen format's ending is added to a name that has none of ours.
    fn write_figure(&mut self, ctx: &Context, path: PathBuf) {
        let Some(export) = &self.state.export else {
            return;
        };
        let (path, format) = match Format::of(&path) {
            Ok(format) => (path, format),
            Err(_) => {
                let name = format!("{}.{}", path.display(), export.format.ending());
                let path = PathBuf::from(name);
                if path.exists() {
                    // The system's dialog has asked about the name without its ending.
                    self.close_export();
                    self.state.notice = Some(Notice::taken(&path));
                    return;
                }
                (path, export.format)
            }
        };
        let order = Order {
            sources: export.sources.clone(),
            description: export.description.clone(),
            work: Work::Write {
                path,
                format,
                dpi: export.dpi,
            },
        };
        self.studio.order(ctx, order);
    }

    pub(super) fn take_font(&mut self, ctx: &Context, path: &Path) {
        let font = path.display().to_string();
        self.change_export(ctx, |e| e.description.font = font);
    }

    /// Takes what has been drawn and written since the last frame.
    pub(super) fn take_drawn_figures(&mut self, ctx: &Context) {
        while let Some(delivery) = self.studio.delivered() {
            match delivery {
                Delivery::Drawn(drawn) => {
                    if let Some(export) = &mut self.state.export
                        && drawn.version <= export.version
                    {
                        export.drawn = Some(drawn);
                    }
                }
                Delivery::Written(path, Ok(())) => {
                    self.close_export();
                    self.say(ctx, &format!("Wrote {}", path.display()));
                }
                Delivery::Written(path, Err(message)) => {
                    self.close_export();
                    self.state.notice = Some(Notice {
                        title: format!("Could not write {}", file_name(&path)),
                        message,
                        action: NoticeAction::None,
                    });
                }
            }
        }
    }
}
