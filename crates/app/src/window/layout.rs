//! The three columns: panels that dock, resize and are remembered.

use egui::{Align, Color32, Sense, Stroke, Ui, Visuals, WidgetText, vec2};
use egui_tiles::{
    Container, EditAction, Linear, LinearDir, SimplificationOptions, TabState, Tile, TileId, Tiles,
    Tree, UiResponse,
};
use serde::{Deserialize, Serialize};

use super::controls::heading;
use super::theme::{self, Theme};
use super::view::View;
use super::{
    attention_panel, head_panel, inspector_panel, lines_panel, predictions_panel, trace_panel,
};

/// What a docked panel shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pane {
    Attention,
    Head,
    Trace,
    Lines,
    Inspector,
    Predictions,
}

impl Pane {
    /// The heading of the panel.
    pub fn title(self) -> &'static str {
        match self {
            Pane::Attention => "Attention",
            Pane::Head => "Head",
            Pane::Trace => "Causal trace",
            Pane::Lines => "Where it looks",
            Pane::Inspector => "Selected cell",
            Pane::Predictions => "Predictions",
        }
    }
}

/// The docked panels and whether the person has moved them.
#[derive(Debug)]
pub struct Layout {
    tree: Tree<Pane>,
    columns: [TileId; 3],
    /// Once moved by hand, widths are no longer fitted to the window.
    touched: bool,
}

/// Widths of the side columns at a window of this width, points.
fn side_widths(width: f32) -> (f32, f32) {
    (
        (width * 0.235).clamp(244.0, 520.0),
        (width * 0.23).clamp(284.0, 380.0),
    )
}

impl Default for Layout {
    fn default() -> Self {
        let mut tiles = Tiles::default();
        let mut column = |upper, lower, share: f32| {
            let upper = tiles.insert_pane(upper);
            let lower = tiles.insert_pane(lower);
            let column = Linear::new_binary(LinearDir::Vertical, [upper, lower], share);
            tiles.insert_container(column)
        };
        let columns = [
            column(Pane::Attention, Pane::Head, 0.54),
            column(Pane::Trace, Pane::Lines, 0.62),
            column(Pane::Inspector, Pane::Predictions, 0.63),
        ];
        let root = tiles.insert_horizontal_tile(columns.to_vec());
        Self {
            tree: Tree::new(egui::Id::unique("panels"), root, tiles),
            columns,
            touched: false,
        }
    }
}

impl Layout {
    /// A layout that was kept; the default if it has lost a panel.
    pub fn restored(tree: Option<Tree<Pane>>) -> Self {
        let all = [
            Pane::Attention,
            Pane::Head,
            Pane::Trace,
            Pane::Lines,
            Pane::Inspector,
            Pane::Predictions,
        ];
        let fresh = Self::default();
        match tree {
            Some(tree) if all.iter().all(|p| tree.tiles.find_pane(p).is_some()) => Self {
                tree,
                touched: true,
                ..fresh
            },
            _ => fresh,
        }
    }

    #[cfg(test)]
    pub(crate) fn tree(&self) -> &Tree<Pane> {
        &self.tree
    }

    /// What is worth keeping: nothing while the layout is the default.
    pub fn kept(&self) -> Option<Tree<Pane>> {
        self.touched.then(|| self.tree.clone())
    }

    pub(crate) fn show(&mut self, ui: &mut Ui, view: &mut View<'_>) {
        if !self.touched {
            self.fit(ui.available_width());
        }
        let mut behavior = Behavior {
            view,
            touched: false,
        };
        self.tree.ui(&mut behavior, ui);
        self.touched |= behavior.touched;
    }

    fn fit(&mut self, width: f32) {
        let (left, right) = side_widths(width);
        let shares = [left, (width - left - right).max(200.0), right];
        let root = self.tree.root();
        if let Some(Tile::Container(Container::Linear(linear))) =
            root.and_then(|root| self.tree.tiles.get_mut(root))
        {
            for (column, share) in self.columns.into_iter().zip(shares) {
                linear.shares.set_share(column, share);
            }
        }
    }
}

struct Behavior<'a, 'b> {
    view: &'a mut View<'b>,
    touched: bool,
}

impl egui_tiles::Behavior<Pane> for Behavior<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        let theme = *self.view.theme;
        let fill = match pane {
            Pane::Inspector | Pane::Predictions => theme.panel,
            _ => theme.background,
        };
        ui.painter().rect_filled(ui.max_rect(), 0.0, fill);
        let mut dragged = false;
        egui::Frame::new()
            .inner_margin(theme::panel_margin())
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 8.0;
                dragged = header(ui, &theme, *pane, self.view);
                match pane {
                    Pane::Attention => attention_panel::show(ui, self.view),
                    Pane::Head => head_panel::show(ui, self.view),
                    Pane::Trace => trace_panel::show(ui, self.view),
                    Pane::Lines => lines_panel::show(ui, self.view),
                    Pane::Inspector => inspector_panel::show(ui, self.view),
                    Pane::Predictions => predictions_panel::show(ui, self.view),
                }
            });
        if dragged {
            UiResponse::DragStarted
        } else {
            UiResponse::None
        }
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        pane.title().into()
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions {
            all_panes_must_have_tabs: false,
            ..SimplificationOptions::default()
        }
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        1.0
    }

    fn min_size(&self) -> f32 {
        140.0
    }

    fn tab_bar_color(&self, _visuals: &Visuals) -> Color32 {
        self.view.theme.panel
    }

    fn tab_bg_color(
        &self,
        _visuals: &Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        state: &TabState,
    ) -> Color32 {
        if state.active {
            self.view.theme.background
        } else {
            self.view.theme.panel
        }
    }

    fn tab_outline_stroke(
        &self,
        _visuals: &Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        _state: &TabState,
    ) -> Stroke {
        Stroke::NONE
    }

    fn tab_text_color(
        &self,
        _visuals: &Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        state: &TabState,
    ) -> Color32 {
        if state.active {
            self.view.theme.text
        } else {
            self.view.theme.muted
        }
    }

    fn resize_stroke(&self, _style: &egui::Style, state: egui_tiles::ResizeState) -> Stroke {
        match state {
            egui_tiles::ResizeState::Idle => Stroke::new(1.0, self.view.theme.line),
            egui_tiles::ResizeState::Hovering => Stroke::new(1.0, self.view.theme.faint),
            egui_tiles::ResizeState::Dragging => Stroke::new(1.0, self.view.theme.selection),
        }
    }

    fn on_edit(&mut self, edit: EditAction) {
        self.touched |= matches!(edit, EditAction::TileResized | EditAction::TileDropped);
    }
}

/// The line above a panel's content: what it shows, of what; drag it to dock the panel elsewhere.
fn header(ui: &mut Ui, theme: &Theme, pane: Pane, view: &mut View<'_>) -> bool {
    let (title, of) = describe(pane, view);
    let switches = match pane {
        Pane::Attention => attention_panel::switches_width(view),
        _ => 0.0,
    };
    let mut dragged = false;
    let line = vec2(ui.available_width(), 20.0);
    ui.allocate_ui_with_layout(line, egui::Layout::left_to_right(Align::Center), |ui| {
        let words = vec2(line.x - switches, line.y);
        ui.allocate_ui_with_layout(words, egui::Layout::left_to_right(Align::Center), |ui| {
            ui.set_width(words.x);
            // Where there is room for the title alone, it stands alone.
            let of = if words.x < 110.0 { "" } else { &of };
            let response = heading(ui, theme, &title, of);
            let id = ui.scope_id().with("handle");
            dragged = ui.interact(response.rect, id, Sense::drag()).drag_started();
        });
        if switches > 0.0 {
            attention_panel::switches(ui, view);
        }
    });
    dragged
}

/// Title and the one line that says what, of what, how measured.
fn describe(pane: Pane, view: &View<'_>) -> (String, String) {
    let of = match pane {
        Pane::Attention => attention_panel::describe(view),
        Pane::Head => return head_panel::describe(view),
        Pane::Trace => trace_panel::describe(view),
        Pane::Lines => lines_panel::describe(view),
        Pane::Inspector => inspector_panel::describe(view),
        Pane::Predictions => predictions_panel::describe(view),
    };
    (pane.title().to_string(), of)
}
