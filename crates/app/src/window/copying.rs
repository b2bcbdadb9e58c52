//! The clipboard: the picture of a map, or its numbers.

use std::fmt::Write;

use egui::{Context, Rect};
use whyfinder_experiment::TraceKind;

use super::application::Application;
use super::map_states::LastMap;
use super::words;

impl Application {
    /// Copies the map used last, as it is on screen.
    pub(super) fn copy_picture(&mut self, ctx: &Context) {
        let map = self.maps.last;
        let Some(place) = self.maps.places[map as usize] else {
            self.say(ctx, "There is no map to copy yet");
            return;
        };
        let clipboard = ctx.clone();
        ctx.request_screenshot(move |image| {
            let scale = clipboard.pixels_per_point();
            let whole = Rect::from_min_size(
                egui::Pos2::ZERO,
                egui::vec2(image.width() as f32, image.height() as f32) / scale,
            );
            let region = place.expand(8.0).intersect(whole);
            if region.is_positive() {
                clipboard.copy_image(image.region(&region, Some(scale)));
                clipboard.request_repaint();
            }
        });
        self.say(ctx, &format!("Copied the picture of the {}", map.title()));
    }

    /// Copies the numbers of the map used last, as a table with tabs.
    pub(super) fn copy_numbers(&mut self, ctx: &Context) {
        let map = self.maps.last;
        let table = match map {
            LastMap::Trace => self.trace_numbers(),
            LastMap::Atlas | LastMap::Head | LastMap::Lines => self.head_numbers(),
            LastMap::Effects | LastMap::Output => self.effect_numbers(),
            LastMap::Field => self.field_numbers(),
        };
        match table {
            Some(table) => {
                ctx.copy_text(table);
                self.say(ctx, &format!("Copied the numbers of the {}", map.title()));
            }
            None => self.say(ctx, "There are no numbers to copy yet"),
        }
    }

    /// One row per measured cell: kind, token, layer, value, its standard error and the effect's.
    fn trace_numbers(&self) -> Option<String> {
        let trace = self.state.results.trace.as_ref()?;
        let mut table = String::from(
            "kind\tposition\ttoken\tlayer\tvalue\tstandard error\tstandard error of the effect\n",
        );
        for kind in TraceKind::ALL {
            let Some(grid) = trace.grid(kind) else {
                continue;
            };
            let layers = grid.axes.get(1)?.len();
            for (cell, value) in grid
                .values
                .iter()
                .enumerate()
                .filter(|(i, _)| grid.mask[*i])
            {
                let (token, layer) = (cell / layers, cell % layers);
                let text = trace.summary.tokens.get(token).map(|t| words::token(t));
                let stderr = grid.stderr.as_ref().map_or(f32::NAN, |s| s[cell]);
                let of_effect = grid.effect_errors().map_or(f32::NAN, |s| s[cell]);
                // Writing to a string cannot fail.
                let _ = writeln!(
                    table,
                    "{}\t{token}\t{}\t{layer}\t{value}\t{stderr}\t{of_effect}",
                    kind.name(),
                    text.unwrap_or_default(),
                );
            }
        }
        Some(table)
    }

    /// One row per measured cell of every network's map: network, row, column, value, standard error, draws.
    fn effect_numbers(&self) -> Option<String> {
        let part = self.state.images.part(&self.state.question.images);
        let mut table = String::from("network\trow\tcolumn\tvalue\tstandard error\tdraws\n");
        let header = table.len();
        for network in &self.state.question.images.networks {
            let result = self.state.images.results.of(network);
            let Some(map) = result.and_then(|r| r.map.as_ref()) else {
                continue;
            };
            let Some(map) = map.field(part.field) else {
                continue;
            };
            let cols = map.axes.get(1).map_or(1, |a| a.len()).max(1);
            let errors = map.effect_errors();
            for (i, value) in map.values.iter().enumerate().filter(|(i, _)| map.mask[*i]) {
                let error = errors.map_or(f32::NAN, |e| e[i]);
                let draws = map.count.as_ref().map_or(0, |c| c[i]);
                let (row, col) = (i / cols, i % cols);
                // Writing to a string cannot fail.
                let _ = writeln!(table, "{network}\t{row}\t{col}\t{value}\t{error}\t{draws}");
            }
        }
        (table.len() > header).then_some(table)
    }

    /// One row per measured cell of another program's map.
    fn field_numbers(&self) -> Option<String> {
        let field = self.state.imported.as_ref()?.field()?;
        let [down, across] = field.axes.as_slice() else {
            return None;
        };
        let mut table = format!("{}\t{}\tvalue\tstandard error\n", down.name, across.name);
        let errors = field.effect_errors();
        for (i, value) in field
            .values
            .iter()
            .enumerate()
            .filter(|(i, _)| field.mask[*i])
        {
            let (row, col) = (i / across.len().max(1), i % across.len().max(1));
            let error = errors.map_or(f32::NAN, |e| e[i]);
            let (row, col) = (down.labels.text(row), across.labels.text(col));
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{row}\t{col}\t{value}\t{error}");
        }
        Some(table)
    }

    /// The selected head: a row per query, a column per key.
    fn head_numbers(&self) -> Option<String> {
        let run = self.state.results.run.as_ref()?;
        let attention = run.attention.as_ref()?;
        let s = self.state.selection;
        let weights = attention.table(s.layer?, s.head?)?;
        let mut table = String::from("query \\ key");
        for token in &run.summary.tokens {
            let _ = write!(table, "\t{}", words::token(token));
        }
        for (query, row) in weights.chunks(attention.keys.max(1)).enumerate() {
            let token = run.summary.tokens.get(query).map(|t| words::token(t));
            let _ = write!(table, "\n{}", token.unwrap_or_default());
            for weight in row {
                let _ = write!(table, "\t{weight}");
            }
        }
        table.push('\n');
        Some(table)
    }
}
