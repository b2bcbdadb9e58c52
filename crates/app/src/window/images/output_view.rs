//! The output of a network, with the region that is asked about.

use egui::Ui;

use super::command::ImageCommand;
use super::pointed_at;
use crate::maps::{Named, PictureView, picture_view};
use crate::window::command::Command;
use crate::window::controls::muted;
use crate::window::map_states::LastMap;
use crate::window::view::View;

/// Draws the output over the room left; the region can be moved, resized and drawn anew. Gives the pixel that the
/// pointer is on.
pub(crate) fn show(
    ui: &mut Ui,
    view: &mut View<'_>,
    network: &str,
    size: [usize; 2],
    block: usize,
    swiped: bool,
) -> Option<[usize; 2]> {
    let state = view.state;
    let q = &state.question.images;
    let result = state.images.results.of(network)?;
    let Some(output) = result.output() else {
        muted(ui, view.theme, "The output is on its way.");
        return None;
    };
    let name = state.images.name(network);
    let label = format!("Output of {name}");
    let named = |name, picture| Named { name, picture };
    let others = q.other_regions();
    let windows = pointed_at::windows(state, network, size);
    let data = PictureView {
        label: &label,
        size,
        block,
        shown: named("output", output),
        swiped: result
            .input()
            .filter(|_| swiped)
            .map(|input| named("input", input)),
        truth: result.truth().map(|truth| named("truth", truth)),
        region: q.asked_region(),
        others: &others,
        windows: &windows,
        draws_regions: true,
    };
    let rect = ui.available_rect_before_wrap();
    let maps = &mut *view.maps;
    let response = picture_view(
        ui,
        view.look,
        &mut maps.pictures.view,
        &mut maps.pictures.picture,
        &data,
    );
    maps.place(LastMap::Output, rect);
    if response.response.has_focus() || response.response.clicked() {
        maps.last = LastMap::Output;
    }
    if let Some(region) = response.region
        && Some(region) != q.asked_region()
    {
        view.push(Command::Image(ImageCommand::SetRegion(region)));
    }
    pointed_at::pin(view, network, response.clicked);
    response.hovered
}
