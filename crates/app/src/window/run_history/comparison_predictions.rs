//! The next tokens of two runs.

use egui::{Color32, Rect, RichText, ScrollArea, Stroke, Ui, vec2};

use super::Compared;
use super::comparing::Prediction;
use super::comparison::side_heading;
use crate::window::controls::muted;
use crate::window::view::View;
use crate::window::{fonts, words};

pub(super) fn show(ui: &mut Ui, view: &mut View<'_>, compared: &Compared, rows: &[Prediction]) {
    for side in 0..2 {
        side_heading(ui, view, compared, side, "");
    }
    let theme = view.theme;
    let most = rows
        .iter()
        .flat_map(|r| r.probability)
        .flatten()
        .fold(f32::MIN_POSITIVE, f32::max);
    let percent = |p: Option<f32>| p.map_or("–".to_string(), words::percent);
    // From a place in the ground, in parts of its width, so far; nothing is drawn of what is not known.
    let bar = |ui: &mut Ui, from: f32, part: Option<f32>, colour: Color32| {
        let (rect, _) = ui.allocate_exact_size(vec2(160.0, 12.0), egui::Sense::hover());
        ui.painter().rect_filled(rect, 2.0, theme.raised);
        let at = |part: f32| rect.left() + rect.width() * part.clamp(0.0, 1.0);
        if let Some(part) = part {
            let (a, b) = (at(from), at(from + part));
            let (left, right) = (a.min(b), a.max(b).max(a.min(b) + 1.0));
            let filled = Rect::from_x_y_ranges(left..=right, rect.y_range());
            ui.painter().rect_filled(filled, 2.0, colour);
        }
        if from > 0.0 {
            let zero = Stroke::new(1.0, theme.muted);
            ui.painter().vline(at(from), rect.y_range(), zero);
        }
    };
    ScrollArea::vertical().show(ui, |ui| {
        egui::Grid::new("predictions")
            .spacing(vec2(18.0, 8.0))
            .show(ui, |ui| {
                let columns: &[&str] = match compared.difference {
                    true => &["Next token", "B minus A", ""],
                    false => &["Next token", "A", "", "B", ""],
                };
                for column in columns {
                    muted(ui, theme, *column);
                }
                ui.end_row();
                for row in rows {
                    let token = RichText::new(words::token(&row.token)).font(fonts::mono(12.0));
                    ui.label(token);
                    let [a, b] = row.probability;
                    if compared.difference {
                        let difference = a.zip(b).map(|(a, b)| b - a);
                        let said = difference.map_or("not in both".to_string(), |d| {
                            format!("{:+.1} points", 100.0 * d).replace('-', "−")
                        });
                        ui.label(RichText::new(said).font(fonts::mono(12.0)));
                        let colour = match difference {
                            Some(d) if d < 0.0 => theme.harms,
                            _ => theme.helps,
                        };
                        bar(ui, 0.5, difference.map(|d| 0.5 * d / most), colour);
                    } else {
                        for p in [a, b] {
                            ui.label(RichText::new(percent(p)).font(fonts::mono(12.0)));
                            bar(ui, 0.0, p.map(|p| p / most), theme.selection);
                        }
                    }
                    ui.end_row();
                }
            });
    });
}
