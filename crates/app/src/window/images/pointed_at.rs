//! The pixel that the pointer is on, and the attention windows around it.

use whyfinder_experiment::{Axis, Field, Labels};

use super::command::ImageCommand;
use crate::maps::Region;
use crate::window::command::Command;
use crate::window::state::State;
use crate::window::view::View;

/// A pixel as the active network's input tells it from others, if that network has attention windows.
fn of_active(view: &View<'_>, [x, y]: [usize; 2]) -> Option<[usize; 2]> {
    let images = &view.state.images;
    let active = view.state.question.images.active_network()?;
    images.window(active)?;
    let scale = images.scale(active);
    Some([x / scale * scale, y / scale * scale])
}

/// Notes where the pointer is.
pub(crate) fn note(view: &mut View<'_>, pixel: Option<[usize; 2]>) {
    let pixel = pixel.and_then(|pixel| of_active(view, pixel));
    if pixel != view.state.images.pointed {
        view.push(Command::Image(ImageCommand::PointAt(pixel)));
    }
}

/// Keeps the attention of a pixel that was clicked; a second click on it lets go.
pub(crate) fn pin(view: &mut View<'_>, clicked: Option<[usize; 2]>) {
    let Some(pixel) = clicked.and_then(|pixel| of_active(view, pixel)) else {
        return;
    };
    let again = view.state.images.pinned == Some(pixel);
    let pinned = (!again).then_some(pixel);
    view.push(Command::Image(ImageCommand::Pin(pinned)));
}

/// The windows, in the output's pixels, around the pixel that the pointer is on or that was pinned: those of the
/// answer once it is there, until then the window of layers that do not shift theirs.
pub(crate) fn windows(state: &State, network: &str, [width, height]: [usize; 2]) -> Vec<Region> {
    let images = &state.images;
    let (Some(side), Some([x, y])) = (images.window(network), images.attended()) else {
        return Vec::new();
    };
    if x >= width || y >= height {
        return Vec::new();
    }
    let scale = images.scale(network);
    let answer = images
        .results
        .of(network)
        .and_then(|r| r.attention.as_ref());
    if let Some(answer) = answer.filter(|a| a.pixel() == Some([x / scale, y / scale])) {
        let mut found: Vec<Region> = Vec::new();
        for field in answer.attention_layers() {
            let window = window_of(field, scale);
            found.extend(window.filter(|w| !found.contains(w)));
        }
        return found;
    }
    let side = side * scale;
    let [left, top] = [x, y].map(|at| at / side * side);
    let [wide, high] = [side.min(width - left), side.min(height - top)];
    vec![Region::new(left, top, wide, high)]
}

/// Where a layer's attention lies.
fn window_of(field: &Field, scale: usize) -> Option<Region> {
    let [_, y, x] = field.axes.as_slice() else {
        return None;
    };
    let along = |axis: &Axis| match &axis.labels {
        Labels::Number(n) => Some((*n.first()? as usize * scale, n.len() * scale)),
        Labels::Text(_) => None,
    };
    let ((top, high), (left, wide)) = (along(y)?, along(x)?);
    Some(Region::new(left, top, wide, high))
}
