//! The menu of files: opening, saving, and what was used lately.

use egui::{Button, Popup, RichText, Ui};

use super::command::Command;
use super::open_files::file_name;
use super::saving::FileCommand;
use super::state::State;
use super::view::View;
use super::words;

/// What the button is called, and what stands on it.
pub(super) fn names(state: &State) -> [String; 2] {
    match &state.file {
        Some(file) => {
            let name = words::shortened(&file_name(&file.path), 18);
            match state.is_changed() {
                true => [format!("File: {name}, changed"), format!("{name} •")],
                false => [format!("File: {name}"), name],
            }
        }
        None => ["File".to_string(), "File".to_string()],
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let [label, shown] = names(view.state);
    let button = ui.add(Button::new(shown)).accessible_name(label);
    let button = match &view.state.file {
        Some(file) if view.state.is_changed() => button.on_hover_text(format!(
            "{}\nThe question has been changed since",
            file.path.display()
        )),
        Some(file) => button.on_hover_text(file.path.display().to_string()),
        None => button.on_hover_text("Experiments, results and figures"),
    };
    if button.clicked() {
        view.push(Command::File(FileCommand::LookForRecent));
    }
    Popup::menu(&button).show(|ui| menu(ui, view));
}

fn menu(ui: &mut Ui, view: &mut View<'_>) {
    ui.set_min_width(280.0);
    let rows = [
        ("Open…", "Ctrl O", FileCommand::Choose),
        ("Save", "Ctrl S", FileCommand::Save),
        ("Save as…", "Ctrl Shift S", FileCommand::SaveAs),
    ];
    for (label, keys, command) in rows {
        if ui.add(Button::new(label).right_text(keys)).clicked() {
            view.push(Command::File(command));
        }
    }
    ui.separator();
    let small = |text: &str| RichText::new(text).small().color(view.theme.muted);
    if view.state.recent_files.is_empty() {
        ui.label(small("Files that you open or save stand here."));
        return;
    }
    ui.label(small("Recent files"));
    for recent in view.state.recent_files.clone() {
        let name = words::shortened(&file_name(&recent.path), 36);
        let colour = match recent.missing {
            true => view.theme.faint,
            false => view.theme.text,
        };
        let mut row = Button::new(RichText::new(&name).color(colour)).truncate();
        if recent.missing {
            row = row.right_text(small("missing"));
        }
        let label = match recent.missing {
            true => format!("Open {name}, missing"),
            false => format!("Open {name}"),
        };
        if ui
            .add(row)
            .accessible_name(label)
            .on_hover_text(recent.path.display().to_string())
            .clicked()
        {
            view.push(Command::File(FileCommand::Open(recent.path)));
        }
    }
    ui.separator();
    if ui.button("Clear the list").clicked() {
        view.push(Command::File(FileCommand::ForgetRecent));
    }
}
