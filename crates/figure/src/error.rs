//! What can go wrong while making a figure.

use whyfinder_experiment::ExperimentError;
use whyfinder_paint::PaintError;

/// An error whose message is a whole sentence.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    #[error("This result has no field for a {wanted}: it holds {held}. {advice}")]
    NothingToDraw {
        wanted: &'static str,
        held: String,
        advice: &'static str,
    },
    #[error(transparent)]
    Paint(#[from] PaintError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error("The figure could not be turned into pixels: {0}.")]
    Raster(String),
    #[error(
        "The figure would be {width} x {height} pixels, which is too large; choose a smaller scale."
    )]
    TooLarge { width: u64, height: u64 },
}
