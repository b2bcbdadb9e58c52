//! What can go wrong while making a figure.

use whyfinder_experiment::ExperimentError;
use whyfinder_paint::PaintError;

/// An error whose message is a whole sentence.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// What was asked for cannot be meant.
    #[error("{0}.")]
    Asked(String),
    #[error("This result has nothing to draw as \"{wanted}\"; it has: {held}.")]
    NothingToDraw { wanted: String, held: String },
    #[error(transparent)]
    Paint(#[from] PaintError),
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    #[error("The figure could not be turned into pixels: {0}.")]
    Raster(String),
    #[error("The figure could not be turned into a PDF: {0}.")]
    Pdf(String),
    #[error(
        "The figure would be {width} x {height} pixels, which is too large; choose fewer dots per inch."
    )]
    TooLarge { width: u64, height: u64 },
    #[error("The font could not be read: {why}. Path: {path}")]
    Font { path: String, why: String },
    /// A file that was to bring back its experiment does not.
    #[error("{0}.")]
    Origin(String),
}
