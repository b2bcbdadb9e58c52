//! An outcome as figures, drawn without a display or a GPU.

use std::path::{Path, PathBuf};

use whyfinder_experiment::Outcome;
use whyfinder_figure::{
    Description, Figure, Format, Length, Panel, Source, default_views, open_origin, save,
};

use super::command_error::CommandError;
use super::existing;

/// Dots per inch of a picture beside an SVG.
const DPI: f32 = 220.0;

/// Draws an outcome into `FOLDER/NAME.svg` and `FOLDER/NAME.png`, each whole or not at all, and says where.
///
/// # Errors
/// If there is nothing in it to draw, or a file cannot be written or is none of ours.
pub(crate) fn draw(
    outcome: &Outcome,
    folder: &Path,
    name: &str,
    force: bool,
) -> Result<[PathBuf; 2], CommandError> {
    let description = Description {
        width: Length::DOUBLE,
        size: 8.0,
        panels: default_views(outcome)
            .into_iter()
            .map(|view| Panel::of(0, view))
            .collect(),
        ..Description::default()
    };
    let source = Source { outcome, name };
    let figure = Figure::new(&[source], &description).map_err(CommandError::failed)?;
    let formats = [Format::Svg, Format::Png];
    let paths = formats.map(|format| folder.join(format!("{name}.{}", format.ending())));
    for (path, format) in paths.iter().zip(formats) {
        let bytes = figure.bytes(format, DPI).map_err(CommandError::failed)?;
        // Drawn again, a scene's picture differs in its date.
        let is_own = open_origin(path).is_ok();
        existing::check([(path.as_path(), bytes.as_slice())], force || is_own)?;
        save(path, &bytes).map_err(CommandError::failed)?;
    }
    Ok(paths)
}
