//! Effects that another program measured: one map of two axes, and the cell that is read out.

use egui::{ScrollArea, Ui};
use whyfinder_experiment::{Axis, Field, Labels, Metric};

use super::command::Command;
use super::controls::{big_number, empty_state, muted};
use super::imports::{ImportCommand, Imported};
use super::map_states::LastMap;
use super::view::View;
use crate::maps::axis_labels::AxisText;
use crate::maps::field_grid::{FieldGrid, field_grid};
use crate::maps::histogram::{Histogram, histogram};
use crate::maps::look::DataKey;
use crate::maps::token_text::{read_number, signed_number};

/// Maps that are offered as chips; more are offered as a list.
const MOST_CHIPS: usize = 6;

/// What the values are, as the colour bar says it.
fn measure(imported: &Imported, field: &Field) -> String {
    let metric = imported.outcome.summary.metric.replace('-', " ");
    match (metric.as_str(), field.name.as_str()) {
        ("psnr", "effect") => "loss of the region's PSNR".to_string(),
        ("", name) => name.to_string(),
        (metric, _) => metric.to_string(),
    }
}

/// Names of metrics that have a unit give it to their effects.
fn unit(imported: &Imported) -> &'static str {
    Metric::named(&imported.outcome.summary.metric).map_or("", |m| m.unit())
}

fn polarity(field: &Field) -> &'static str {
    if field.name == "effect" {
        "red helps, blue harms"
    } else {
        "red above zero, blue below"
    }
}

pub(crate) fn describe(view: &View<'_>) -> String {
    let Some((imported, field)) = shown(view) else {
        return String::new();
    };
    format!(
        "{}, {} by {}",
        measure(imported, field),
        field.axes[0].name,
        field.axes[1].name
    )
}

fn shown<'a>(view: &View<'a>) -> Option<(&'a Imported, &'a Field)> {
    let imported = view.state.imported.as_ref()?;
    let field = imported.field().filter(|f| f.axes.len() == 2)?;
    Some((imported, field))
}

/// Labels that are not 0, 1, 2, ... as texts.
fn labels(axis: &Axis) -> Option<Vec<String>> {
    match &axis.labels {
        Labels::Text(texts) => Some(texts.clone()),
        Labels::Number(numbers) => {
            let plain = numbers.iter().enumerate().all(|(i, n)| *n == i as f64);
            (!plain).then(|| (0..axis.len()).map(|i| axis.labels.text(i)).collect())
        }
    }
}

fn axis_text(labels: Option<&Vec<String>>) -> AxisText<'_> {
    match labels {
        Some(tokens) => AxisText::Tokens {
            tokens,
            subject: None,
        },
        None => AxisText::Numbers,
    }
}

pub(crate) fn show(ui: &mut Ui, view: &mut View<'_>) {
    let Some((imported, field)) = shown(view) else {
        let sentence = "The file holds no map of two axes.";
        empty_state(ui, view.theme, "Nothing to draw", sentence, None);
        return;
    };
    choose_map(ui, view, imported);
    let (down, across) = (labels(&field.axes[0]), labels(&field.axes[1]));
    let label = measure(imported, field);
    let data = FieldGrid {
        key: DataKey::new(("import", imported.map), imported.version),
        label: &label,
        axes: [&field.axes[0].name, &field.axes[1].name],
        rows: field.axes[0].len(),
        cols: field.axes[1].len(),
        row_text: axis_text(down.as_ref()),
        col_text: axis_text(across.as_ref()),
        values: &field.values,
        stderr: field.effect_errors(),
        count: field.count.as_deref(),
        measured: &field.mask,
        unit: unit(imported),
        polarity: polarity(field),
    };
    let rect = ui.available_rect_before_wrap();
    let response = field_grid(ui, view.look, &mut view.maps.field, &data, imported.cell);
    view.maps.place(LastMap::Field, rect);
    if response.response.has_focus() || response.response.clicked() {
        view.maps.last = LastMap::Field;
    }
    if let Some(cell) = response.picked {
        view.push(Command::Import(ImportCommand::SelectCell(cell)));
    }
}

fn choose_map(ui: &mut Ui, view: &mut View<'_>, imported: &Imported) {
    let fields = &imported.outcome.fields;
    if fields.len() < 2 {
        return;
    }
    let mut chosen = imported.map;
    if fields.len() <= MOST_CHIPS {
        ui.horizontal_wrapped(|ui| {
            for (i, field) in fields.iter().enumerate() {
                ui.selectable_value(&mut chosen, i, &field.name);
            }
        });
    } else {
        egui::ComboBox::from_id_salt("map of the import")
            .selected_text(fields.get(chosen).map_or("", |f| f.name.as_str()))
            .width(240.0)
            .show_ui(ui, |ui| {
                for (i, field) in fields.iter().enumerate() {
                    ui.selectable_value(&mut chosen, i, &field.name);
                }
            })
            .response
            .accessible_name("Map");
    }
    if chosen != imported.map {
        view.push(Command::Import(ImportCommand::ShowMap(chosen)));
    }
}

pub(crate) fn describe_cell(view: &View<'_>) -> String {
    let Some((imported, field)) = shown(view) else {
        return String::new();
    };
    imported.cell.map_or_else(String::new, |cell| {
        format!(
            "{} {}, {} {}",
            field.axes[0].name,
            field.axes[0].labels.text(cell.row),
            field.axes[1].name,
            field.axes[1].labels.text(cell.col)
        )
    })
}

/// The selected cell: its number, how sure it is, and every sample behind it.
pub(crate) fn show_cell(ui: &mut Ui, view: &mut View<'_>) {
    let chosen = shown(view).and_then(|(imported, field)| {
        let cell = imported.cell?;
        let index = field.index(&[cell.row, cell.col])?;
        Some((imported, field, index))
    });
    let Some((imported, field, index)) = chosen else {
        let sentence = "Click a cell of the map to read its value, its standard error and every sample behind it.";
        empty_state(ui, view.theme, "One cell in numbers", sentence, None);
        return;
    };
    let theme = view.theme;
    ScrollArea::vertical().id_salt("field cell").show(ui, |ui| {
        ui.set_width(ui.available_width());
        if !field.mask[index] {
            big_number(ui, view.theme, "–", "not measured", view.theme.text);
            muted(ui, theme, "The file has no value for this cell.");
            return;
        }
        let value = field.values[index];
        let error = field
            .effect_errors()
            .and_then(|e| e.get(index).copied())
            .filter(|e| e.is_finite());
        let count = field.count.as_ref().and_then(|c| c.get(index)).copied();
        let mut uncertain = unit(imported).to_string();
        if let Some(error) = error {
            uncertain = format!("± {} {uncertain} s.e.", read_number(error));
        }
        if let Some(count) = count {
            uncertain = format!("{uncertain} · {count} samples");
        }
        big_number(
            ui,
            view.theme,
            &signed_number(value),
            uncertain.trim(),
            view.theme.text,
        );
        if error.is_some_and(|e| value.abs() <= 2.0 * e) {
            muted(ui, theme, "Within two standard errors of zero.");
        } else if error.is_none() {
            muted(
                ui,
                theme,
                "The file gives no standard error and no samples.",
            );
        }
        let samples = field.samples_of(index);
        if samples.len() > 1 {
            let label = format!("{}, {} samples", measure(imported, field), samples.len());
            let colour = if value < 0.0 {
                theme.harms
            } else {
                theme.helps
            };
            histogram(
                ui,
                view.look,
                &Histogram {
                    label: &label,
                    samples,
                    reference: 0.0,
                    reference_name: "no effect",
                    unit: unit(imported),
                    colour,
                },
            );
        }
    });
}
