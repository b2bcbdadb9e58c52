//! The pixel that the pointer is on, and the attention windows around it.

use whyfinder_experiment::{Axis, Field, Labels};

use super::command::ImageCommand;
use super::state::PixelOf;
use crate::maps::Region;
use crate::window::command::Command;
use crate::window::state::State;
use crate::window::view::View;

/// A pixel of a network's panel as the input of the network with attention windows tells it from others; `None` where no
/// network of the list has any.
fn of_panel(view: &View<'_>, network: &str, [x, y]: [usize; 2]) -> Option<PixelOf> {
    let images = &view.state.images;
    let network = images.windowed(&view.state.question.images, Some(network))?;
    let scale = images.scale(network);
    Some(PixelOf {
        network: network.to_string(),
        pixel: [x / scale * scale, y / scale * scale],
    })
}

/// Notes where the pointer is: the panel's network and the pixel.
pub(crate) fn note(view: &mut View<'_>, at: Option<(&str, [usize; 2])>) {
    let pointed = at.and_then(|(network, pixel)| of_panel(view, network, pixel));
    if pointed != view.state.images.pointed {
        view.push(Command::Image(ImageCommand::PointAt(pointed)));
    }
}

/// Keeps the attention of a pixel that was clicked in a network's panel; a second click on it lets go.
pub(crate) fn pin(view: &mut View<'_>, network: &str, clicked: Option<[usize; 2]>) {
    let Some(pixel) = clicked.and_then(|pixel| of_panel(view, network, pixel)) else {
        return;
    };
    let again = view.state.images.pinned.as_ref() == Some(&pixel);
    let pinned = (!again).then_some(pixel);
    view.push(Command::Image(ImageCommand::Pin(pinned)));
}

/// The windows, in the output's pixels, around the pixel that the pointer is on or that was pinned: those of the
/// answer once it is there, until then the window of layers that do not shift theirs.
pub(crate) fn windows(state: &State, network: &str, [width, height]: [usize; 2]) -> Vec<Region> {
    let images = &state.images;
    let here = images.attended().filter(|at| at.network == network);
    let (Some(side), Some(&PixelOf { pixel, .. })) = (images.window(network), here) else {
        return Vec::new();
    };
    let [x, y] = pixel;
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
