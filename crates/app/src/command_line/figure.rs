//! Results as a figure.

use std::path::Path;

use whyfinder_experiment::Outcome;
use whyfinder_figure::{
    Description, Drawing, Figure, FigureError, Format, Panel, Part, Source, View, default_views,
    open_origin, save, views_of,
};

use super::arguments;
use super::command_error::CommandError;
use super::elsewhere::{asked, read_answer};
use super::existing;
use super::say::say;

/// Dots per inch of a PNG: fewer show nothing, more no printer has.
const LEAST_DPI: f32 = 10.0;
const MOST_DPI: f32 = 9600.0;

impl From<FigureError> for CommandError {
    fn from(error: FigureError) -> Self {
        match error {
            FigureError::Asked(_)
            | FigureError::NothingToDraw { .. }
            | FigureError::Paint(_)
            | FigureError::Font { .. }
            | FigureError::TooLarge { .. } => Self::bad_request(error),
            error => Self::failed(error),
        }
    }
}

pub(crate) fn figure(arguments: &arguments::Figure) -> Result<(), CommandError> {
    let asked = asked(&arguments.elsewhere)?;
    let outcomes: Vec<Outcome> = arguments
        .results
        .iter()
        .map(|path| read_answer(path, &asked))
        .collect::<Result<_, _>>()?;
    if arguments.list {
        for (path, outcome) in arguments.results.iter().zip(&outcomes) {
            for view in views_of(outcome) {
                say(format!("{}: {view}", path.display()))?;
            }
        }
        return Ok(());
    }
    let Some(out) = &arguments.out else {
        return Err(CommandError::bad_request(
            "Where the figure goes must be said with --out FILE.",
        ));
    };
    let format = Format::of(out)?;
    if !(LEAST_DPI..=MOST_DPI).contains(&arguments.dpi) {
        return Err(CommandError::bad_request(format!(
            "A picture of {} dots per inch cannot be made; set --dpi to a number from {LEAST_DPI} to {MOST_DPI}.",
            arguments.dpi
        )));
    }
    let description = describe(arguments, &outcomes)?;
    let names = names(&outcomes);
    let sources: Vec<Source<'_>> = outcomes
        .iter()
        .zip(&names)
        .map(|(outcome, name)| Source { outcome, name })
        .collect();
    let figure = Figure::new(&sources, &description)?;
    if arguments.invert && !figure.drawings().iter().any(Drawing::has_polarity) {
        return Err(CommandError::bad_request(
            "--invert exchanges the colours of what helps and what harms; nothing in this figure has such colours.",
        ));
    }
    for notice in figure.notices_of(format) {
        eprintln!("{notice}");
    }
    let bytes = figure.bytes(format, arguments.dpi)?;
    existing::check([(out.as_path(), bytes.as_slice())], arguments.over.force)?;
    save(out, &bytes)?;
    let [width, height] = figure.size().map(|points| points * 2.54 / 72.0);
    say(format!(
        "Wrote {} ({width:.1} x {height:.1} cm)",
        out.display()
    ))
}

/// What tells several results apart: the last part of their models' names, numbered where those are the same.
fn names(outcomes: &[Outcome]) -> Vec<String> {
    let short: Vec<String> = outcomes
        .iter()
        .map(|outcome| {
            let model = &outcome.experiment.model;
            Path::new(model)
                .file_name()
                .map_or_else(|| model.clone(), |n| n.to_string_lossy().into_owned())
        })
        .collect();
    short
        .iter()
        .enumerate()
        .map(|(i, name)| {
            if short.iter().filter(|n| *n == name).count() > 1 {
                format!("{name} ({})", i + 1)
            } else {
                name.clone()
            }
        })
        .collect()
}

fn describe(
    arguments: &arguments::Figure,
    outcomes: &[Outcome],
) -> Result<Description, CommandError> {
    let mut description = match &arguments.like {
        Some(path) => {
            open_origin(path)
                .map_err(CommandError::bad_request)?
                .description
        }
        None => Description::default(),
    };
    if let Some(width) = &arguments.width {
        description.width = width.parse()?;
    }
    if let Some(font) = &arguments.font {
        description.font.clone_from(font);
    }
    if let Some(size) = arguments.size {
        description.size = size;
    }
    if let Some(columns) = arguments.columns {
        description.columns = Some(usize::from(columns));
    }
    if let Some(heading) = &arguments.heading {
        description.heading = Some(heading.clone());
    }
    match arguments.theme.as_deref() {
        None => {}
        Some("light") => description.dark = false,
        Some("dark") => description.dark = true,
        Some(other) => {
            return Err(CommandError::bad_request(format!(
                "A theme is light or dark, not \"{other}\"."
            )));
        }
    }
    description.transparent |= arguments.transparent;
    description.title &= !arguments.no_title;
    description.letters &= !arguments.no_letters;
    if !arguments.fields.is_empty() || description.panels.is_empty() {
        description.panels = panels(arguments, outcomes)?;
    }
    let range = arguments.range.as_deref().map(range).transpose()?;
    let part = arguments.part.as_deref().map(part).transpose()?;
    for panel in &mut description.panels {
        if let Some(map) = &arguments.map {
            panel.map = Some(map.clone());
        }
        panel.range = range.or(panel.range);
        panel.inverted |= arguments.invert;
        panel.part = part.or(panel.part);
    }
    if arguments.difference {
        if outcomes.len() < 2 {
            return Err(CommandError::bad_request("A difference needs two results."));
        }
        let first = description
            .panels
            .iter()
            .find(|p| matches!(p.view, View::Field(_)));
        let Some(first) = first.cloned() else {
            return Err(CommandError::bad_request(
                "A difference needs a map to be shown.",
            ));
        };
        description.panels.push(Panel {
            source: 0,
            minus: Some(1),
            map: None,
            range: None,
            title: None,
            ..first
        });
    }
    Ok(description)
}

fn panels(arguments: &arguments::Figure, outcomes: &[Outcome]) -> Result<Vec<Panel>, CommandError> {
    let mut panels = Vec::new();
    let views: Vec<View> = arguments
        .fields
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()?;
    if views.is_empty() {
        for (source, outcome) in outcomes.iter().enumerate() {
            panels.extend(
                default_views(outcome)
                    .into_iter()
                    .map(|view| Panel::of(source, view)),
            );
        }
        return Ok(panels);
    }
    // The same view of all results side by side.
    for view in views {
        panels.extend((0..outcomes.len()).map(|source| Panel::of(source, view.clone())));
    }
    Ok(panels)
}

fn range(text: &str) -> Result<[f32; 2], CommandError> {
    let read = || {
        let (low, high) = text.split_once(',')?;
        Some([low.trim().parse().ok()?, high.trim().parse().ok()?])
    };
    read().ok_or_else(|| {
        CommandError::bad_request(format!(
            "\"{text}\" is no range; write one such as 0,0.5 or -1,1."
        ))
    })
}

/// `ROWS,COLUMNS`, each `FIRST-END`.
fn part(text: &str) -> Result<Part, CommandError> {
    let side = |text: &str| {
        let (first, end) = text.split_once('-')?;
        let side: [usize; 2] = [first.trim().parse().ok()?, end.trim().parse().ok()?];
        (side[0] < side[1]).then_some(side)
    };
    let read = || {
        let (rows, columns) = text.split_once(',')?;
        Some(Part {
            rows: side(rows)?,
            columns: side(columns)?,
        })
    };
    read().ok_or_else(|| {
        CommandError::bad_request(format!(
            "\"{text}\" is no part of a map; write its rows and columns, counted from 0 and without the last, such as \
             2-7,0-4."
        ))
    })
}
