//! The three columns: panels that dock, resize and are remembered.

use egui::{Align, Color32, Sense, Stroke, Ui, Visuals, WidgetText, vec2};
use egui_tiles::{
    Container, EditAction, Linear, LinearDir, SimplificationOptions, TabState, Tile, TileId, Tiles,
    Tree, UiResponse,
};
use serde::{Deserialize, Serialize};
use whyfinder_experiment::ImportForm;

use super::controls::heading;
use super::theme::{self, Theme};
use super::view::View;
use super::{
    attention_panel, field_panel, head_panel, images, import_panel, inspector_panel, lines_panel,
    predictions_panel, trace_panel,
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
    Networks,
    Regions,
    Map,
    Effects,
    Curves,
    Block,
    WindowAttention,
    Import,
    Field,
    FieldCell,
}

/// What the panels are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Language models.
    Language,
    /// Networks that turn pictures into pictures.
    Pictures,
    /// Another program's numbers.
    Import(ImportForm),
}

impl Kind {
    /// The panels that a layout of this kind has.
    fn panes(self) -> &'static [Pane] {
        match self {
            Kind::Language => &[
                Pane::Attention,
                Pane::Head,
                Pane::Trace,
                Pane::Lines,
                Pane::Inspector,
                Pane::Predictions,
            ],
            Kind::Pictures => &[
                Pane::Networks,
                Pane::Regions,
                Pane::Map,
                Pane::Effects,
                Pane::Curves,
                Pane::Block,
                Pane::WindowAttention,
            ],
            Kind::Import(ImportForm::Attention) => &[
                Pane::Attention,
                Pane::Head,
                Pane::Lines,
                Pane::Inspector,
                Pane::Import,
            ],
            Kind::Import(ImportForm::Trace) => &[Pane::Trace, Pane::Inspector, Pane::Import],
            Kind::Import(ImportForm::Effects) => &[Pane::Field, Pane::FieldCell, Pane::Import],
        }
    }

    /// Widths of the side columns at a window of this width, points.
    fn side_widths(self, width: f32) -> (f32, f32) {
        match self {
            Kind::Language => (
                (width * 0.235).clamp(244.0, 520.0),
                (width * 0.23).clamp(284.0, 380.0),
            ),
            Kind::Import(ImportForm::Trace | ImportForm::Effects) => (
                (width * 0.19).clamp(240.0, 340.0),
                (width * 0.23).clamp(284.0, 380.0),
            ),
            Kind::Import(ImportForm::Attention) => (
                (width * 0.30).clamp(260.0, 640.0),
                (width * 0.26).clamp(284.0, 460.0),
            ),
            Kind::Pictures => (
                (width * 0.155).clamp(216.0, 300.0),
                (width * 0.205).clamp(272.0, 380.0),
            ),
        }
    }
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
            Pane::Networks => "Networks",
            Pane::Regions => "Picture",
            Pane::Map => "Map",
            Pane::Effects => "Effect on the region",
            Pane::Curves => "Faithfulness",
            Pane::Block => "Selected block",
            Pane::WindowAttention => "Window attention",
            Pane::Import => "Where it is from",
            Pane::Field => "Effects",
            Pane::FieldCell => "Selected cell",
        }
    }

    /// Whether it stands on the colour of panels, not of the ground behind maps.
    fn is_raised(self) -> bool {
        matches!(
            self,
            Pane::Inspector
                | Pane::Predictions
                | Pane::Networks
                | Pane::Regions
                | Pane::Map
                | Pane::Block
                | Pane::WindowAttention
                | Pane::Import
                | Pane::FieldCell
        )
    }
}

/// The docked panels and whether the person has moved them.
#[derive(Debug)]
pub struct Layout {
    kind: Kind,
    tree: Tree<Pane>,
    columns: [TileId; 3],
    /// Once moved by hand, widths are no longer fitted to the window.
    touched: bool,
}

impl Layout {
    /// The panels as they stand at first.
    pub fn of(kind: Kind) -> Self {
        let mut tiles = Tiles::default();
        let mut column = |panes: &[(Pane, f32)]| {
            let ids: Vec<TileId> = panes
                .iter()
                .map(|(pane, _)| tiles.insert_pane(*pane))
                .collect();
            let mut column = Linear::new(LinearDir::Vertical, ids.clone());
            for (id, (_, share)) in ids.into_iter().zip(panes) {
                column.shares.set_share(id, *share);
            }
            tiles.insert_container(column)
        };
        let columns = match kind {
            Kind::Language => [
                column(&[(Pane::Attention, 0.54), (Pane::Head, 0.46)]),
                column(&[(Pane::Trace, 0.62), (Pane::Lines, 0.38)]),
                column(&[(Pane::Inspector, 0.63), (Pane::Predictions, 0.37)]),
            ],
            Kind::Import(ImportForm::Attention) => [
                column(&[(Pane::Attention, 1.0)]),
                column(&[(Pane::Head, 0.6), (Pane::Lines, 0.4)]),
                column(&[(Pane::Inspector, 0.4), (Pane::Import, 0.6)]),
            ],
            Kind::Import(ImportForm::Trace) => [
                column(&[(Pane::Import, 1.0)]),
                column(&[(Pane::Trace, 1.0)]),
                column(&[(Pane::Inspector, 1.0)]),
            ],
            Kind::Import(ImportForm::Effects) => [
                column(&[(Pane::Import, 1.0)]),
                column(&[(Pane::Field, 1.0)]),
                column(&[(Pane::FieldCell, 1.0)]),
            ],
            Kind::Pictures => [
                column(&[
                    (Pane::Networks, 0.36),
                    (Pane::Regions, 0.32),
                    (Pane::Map, 0.32),
                ]),
                column(&[(Pane::Effects, 0.72), (Pane::Curves, 0.28)]),
                column(&[(Pane::Block, 0.7), (Pane::WindowAttention, 0.3)]),
            ],
        };
        let root = tiles.insert_horizontal_tile(columns.to_vec());
        let name = match kind {
            Kind::Language => "panels",
            Kind::Pictures => "picture-panels",
            Kind::Import(ImportForm::Attention) => "import-attention-panels",
            Kind::Import(ImportForm::Trace) => "import-trace-panels",
            Kind::Import(ImportForm::Effects) => "import-effect-panels",
        };
        Self {
            kind,
            tree: Tree::new(egui::Id::unique(name), root, tiles),
            columns,
            touched: false,
        }
    }

    /// The layouts of another program's numbers, in the order of [`ImportForm`].
    pub fn of_imports() -> [Self; 3] {
        [
            ImportForm::Attention,
            ImportForm::Trace,
            ImportForm::Effects,
        ]
        .map(|form| Self::of(Kind::Import(form)))
    }

    /// A layout that was kept; the default if it has lost a panel.
    pub fn restored(kind: Kind, tree: Option<Tree<Pane>>) -> Self {
        let all = kind.panes();
        let fresh = Self::of(kind);
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
            self.fit(ui.available_width(), ui.available_height(), view);
        }
        let mut behavior = Behavior {
            view,
            touched: false,
        };
        self.tree.ui(&mut behavior, ui);
        self.touched |= behavior.touched;
    }

    fn fit(&mut self, width: f32, height: f32, view: &View<'_>) {
        let (left, right) = self.kind.side_widths(width);
        let middle = (width - left - right).max(200.0);
        if self.kind == Kind::Pictures {
            let wanted = images::effect::wanted_height(view, middle - 2.0 * f32::from(theme::PAD));
            self.fit_middle(wanted + 40.0, height);
            self.fit_left(view.state.question.images.networks.len(), height);
        }
        let shares = [left, middle, right];
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

impl Layout {
    /// Networks and methods get what they need, the picture and its regions the rest.
    fn fit_left(&mut self, networks: usize, height: f32) {
        let map = 300.0f32.min(height * 0.52);
        let networks = (88.0 + 50.0 * networks as f32).min(height * 0.34);
        if let Some(Tile::Container(Container::Linear(linear))) =
            self.tree.tiles.get_mut(self.columns[0])
            && let [first, second, third] = linear.children[..]
        {
            linear.shares.set_share(first, networks);
            linear
                .shares
                .set_share(second, (height - networks - map).max(1.0));
            linear.shares.set_share(third, map);
        }
    }

    /// Gives the upper panel of the middle column the height that its pictures can use, the lower one the rest.
    fn fit_middle(&mut self, wanted: f32, height: f32) {
        let least = 150.0f32.min(height * 0.3);
        let upper = wanted.clamp(height * 0.4, (height - least).max(height * 0.5));
        if let Some(Tile::Container(Container::Linear(linear))) =
            self.tree.tiles.get_mut(self.columns[1])
            && let [first, second] = linear.children[..]
        {
            linear.shares.set_share(first, upper);
            linear.shares.set_share(second, (height - upper).max(1.0));
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
        let fill = if pane.is_raised() {
            theme.panel
        } else {
            theme.background
        };
        let on_ground = ui.layer_id().order == egui::Order::Background;
        // Where the processor stands in for the graphics card, each filled pixel counts.
        if pane.is_raised() || !on_ground || !self.view.clears_ground {
            ui.painter().rect_filled(ui.max_rect(), 0.0, fill);
        }
        let mut dragged = false;
        egui::Frame::new()
            .inner_margin(theme::panel_margin())
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 8.0;
                // The maps of pictures have headings of their own, one for each column.
                if *pane != Pane::Effects {
                    dragged = header(ui, &theme, *pane, self.view);
                }
                match pane {
                    Pane::Attention => attention_panel::show(ui, self.view),
                    Pane::Head => head_panel::show(ui, self.view),
                    Pane::Trace => trace_panel::show(ui, self.view),
                    Pane::Lines => lines_panel::show(ui, self.view),
                    Pane::Inspector => inspector_panel::show(ui, self.view),
                    Pane::Predictions => predictions_panel::show(ui, self.view),
                    Pane::Networks => images::networks::show(ui, self.view),
                    Pane::Regions => images::regions::show(ui, self.view),
                    Pane::Map => images::map::show(ui, self.view),
                    Pane::Effects => images::effect::show(ui, self.view),
                    Pane::Curves => images::curves::show(ui, self.view),
                    Pane::Block => images::block::show(ui, self.view),
                    Pane::WindowAttention => images::window_attention::show(ui, self.view),
                    Pane::Import => import_panel::show(ui, self.view),
                    Pane::Field => field_panel::show(ui, self.view),
                    Pane::FieldCell => field_panel::show_cell(ui, self.view),
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
        if self.view.state.is_about_images() {
            72.0
        } else {
            140.0
        }
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
        Pane::Networks => images::networks::describe(view),
        Pane::Regions => images::regions::describe(view),
        Pane::Map => images::map::describe(view),
        Pane::Effects => String::new(),
        Pane::Curves => images::curves::describe(view),
        Pane::Block => images::block::describe(view),
        Pane::WindowAttention => images::window_attention::describe(view),
        Pane::Import => import_panel::describe(view),
        Pane::Field => field_panel::describe(view),
        Pane::FieldCell => field_panel::describe_cell(view),
    };
    (pane.title().to_string(), of)
}
