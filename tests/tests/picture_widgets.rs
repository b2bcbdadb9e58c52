//! Pictures, regions and effects as a person uses them: found by name, dragged, moved with the keys, swiped, read.

#[path = "support/pictures.rs"]
mod pictures;

use egui::{Key, Modifiers, Pos2, Ui, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use pictures::{degraded, leaves, restored};
use whyfinder::maps::heatmap_view::HeatmapView;
use whyfinder::maps::{
    Cell, Curve, CurvesPlot, DataKey, EffectBar, EffectMap, EffectRange, EffectResponse,
    EffectScale, Histogram, MapGpu, MapLook, Named, PictureResponse, PictureState, PictureView,
    Raster, Region, Share, SmallPicture, SmallWeights, counts_pie, curves_plot, effect_bar,
    effect_map, histogram, picture_strip, picture_view, weights_strip,
};
use whyfinder::window::fonts;

const SIDE: usize = 256;
const BLOCK: usize = 8;
const COLS: usize = SIDE / BLOCK;

/// A picture and a map side by side with what belongs to them below, on an otherwise empty window.
struct Stage {
    look: MapLook,
    truth: Raster,
    input: Raster,
    output: Raster,
    size: [usize; 2],
    view: HeatmapView,
    state: PictureState,
    range: EffectRange,
    region: Region,
    selected: Option<Cell>,
    values: Vec<f32>,
    stderr: Vec<f32>,
    measured: Vec<bool>,
    waiting: bool,
    estimates: Option<Vec<f32>>,
    reachable: Vec<bool>,
    flipped: bool,
    seen_picture: Option<PictureResponse>,
    seen_map: Option<EffectResponse>,
}

/// Strong around the region, harming to its right, nothing far away.
fn effect(row: usize, col: usize) -> f32 {
    let (dy, dx) = (row as f32 - 13.5, col as f32 - 13.5);
    let near = (-(dx * dx + dy * dy) / 14.0).exp();
    let ripple = ((row * 7 + col * 13) % 11) as f32 / 11.0 - 0.4;
    let v = 1.5 * near + 0.5 * ripple * (-(dx * dx + dy * dy) / 60.0).exp();
    if v.abs() < 0.01 { 0.0 } else { v }
}

impl Stage {
    fn new(look: MapLook) -> Self {
        let truth = leaves(SIDE, SIDE, 3);
        let cells = COLS * COLS;
        let at = |i: usize| (i / COLS, i % COLS);
        let near = |i: usize, n: usize| {
            let (row, col) = at(i);
            row.abs_diff(13) <= n && col.abs_diff(13) <= n
        };
        Self {
            look,
            input: degraded(&truth, 4),
            output: restored(&truth),
            truth,
            size: [SIDE, SIDE],
            view: HeatmapView::default(),
            state: PictureState::default(),
            range: EffectRange::default(),
            region: Region::new(96, 96, 32, 32),
            selected: None,
            values: (0..cells).map(|i| effect(at(i).0, at(i).1)).collect(),
            stderr: (0..cells)
                .map(|i| 0.02 + 0.1 * ((i * 31 % 7) as f32 / 7.0))
                .collect(),
            // The last rows are still to come.
            measured: (0..cells).map(|i| i < cells - 5 * COLS).collect(),
            waiting: false,
            estimates: None,
            reachable: (0..cells).map(|i| near(i, 9)).collect(),
            flipped: false,
            seen_picture: None,
            seen_map: None,
        }
    }

    fn draw(&mut self, ui: &mut Ui) {
        let room = ui.available_size();
        let half = vec2((room.x - 16.0) / 2.0, room.y * 0.56);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 16.0;
            ui.allocate_ui(half, |ui| self.draw_map(ui));
            ui.allocate_ui(half, |ui| self.draw_picture(ui));
        });
        let look = self.look.clone();
        ui.horizontal(|ui| {
            ui.allocate_ui(vec2(half.x, 40.0), |ui| {
                let bar = EffectBar {
                    label: "effect on the region",
                    unit: "dB",
                    signed: true,
                    flipped: self.flipped,
                    measured: Some([-0.21, 1.47]),
                    default: 1.5,
                };
                effect_bar(ui, &look, &bar, &mut self.range);
            });
            let shares = [
                Share {
                    name: "help",
                    count: 212,
                    colour: look.helps,
                },
                Share {
                    name: "harm",
                    count: 96,
                    colour: look.harms,
                },
                Share {
                    name: "none",
                    count: 700,
                    colour: look.raised,
                },
            ];
            counts_pie(ui, &look, "Blocks outside the region", &shares, 40.0);
        });
        ui.horizontal(|ui| {
            ui.allocate_ui(vec2(280.0, 90.0), |ui| {
                let samples: Vec<f32> = (0..50)
                    .map(|i| 25.0 + 2.0 * ((i * 37 % 50) as f32 / 50.0).powf(0.6))
                    .collect();
                let data = Histogram {
                    label: "PSNR of the region",
                    samples: &samples,
                    reference: 27.41,
                    reference_name: "untouched",
                    unit: "dB",
                    colour: look.helps,
                };
                histogram(ui, &look, &data);
            });
            ui.allocate_ui(vec2(280.0, 120.0), |ui| {
                let falling: Vec<f32> = (0..33)
                    .map(|i| 27.0 - 9.0 * (i as f32 / 32.0).powf(0.4))
                    .collect();
                let straight: Vec<f32> = (0..33).map(|i| 27.0 - 9.0 * i as f32 / 32.0).collect();
                let shares: Vec<f32> = (0..33).map(|i| i as f32 / 32.0).collect();
                let curves = [
                    Curve {
                        name: "CEM",
                        values: &falling,
                        area: Some(0.19),
                        colour: look.accent,
                    },
                    Curve {
                        name: "random",
                        values: &straight,
                        area: Some(0.48),
                        colour: look.faint,
                    },
                ];
                let plot = CurvesPlot {
                    label: "Deletion",
                    along: "of the blocks replaced",
                    shares: &shares,
                    blocks: Some([64, 64]),
                    unit: "dB",
                    curves: &curves,
                };
                curves_plot(ui, &look, &plot, 120.0);
            });
            ui.allocate_ui(vec2(280.0, 120.0), |ui| {
                let parts: Vec<Raster> = [0, 60, 120]
                    .iter()
                    .filter_map(|&x| self.truth.part(x, 90, 40, 40))
                    .collect();
                let small = ["Worst", "Median", "Best"].map(|label| (label, "24.90 dB"));
                let pictures: Vec<SmallPicture<'_>> = small
                    .iter()
                    .zip(&parts)
                    .map(|((label, caption), picture)| SmallPicture {
                        label,
                        caption,
                        picture,
                    })
                    .collect();
                picture_strip(ui, &look, &pictures, 3, Some(1));
            });
            let weights: Vec<f32> = (0..64).map(|i| ((i * 29) % 64) as f32 / 64.0).collect();
            let heads: Vec<String> = (0..6).map(|h| format!("Attention of head {h}")).collect();
            let maps: Vec<SmallWeights<'_>> = heads
                .iter()
                .map(|label| SmallWeights {
                    key: DataKey::new("window", 1),
                    label,
                    caption: "head",
                    rows: 8,
                    cols: 8,
                    weights: &weights,
                    mark: Some(Cell::new(3, 4)),
                })
                .collect();
            weights_strip(ui, &look, &maps, 6);
        });
    }

    fn draw_map(&mut self, ui: &mut Ui) {
        let data = EffectMap {
            key: DataKey::new("effect", 1),
            label: "Effect on the region",
            picture: Some(&self.input),
            size: self.size,
            cell: BLOCK,
            of_blocks: true,
            block: BLOCK,
            values: &self.values,
            stderr: Some(&self.stderr),
            count: None,
            measured: &self.measured,
            waiting: self.waiting,
            estimates: self.estimates.as_deref(),
            reachable: Some(&self.reachable),
            unit: "dB",
            scale: EffectScale {
                extent: self.range.extent(1.5),
                signed: true,
                flipped: self.flipped,
            },
            region: Some(self.region),
            windows: &[],
        };
        let seen = effect_map(ui, &self.look, &mut self.view, &data, self.selected);
        self.region = seen.region.unwrap_or(self.region);
        self.selected = seen.picked.or(self.selected);
        self.seen_map = Some(seen);
    }

    fn draw_picture(&mut self, ui: &mut Ui) {
        let data = PictureView {
            label: "Output of sr-window",
            size: self.size,
            block: BLOCK,
            shown: Named {
                name: "output",
                picture: &self.output,
            },
            swiped: Some(Named {
                name: "input",
                picture: &self.input,
            }),
            truth: Some(Named {
                name: "truth",
                picture: &self.truth,
            }),
            region: Some(self.region),
            others: &[Region::new(150, 40, 48, 24)],
            windows: &[Region::new(64, 64, 32, 32)],
            draws_regions: true,
        };
        let seen = picture_view(ui, &self.look, &mut self.view, &mut self.state, &data);
        self.region = seen.region.unwrap_or(self.region);
        self.seen_picture = Some(seen);
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

type Scene = Harness<'static, Stage>;

fn scene_of(by_card: bool, scale: f32, light: bool) -> Scene {
    let mut scene = Harness::builder()
        .with_size(vec2(1180.0, 800.0))
        .with_pixels_per_point(scale)
        .with_render_cursor(false)
        .with_step_dt(1.0 / 60.0)
        .wgpu()
        .build_eframe(move |cc| {
            cc.egui_ctx.set_fonts(fonts::definitions());
            let gpu = by_card.then(|| {
                let state = cc.wgpu_render_state.as_ref().expect("wgpu renders");
                MapGpu::new(state).expect("the card paints maps")
            });
            let look = if light {
                MapLook::light()
            } else {
                MapLook::dark()
            };
            Stage::new(look.with_gpu(gpu))
        });
    scene.run_steps(3);
    scene
}

fn scene() -> Scene {
    scene_of(false, 1.0, false)
}

fn drag(scene: &mut Scene, from: Pos2, to: Pos2) {
    scene.drag_at(from);
    scene.run_steps(2);
    scene.hover_at(from.lerp(to, 0.5));
    scene.run_steps(1);
    scene.hover_at(to);
    scene.run_steps(1);
    scene.drop_at(to);
    scene.run_steps(2);
}

/// A point on the output, in its pixels.
fn on_output(scene: &Scene, x: usize, y: usize) -> Pos2 {
    let place = scene.state().seen_picture.as_ref().expect("drawn").place;
    place.centre_of([x, y])
}

fn value(scene: &Scene, label: &str) -> String {
    scene
        .get_by_label(label)
        .accesskit_node()
        .value()
        .unwrap_or_default()
}

#[test]
fn an_estimate_stands_in_until_its_block_is_measured() {
    let mut scene = scene();
    let cell = Cell::new(20, 13);
    let index = cell.row * COLS + cell.col;
    let stage = scene.state_mut();
    stage.measured[index] = false;
    stage.selected = Some(cell);
    scene.run_steps(2);
    assert!(value(&scene, "Effect on the region").contains("not measured yet"));
    let stage = scene.state_mut();
    stage.estimates = Some(vec![0.4; COLS * COLS]);
    scene.run_steps(2);
    let spoken = value(&scene, "Effect on the region");
    assert!(
        spoken.contains("about +0.4") && spoken.contains("estimated"),
        "{spoken}"
    );
    scene.state_mut().measured[index] = true;
    scene.run_steps(2);
    assert!(!value(&scene, "Effect on the region").contains("estimated"));
}

#[test]
fn a_region_is_dragged_and_stays_in_the_picture() {
    let mut scene = scene();
    let (from, to) = (on_output(&scene, 112, 112), on_output(&scene, 142, 92));
    drag(&mut scene, from, to);
    assert_eq!(scene.state().region, Region::new(126, 76, 32, 32));
    assert_eq!(value(&scene, "Region of the output"), "126, 76 · 32 × 32");
    let (from, to) = (on_output(&scene, 140, 90), on_output(&scene, 255, 255));
    drag(&mut scene, from, to + vec2(300.0, 300.0));
    assert_eq!(scene.state().region, Region::new(224, 224, 32, 32));
}

#[test]
fn handles_resize_and_keys_move() {
    let mut scene = scene();
    let place = scene.state().seen_picture.as_ref().expect("drawn").place;
    let corner = place.rect(scene.state().region).right_bottom();
    drag(
        &mut scene,
        corner,
        corner + vec2(16.0, 8.0) * place.pixel_side(),
    );
    assert_eq!(scene.state().region, Region::new(96, 96, 48, 40));
    scene.get_by_label("Region of the output").click();
    scene.run_steps(2);
    scene.key_press(Key::ArrowRight);
    scene.run_steps(1);
    scene.key_press_modifiers(Modifiers::SHIFT, Key::ArrowUp);
    scene.run_steps(1);
    scene.key_press_modifiers(Modifiers::COMMAND, Key::ArrowLeft);
    scene.run_steps(2);
    assert_eq!(scene.state().region, Region::new(97, 88, 47, 40));
}

#[test]
fn a_drag_beside_the_region_draws_a_new_one_and_pans_once_zoomed() {
    let mut scene = scene();
    let (from, to) = (on_output(&scene, 180, 150), on_output(&scene, 219, 169));
    drag(&mut scene, from, to);
    assert_eq!(scene.state().region, Region::new(180, 150, 40, 20));
    let at = on_output(&scene, 60, 60);
    scene.hover_at(at);
    scene.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: vec2(0.0, 240.0),
        phase: egui::TouchPhase::Move,
        modifiers: Modifiers::NONE,
        source: egui::MouseWheelSource::Wheel,
    });
    scene.run_steps(30);
    let zoomed = scene.state().view;
    assert!(zoomed.zoom > 2.0, "{zoomed:?}");
    let after = on_output(&scene, 60, 60);
    assert!((after - at).length() < 3.0, "{after:?} {at:?}");
    drag(&mut scene, at, at - vec2(60.0, 30.0));
    assert_eq!(scene.state().region, Region::new(180, 150, 40, 20));
    assert!(scene.state().view.origin.x > zoomed.origin.x);
    // The map beside it is zoomed and panned with it.
    let map = scene.state().seen_map.as_ref().expect("drawn").place;
    let picture = scene.state().seen_picture.as_ref().expect("drawn").place;
    assert_eq!(map.view, picture.view);
    assert_eq!(map.frame.size(), picture.frame.size());
}

#[test]
fn a_double_click_on_the_region_fits_too() {
    let mut scene = scene();
    let at = on_output(&scene, 112, 112);
    scene.hover_at(at);
    scene.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: vec2(0.0, 120.0),
        phase: egui::TouchPhase::Move,
        modifiers: Modifiers::NONE,
        source: egui::MouseWheelSource::Wheel,
    });
    scene.run_steps(30);
    assert!(!scene.state().view.is_fitted());
    for _ in 0..2 {
        scene.drag_at(at);
        scene.run_steps(1);
        scene.drop_at(at);
        scene.run_steps(1);
    }
    assert!(scene.state().view.is_fitted());
    assert_eq!(scene.state().region, Region::new(96, 96, 32, 32));
}

#[test]
fn nothing_is_read_of_a_map_that_has_not_been_asked_for() {
    let mut scene = scene();
    let stage = scene.state_mut();
    stage.waiting = true;
    stage.measured.fill(false);
    stage.selected = Some(Cell::new(13, 13));
    scene.run_steps(2);
    assert!(value(&scene, "Effect on the region").contains("not measured yet"));
}

#[test]
fn a_block_is_read_by_pointing_and_walked_with_the_keys() {
    let mut scene = scene();
    let place = scene.state().seen_map.as_ref().expect("drawn").place;
    let at = place.cells(BLOCK).rect(Cell::new(13, 16)).center();
    scene.drag_at(at);
    scene.run_steps(1);
    scene.drop_at(at);
    scene.run_steps(2);
    assert_eq!(scene.state().selected, Some(Cell::new(13, 16)));
    let spoken = value(&scene, "Effect on the region");
    assert!(spoken.starts_with("row 13, column 16"), "{spoken}");
    assert!(spoken.contains("dB s.e."), "{spoken}");
    scene.key_press(Key::ArrowDown);
    scene.run_steps(2);
    assert_eq!(scene.state().selected, Some(Cell::new(14, 16)));
    // Blocks that cannot reach the region say so; blocks still to come too.
    scene.state_mut().selected = Some(Cell::new(0, 0));
    scene.run_steps(2);
    assert!(value(&scene, "Effect on the region").contains("cannot reach"));
    scene.state_mut().reachable.fill(true);
    scene.state_mut().selected = Some(Cell::new(31, 31));
    scene.run_steps(2);
    assert!(value(&scene, "Effect on the region").contains("not measured yet"));
}

#[test]
fn the_divider_is_dragged_and_the_difference_is_held() {
    let mut scene = scene();
    let label = "Swipe between input and output";
    let at = scene.get_by_label(label).rect().center();
    drag(&mut scene, at, at + vec2(120.0, 0.0));
    let share = scene.state().state.swipe;
    assert!(share > 0.5, "{share}");
    let before = scene.render().expect("drawn");
    scene.key_down(Key::D);
    scene.run_steps(2);
    let held = scene.render().expect("drawn");
    assert!(
        scene.query_by_label(label).is_none(),
        "nothing to swipe while held"
    );
    scene.key_up(Key::D);
    scene.run_steps(2);
    let after = scene.render().expect("drawn");
    assert_ne!(before, held);
    assert_eq!(before, after);
}

#[test]
fn the_bar_stays_symmetric() {
    let mut scene = scene();
    let at = scene
        .get_by_label("effect on the region, low end")
        .rect()
        .center();
    drag(&mut scene, at, at + vec2(60.0, 0.0));
    let extent = scene.state().range.custom.expect("dragged");
    assert!((0.9..1.4).contains(&extent), "{extent}");
    let spoken = value(&scene, "Colour range of effect on the region");
    assert!(spoken.contains("red helps, blue harms"), "{spoken}");
    scene.state_mut().flipped = true;
    scene.run_steps(2);
    let spoken = value(&scene, "Colour range of effect on the region");
    assert!(spoken.contains("blue helps, red harms"), "{spoken}");
}

#[test]
fn numbers_are_told_in_words() {
    let scene = scene();
    assert!(value(&scene, "Blocks outside the region").contains("212 help"));
    assert!(value(&scene, "PSNR of the region").contains("untouched 27.41 dB"));
    assert!(value(&scene, "Deletion").contains("area: CEM .19"));
    assert_eq!(value(&scene, "Median"), "24.90 dB");
    scene.get_by_label("Attention of head 5");
}

/// Card and processor paint the same picture, for looking at where `WHYFINDER_PICTURES` names a folder.
#[test]
fn every_look_can_be_drawn() {
    let folder = std::env::var_os("WHYFINDER_PICTURES").map(std::path::PathBuf::from);
    let scales: &[f32] = if folder.is_some() {
        &[1.0, 2.0]
    } else {
        &[1.0]
    };
    for &scale in scales {
        for light in [false, true] {
            let images: Vec<_> = [true, false]
                .into_iter()
                .map(|by_card| {
                    let mut scene = scene_of(by_card, scale, light);
                    scene.state_mut().selected = Some(Cell::new(13, 17));
                    scene.run_steps(2);
                    scene.render().expect("drawn")
                })
                .collect();
            let differs = images[0]
                .pixels()
                .zip(images[1].pixels())
                .filter(|(a, b)| a.0.iter().zip(b.0).any(|(&a, b)| a.abs_diff(b) > 3))
                .count();
            assert!(differs < 400, "{differs} pixels differ");
            if let Some(folder) = &folder {
                let theme = if light { "light" } else { "dark" };
                let path = folder.join(format!("pictures_{theme}@{scale}.png"));
                images[0].save(path).expect("saved");
            }
        }
    }
}

/// A block at the edge that reaches beyond the picture, a picture of one pixel, a very wide one.
#[test]
fn any_size_can_be_shown() {
    let mut scene = scene();
    for [width, height] in [[1, 1], [250, 61], [1200, 3], [7, 333]] {
        let truth = leaves(width, height, 5);
        let state = scene.state_mut();
        state.size = [width, height];
        let cells = width.div_ceil(BLOCK) * height.div_ceil(BLOCK);
        state.values = vec![0.5; cells];
        state.stderr = vec![0.1; cells];
        state.measured = vec![true; cells];
        state.reachable = vec![true; cells];
        state.input = truth.clone();
        state.output = truth.clone();
        state.truth = truth;
        scene.run_steps(2);
        scene.render().expect("drawn");
        let region = scene.state().seen_picture.as_ref().expect("drawn").place;
        assert_eq!(region.size, [width, height]);
    }
}
