//! What a person can do with image networks.

use std::path::PathBuf;
use std::sync::Arc;

use egui::ColorImage;
use whyfinder_experiment::ImageSource;

use super::asking::ImageQuestion;
use super::state::PixelOf;
use crate::maps::{Cell, Region};

/// One thing to do; what each does stands in `applying`.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageCommand {
    /// Opens a network beside the others, to be compared with them.
    AddNetwork(String),
    /// Asks for a weights file, then adds it.
    ChooseNetwork,
    /// Takes a network out of the comparison.
    RemoveNetwork(usize),
    /// Reads out another network of the comparison.
    ShowNetwork(usize),
    /// Asks for a picture, then uses it.
    ChoosePicture,
    /// Asks for what the output should be.
    ChooseTruth,
    UsePicture(ImageSource),
    /// A picture from the clipboard.
    Paste(Arc<ColorImage>),
    /// A picture that was dropped or chosen.
    OpenPicture(PathBuf),
    OpenTruth(PathBuf),
    /// A picture that was dropped together with its truth: what the network sees.
    OpenInput(PathBuf),
    /// Any other change of what is asked.
    Ask(Box<ImageQuestion>),
    /// Moves or resizes the region that is asked about.
    SetRegion(Region),
    /// Another region beside the ones there are.
    AddRegion,
    RemoveRegion(usize),
    ShowRegion(usize),
    /// Maps the region with every network of the list.
    Run,
    /// Scores the maps by deletion and insertion.
    Score,
    SelectBlock(Cell),
    FlipPolarity,
    /// Draws another part of the method's answer.
    ShowPart(usize),
    /// The pointer is on this pixel, or on none.
    PointAt(Option<PixelOf>),
    /// Keeps the attention of this pixel in place, or lets it follow the pointer.
    Pin(Option<PixelOf>),
    /// Shows the other networks' maps as differences from the active one's.
    ShowDifferences(bool),
}
