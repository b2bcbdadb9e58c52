//! An outcome as figures, drawn without a display or a GPU.

use std::path::{Path, PathBuf};

use whyfinder_experiment::{InstrumentSettings, Outcome};
use whyfinder_figure::{attention_figure, image_figure, save, svg_to_png, trace_figure};
use whyfinder_paint::Theme;

use super::command_error::CommandError;

/// Pixels per unit of a figure.
const SHARPNESS: f32 = 2.0;

/// Draws an outcome into `FOLDER/NAME.svg` and `FOLDER/NAME.png`, each whole or not at all, and says where.
///
/// # Errors
/// If there is nothing in it to draw, or a file cannot be written.
pub(crate) fn draw(
    outcome: &Outcome,
    folder: &Path,
    name: &str,
) -> Result<[PathBuf; 2], CommandError> {
    let figure = match &outcome.experiment.instrument {
        InstrumentSettings::CausalTrace { .. } => trace_figure(outcome, Theme::Light),
        InstrumentSettings::Run { .. } => attention_figure(outcome, Theme::Light),
        InstrumentSettings::Image { .. } => image_figure(outcome, Theme::Light),
    };
    let figure = figure.map_err(CommandError::failed)?;
    let picture = svg_to_png(&figure, SHARPNESS).map_err(CommandError::failed)?;
    let paths = ["svg", "png"].map(|ending| folder.join(format!("{name}.{ending}")));
    for (path, bytes) in paths.iter().zip([figure.text.as_bytes(), &picture]) {
        save(path, bytes).map_err(CommandError::failed)?;
    }
    Ok(paths)
}
