//! Which picture the question is about: a bundled one, a file, or one from the clipboard.

use std::path::PathBuf;

use egui::{Button, ColorImage, Popup, Ui};
use whyfinder_experiment::ImageSource;
use whyfinder_experiment::picture::bundled::PICTURES;

use super::asking::{ImageQuestion, PictureRole};
use super::command::ImageCommand;
use crate::window::command::Command;
use crate::window::controls::{muted, quiet_button};
use crate::window::view::View;
use crate::window::words;

/// The name of a picture in lists.
pub(crate) fn name_of(source: &ImageSource) -> String {
    match source {
        ImageSource::Picture(name) => name.clone(),
        ImageSource::File(path) => path.file_name().map_or_else(
            || path.display().to_string(),
            |n| n.to_string_lossy().into_owned(),
        ),
    }
}

pub(crate) fn describe(view: &View<'_>) -> String {
    let q = &view.state.question.images;
    let size = q
        .active_network()
        .and_then(|n| view.state.images.results.of(n))
        .and_then(|r| super::map_data::output_size(&view.state.images, r));
    match (size, q.role) {
        (Some([w, h]), PictureRole::Truth) => format!("{w} × {h}"),
        (Some([w, h]), PictureRole::Input) => format!("output {w} × {h}"),
        (None, _) => "what is restored".to_string(),
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let q = view.state.question.images.clone();
    ui.spacing_mut().item_spacing.y = 6.0;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        choice(ui, view, &q);
        if q.picture.is_some() {
            role(ui, view, &q);
        }
    });
}

fn choice(ui: &mut Ui, view: &mut View<'_>, q: &ImageQuestion) {
    let shown = q
        .picture
        .as_ref()
        .map_or_else(|| "Choose a picture…".to_string(), name_of);
    let short = words::shortened(&shown, 22);
    let button = quiet_button(ui, view.theme, short, &format!("Picture: {shown}"));
    Popup::menu(&button).show(|ui| {
        ui.set_min_width(240.0);
        for picture in PICTURES {
            let source = ImageSource::Picture(picture.name.to_string());
            let selected = q.picture.as_ref() == Some(&source);
            if ui.add(Button::selectable(selected, picture.name)).clicked() {
                view.push(Command::Image(ImageCommand::UsePicture(source)));
            }
        }
        ui.separator();
        if ui.button("Open a picture…").clicked() {
            view.push(Command::Image(ImageCommand::ChoosePicture));
        }
        muted(
            ui,
            view.theme,
            "or drop one on the window, or paste one (Ctrl V)",
        );
    });
}

/// Whether the picture is the truth or the input.
fn role(ui: &mut Ui, view: &mut View<'_>, q: &ImageQuestion) {
    let words = match q.role {
        PictureRole::Truth => "is the truth",
        PictureRole::Input => "is the input",
    };
    let button = quiet_button(ui, view.theme, words, &format!("The picture {words}"));
    Popup::menu(&button).show(|ui| {
        ui.set_min_width(280.0);
        for (role, words) in [
            (
                PictureRole::Truth,
                "The truth: the input is made from it by the task",
            ),
            (PictureRole::Input, "The input: it is degraded already"),
        ] {
            if ui.add(Button::selectable(q.role == role, words)).clicked() {
                let mut next = q.clone();
                next.role = role;
                view.push(Command::Image(ImageCommand::Ask(Box::new(next))));
            }
        }
    });
    if q.role == PictureRole::Input {
        let truth = q
            .truth
            .as_ref()
            .map_or_else(|| "no truth".to_string(), name_of);
        let shown = format!("truth: {}", words::shortened(&truth, 16));
        let button = quiet_button(ui, view.theme, shown, &format!("Truth: {truth}"));
        Popup::menu(&button).show(|ui| {
            if ui.button("Choose the truth…").clicked() {
                view.push(Command::Image(ImageCommand::ChooseTruth));
            }
            if q.truth.is_some() && ui.button("Without a truth").clicked() {
                let mut next = q.clone();
                next.truth = None;
                view.push(Command::Image(ImageCommand::Ask(Box::new(next))));
            }
        });
    }
}

/// Keeps a pasted picture in a file, because experiments name files.
///
/// # Errors
/// A sentence, if it cannot be written.
pub(crate) fn save_pasted(image: &ColorImage) -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join("whyfinder-pasted");
    std::fs::create_dir_all(&folder).map_err(|e| {
        format!(
            "The folder for pasted pictures could not be made: {e}. Path: {}",
            folder.display()
        )
    })?;
    let free = (1..10_000)
        .map(|n| folder.join(format!("pasted-{}-{n}.png", std::process::id())))
        .find(|path| !path.exists());
    let Some(path) = free else {
        return Err(format!(
            "There are too many pasted pictures in {}; remove some.",
            folder.display()
        ));
    };
    let [width, height] = image.size;
    let pixels: Vec<u8> = image
        .pixels
        .iter()
        .flat_map(|c| c.to_srgba_unmultiplied())
        .collect();
    let picture = u32::try_from(width)
        .ok()
        .zip(u32::try_from(height).ok())
        .and_then(|(w, h)| image::RgbaImage::from_raw(w, h, pixels))
        .ok_or("The pasted picture has no usable size.")?;
    picture.save(&path).map_err(|e| {
        format!(
            "The pasted picture could not be kept: {e}. Path: {}",
            path.display()
        )
    })?;
    Ok(path)
}

/// Whether a path is a picture by its ending.
pub(crate) fn is_picture(path: &std::path::Path) -> bool {
    const ENDINGS: [&str; 10] = [
        "png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "ppm", "pgm",
    ];
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| ENDINGS.iter().any(|k| e.eq_ignore_ascii_case(k)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn pictures_are_known_by_their_ending() {
        assert!(is_picture(Path::new("/a/b.PNG")) && is_picture(Path::new("c.jpeg")));
        assert!(!is_picture(Path::new("net.pth")) && !is_picture(Path::new("png")));
    }

    #[test]
    fn a_pasted_picture_is_kept_pixel_for_pixel() {
        let image = ColorImage::from_rgba_unmultiplied([2, 1], &[1, 2, 3, 255, 9, 8, 7, 255]);
        let path = save_pasted(&image).expect("can be written");
        let back = image::open(&path).expect("a picture").to_rgba8();
        std::fs::remove_file(&path).expect("ours");
        assert_eq!(back.into_raw(), [1, 2, 3, 255, 9, 8, 7, 255]);
    }
}
