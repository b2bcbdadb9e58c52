//! The next tokens of two runs.

use egui::{Color32, RichText, ScrollArea, Ui, vec2};

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
    let bar = |ui: &mut Ui, part: f32, colour: Color32| {
        let (rect, _) = ui.allocate_exact_size(vec2(160.0, 12.0), egui::Sense::hover());
        ui.painter().rect_filled(rect, 2.0, theme.raised);
        let mut filled = rect;
        filled.set_width((rect.width() * part.clamp(0.0, 1.0)).max(1.0));
        ui.painter().rect_filled(filled, 2.0, colour);
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
                        let d = difference.unwrap_or(0.0);
                        let colour = if d < 0.0 { theme.harms } else { theme.helps };
                        bar(ui, d.abs() / most, colour);
                    } else {
                        for p in [a, b] {
                            ui.label(RichText::new(percent(p)).font(fonts::mono(12.0)));
                            bar(ui, p.unwrap_or(0.0) / most, theme.selection);
                        }
                    }
                    ui.end_row();
                }
            });
    });
}
