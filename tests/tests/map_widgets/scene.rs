//! One map on an otherwise empty window, and a hand that points, clicks, turns the wheel and presses keys.

use eframe::egui_wgpu::wgpu;
use egui::{Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, Pos2, TouchPhase, Ui, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use whyfinder::maps::{
    AtlasData, AtlasResponse, AtlasState, AtlasWeights, Cell, ColourBar, ColourRange, DataKey,
    Head, HeadData, HeadState, HeadWeights, Linked, MapGpu, MapLook, MapResponse, Mark,
    SampleStrip, TokenBars, TokenLinesResponse, TokenLinesState, TraceCell, TraceGrid, TraceKind,
    TracePanel, TraceResponse, TraceState, attention_atlas, colour_bar, distribution_bars,
    head_view, sample_strip, token_lines, trace_grid,
};
use whyfinder::window::fonts;
use whyfinder_paint::{ColourMap, Reduction};

pub(crate) const TOKENS: [&str; 6] = ["The", " Or", "vane", " Tower", " is", "\n"];
pub(crate) const LAYERS: usize = 3;
pub(crate) const HEADS: usize = 4;
pub(crate) const CLEAN: f32 = 0.9;
pub(crate) const CORRUPTED: f32 = 0.1;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Show {
    Atlas,
    Head,
    Lines,
    Trace,
    Bar,
    Bars,
    Strip,
}

/// One map on an otherwise empty window, with what it answered last.
pub(crate) struct Stage {
    pub(crate) show: Show,
    pub(crate) look: MapLook,
    pub(crate) tokens: Vec<String>,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) attention: Vec<f32>,
    pub(crate) version: u64,
    pub(crate) measured: Vec<bool>,
    pub(crate) estimates: Option<Vec<f32>>,
    pub(crate) atlas: AtlasState,
    pub(crate) head: HeadState,
    pub(crate) lines: TokenLinesState,
    pub(crate) trace: TraceState,
    pub(crate) range: ColourRange,
    pub(crate) selected_head: Option<Head>,
    pub(crate) selected_cell: Option<Cell>,
    pub(crate) selected_trace: Option<TraceCell>,
    pub(crate) selected_row: Option<usize>,
    pub(crate) seen_atlas: Option<AtlasResponse>,
    pub(crate) seen_map: Option<MapResponse>,
    pub(crate) seen_lines: Option<TokenLinesResponse>,
    pub(crate) seen_trace: Option<TraceResponse>,
}

/// Causal attention: in head h of layer l, query q looks at key (l + h) mod (q + 1) with weight 0.75 and shares the
/// rest among what it sees.
pub(crate) fn attention(layers: usize, heads: usize, tokens: usize) -> Vec<f32> {
    let mut weights = Vec::new();
    for layer in 0..layers {
        for head in 0..heads {
            for query in 0..tokens {
                let target = (layer + head) % (query + 1);
                let seen = (query + 1) as f32;
                weights.extend((0..tokens).map(|key| match key {
                    _ if key > query => 0.0,
                    _ if key == target => 0.75 + 0.25 / seen,
                    _ => 0.25 / seen,
                }));
            }
        }
    }
    weights
}

/// Token 3 carries the answer in the first layers; token 1 harms it; nothing else matters.
pub(crate) fn trace_value(token: usize, layer: usize) -> f32 {
    match token {
        3 => CORRUPTED + 0.6 - 0.2 * layer as f32,
        1 => CORRUPTED - 0.05,
        _ => CORRUPTED + 0.005,
    }
}

impl Stage {
    pub(crate) fn new(
        show: Show,
        look: MapLook,
        layers: usize,
        heads: usize,
        tokens: usize,
    ) -> Self {
        Self {
            show,
            look,
            tokens: (0..tokens)
                .map(|i| TOKENS[i % TOKENS.len()].to_string())
                .collect(),
            layers,
            heads,
            attention: attention(layers, heads, tokens),
            version: 1,
            estimates: None,
            measured: vec![true; tokens * layers],
            atlas: AtlasState::default(),
            head: HeadState::default(),
            lines: TokenLinesState::default(),
            trace: TraceState::default(),
            range: ColourRange::default(),
            selected_head: None,
            selected_cell: None,
            selected_trace: None,
            selected_row: None,
            seen_atlas: None,
            seen_map: None,
            seen_lines: None,
            seen_trace: None,
        }
    }

    pub(crate) fn head_data(&self) -> HeadData<'_> {
        let n = self.tokens.len();
        HeadData {
            key: DataKey::new("head", self.version),
            layer: 0,
            head: 0,
            queries: n,
            keys: n,
            weights: HeadWeights::Whole(&self.attention[..n * n]),
            within: Reduction::MaxAbs,
            tokens: &self.tokens,
            subject: Some((1, 4)),
            causal: true,
        }
    }

    pub(crate) fn draw_trace(&mut self, ui: &mut Ui) {
        let (n, layers) = (self.tokens.len(), self.layers);
        let values: Vec<f32> = (0..n * layers)
            .map(|i| trace_value(i / layers, i % layers))
            .collect();
        let stderr = vec![0.01; n * layers];
        let panels = [TraceKind::Residual, TraceKind::Mlp].map(|kind| TracePanel {
            estimates: self.estimates.as_deref(),
            key: DataKey::new(("trace", kind), self.version),
            kind,
            note: "window 3",
            values: &values,
            stderr: Some(&stderr),
            count: None,
            measured: &self.measured,
        });
        let grid = TraceGrid {
            panels: &panels,
            tokens: &self.tokens,
            subject: Some((1, 4)),
            layers,
            metric: "probability of ␣Brelle",
            unit: "",
            clean: CLEAN,
            corrupted: CORRUPTED,
        };
        let seen = trace_grid(
            ui,
            &self.look,
            &mut self.trace,
            &grid,
            self.selected_trace,
            Linked::default(),
        );
        self.selected_trace = seen.picked.or(self.selected_trace);
        self.seen_trace = Some(seen);
    }

    pub(crate) fn draw(&mut self, ui: &mut Ui) {
        let n = self.tokens.len();
        match self.show {
            Show::Atlas => {
                let data = AtlasData {
                    key: DataKey::new("atlas", self.version),
                    layers: self.layers,
                    heads: self.heads,
                    queries: n,
                    keys: n,
                    weights: AtlasWeights::Whole(&self.attention),
                    tokens: &self.tokens,
                    causal: true,
                };
                let selected = self.selected_head;
                let seen = attention_atlas(ui, &self.look, &mut self.atlas, &data, selected);
                self.selected_head = seen.picked.or(selected);
                self.seen_atlas = Some(seen);
            }
            Show::Head => {
                let (look, mut state) = (self.look.clone(), self.head);
                let data = self.head_data();
                let selected = self.selected_cell;
                let seen = head_view(ui, &look, &mut state, &data, selected, Linked::default());
                self.head = state;
                self.selected_cell = seen.picked.or(selected);
                self.seen_map = Some(seen);
            }
            Show::Lines => {
                let (look, mut state) = (self.look.clone(), self.lines);
                let data = self.head_data();
                let selected = self.selected_cell;
                let seen = token_lines(ui, &look, &mut state, &data, selected, Linked::default());
                self.lines = state;
                self.selected_cell = seen.picked.or(selected);
                self.seen_lines = Some(seen);
            }
            Show::Trace => self.draw_trace(ui),
            Show::Bar => {
                let marks = [
                    Mark {
                        value: CORRUPTED,
                        name: "corrupted",
                    },
                    Mark {
                        value: CLEAN,
                        name: "clean",
                    },
                ];
                let bar = ColourBar {
                    label: "Effect",
                    unit: "nats",
                    polarity: "bright restores",
                    map: ColourMap::Viridis,
                    default: [0.0, 1.0],
                    limits: [0.0, 1.0],
                    marks: &marks,
                };
                colour_bar(ui, &self.look, &bar, &mut self.range);
            }
            Show::Bars => {
                let rows = [
                    TokenBars {
                        token: " Brelle",
                        clean: Some(0.9),
                        corrupted: Some(0.1),
                        patched: Some(0.7),
                    },
                    TokenBars {
                        token: "\n",
                        clean: Some(0.05),
                        corrupted: None,
                        patched: None,
                    },
                ];
                let seen = distribution_bars(ui, &self.look, &rows, self.selected_row);
                self.selected_row = seen.picked.or(self.selected_row);
            }
            Show::Strip => {
                let strip = SampleStrip {
                    label: "Samples of the probability of ␣Brelle",
                    samples: &[0.6, 0.7, f32::NAN, 0.8],
                    corrupted: CORRUPTED,
                    clean: CLEAN,
                    unit: "",
                };
                sample_strip(ui, &self.look, &strip);
            }
        }
    }
}

impl eframe::App for Stage {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let rect = ui.max_rect();
        ui.painter().rect_filled(rect, 0.0, self.look.background);
        let inner = egui::UiBuilder::new().max_rect(rect.shrink(12.0));
        ui.scope_builder(inner, |ui| self.draw(ui));
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Painted {
    ByCard,
    ByProcessor,
}

pub(crate) type Scene = Harness<'static, Stage>;

pub(crate) fn scene_of(
    show: Show,
    painted: Painted,
    pixels_per_point: f32,
    make: fn(Show, MapLook) -> Stage,
) -> Scene {
    let mut scene = Harness::builder()
        .with_size(vec2(420.0, 360.0))
        .with_pixels_per_point(pixels_per_point)
        .with_render_cursor(false)
        .with_step_dt(1.0 / 60.0)
        .wgpu()
        .build_eframe(move |cc| {
            cc.egui_ctx.set_fonts(fonts::definitions());
            let state = cc.wgpu_render_state.as_ref().expect("wgpu renders");
            assert_eq!(
                state.adapter.get_info().backend,
                wgpu::Backend::Vulkan,
                "maps are tested on Vulkan: install mesa-vulkan-drivers"
            );
            let gpu = MapGpu::new(state).expect("the card paints maps");
            let look = MapLook::dark().with_gpu((painted == Painted::ByCard).then_some(gpu));
            make(show, look)
        });
    scene.run_steps(3);
    scene
}

pub(crate) fn scene(show: Show) -> Scene {
    scene_of(show, Painted::ByCard, 1.0, |show, look| {
        Stage::new(show, look, LAYERS, HEADS, TOKENS.len())
    })
}

pub(crate) fn point_at(scene: &mut Scene, at: Pos2) {
    scene.hover_at(at);
    scene.run_steps(2);
}

pub(crate) fn click_at(scene: &mut Scene, at: Pos2) {
    scene.drag_at(at);
    scene.run_steps(1);
    scene.drop_at(at);
    scene.run_steps(2);
}

pub(crate) fn wheel(scene: &mut Scene, points: f32) {
    scene.event(Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, points),
        phase: TouchPhase::Move,
        modifiers: Modifiers::NONE,
        source: MouseWheelSource::Wheel,
    });
    scene.run_steps(60);
}

pub(crate) fn press(scene: &mut Scene, key: Key) {
    scene.key_press(key);
    scene.run_steps(2);
}

/// The spoken value of the one map whose name contains `name`.
pub(crate) fn value_of(scene: &Scene, name: &str) -> String {
    scene
        .get_by_label_contains(name)
        .accesskit_node()
        .value()
        .expect("a map says its value")
}

pub(crate) fn pixel(image: &image::RgbaImage, at: Pos2, pixels_per_point: f32) -> [u8; 3] {
    let at = at * pixels_per_point;
    let [r, g, b, _] = image.get_pixel(at.x as u32, at.y as u32).0;
    [r, g, b]
}

pub(crate) fn atlas_cell(scene: &Scene, layer: usize, head: usize) -> egui::Rect {
    let seen = scene.state().seen_atlas.as_ref().expect("drawn");
    seen.grid.rect(Cell::new(layer, head))
}

pub(crate) fn head_cell(scene: &Scene, query: usize, key: usize) -> egui::Rect {
    let seen = scene.state().seen_map.as_ref().expect("drawn");
    seen.grid.rect(Cell::new(query, key))
}

pub(crate) fn trace_rect(scene: &Scene, panel: usize, token: usize, layer: usize) -> egui::Rect {
    let seen = scene.state().seen_trace.as_ref().expect("drawn");
    seen.grids[panel].rect(Cell::new(token, layer))
}
