//! The cells themselves, painted by the graphics card, or by the processor into a texture.

use std::collections::HashMap;
use std::sync::Arc;

use egui::mutex::Mutex;
use egui::{ColorImage, Id, Rect, TextureHandle, TextureOptions, Ui};
use whyfinder_experiment::AttentionRecord;
use whyfinder_paint::{
    GpuHead, GpuMap, GpuView, HeadPainter, HeadPart, HeatmapPainter, MapArray, MapShape, MapStyle,
    PixelRect, Pyramid, View, cpu, flag,
};

use super::heatmap_view::GridFrame;
use super::look::{DataKey, MapLook};

/// A map to be painted: what it is, and how to build it when the graphics card does not hold it yet.
pub(crate) struct Picture<'a> {
    pub(crate) key: DataKey,
    pub(crate) shape: MapShape,
    pub(crate) style: MapStyle,
    /// Points between tiles, where the grid's cells are tiles; `None` where they are the cells of a single map.
    pub(crate) tile_gap: Option<f32>,
    pub(crate) build: &'a dyn Fn() -> Option<MapArray>,
}

/// Where paint's cells lie, in physical pixels, for a grid whose cells are the picture's tiles (or, for a single map,
/// its cells).
pub(crate) fn view_of(
    grid: &GridFrame,
    shape: MapShape,
    tile_gap: Option<f32>,
    pixels_per_point: f32,
) -> View {
    let scale = f64::from(pixels_per_point);
    let pixel = |points: f32| (f64::from(points) * scale).round() as i32;
    let frame = grid.frame;
    let target = PixelRect {
        x: pixel(frame.min.x),
        y: pixel(frame.min.y),
        width: (pixel(frame.max.x) - pixel(frame.min.x)).max(0) as u32,
        height: (pixel(frame.max.y) - pixel(frame.min.y)).max(0) as u32,
    };
    let content = grid.content();
    let offset = content.min - frame.min;
    let gap = tile_gap.map_or(0.0, |gap| (f64::from(gap) * scale).round());
    let pitch = grid.cell_size();
    let cell = |pitch: f32, cells: usize| {
        let tile_cells = if tile_gap.is_some() { cells.max(1) } else { 1 };
        ((f64::from(pitch) * scale - gap) / tile_cells as f64).max(1e-3)
    };
    View {
        target,
        offset: [f64::from(offset.x) * scale, f64::from(offset.y) * scale],
        cell: [cell(pitch.x, shape.width), cell(pitch.y, shape.height)],
        tile_gap: gap,
        pixels_per_point,
    }
}

/// Paints the visible part of the picture into the grid's frame, on the graphics card where there is one that can.
pub(crate) fn paint(ui: &Ui, look: &MapLook, grid: &GridFrame, picture: &Picture<'_>) {
    let view = view_of(grid, picture.shape, picture.tile_gap, ui.pixels_per_point());
    paint_view(ui, look, grid.frame, picture, view, None);
}

/// A head whose weights the graphics card computes itself, where the picture's cells are a part of it.
pub(crate) struct CardHead<'a> {
    pub(crate) record: &'a AttentionRecord,
    pub(crate) head: usize,
    pub(crate) part: HeadPart,
}

/// As [`paint`], for cells that lie elsewhere than those of a grid, and may be computed by the card.
pub(crate) fn paint_view(
    ui: &Ui,
    look: &MapLook,
    place: Rect,
    picture: &Picture<'_>,
    view: View,
    head: Option<&CardHead<'_>>,
) {
    if view.target.width == 0 || view.target.height == 0 || picture.shape.cells() == 0 {
        return;
    }
    let frame = ui.ctx().cumulative_frame_nr();
    let painted = look
        .gpu
        .as_ref()
        .and_then(|gpu| gpu.maps.prepare(picture, &view, head, frame));
    match painted {
        Some(callback) => {
            let shape = egui_wgpu::Callback::new_paint_callback(place, callback);
            ui.painter().add(shape);
        }
        None => paint_with_processor(ui, place, picture, view, frame),
    }
}

/// A map whose cells count as measured where they are finite, with what a causal model cannot see left blank.
pub(crate) fn measured_where_finite(
    shape: MapShape,
    values: Vec<f32>,
    causal: bool,
) -> Option<MapArray> {
    let gaps = values.iter().any(|v| !v.is_finite());
    let flags: Vec<u8> = if gaps {
        values
            .iter()
            .map(|v| if v.is_finite() { flag::MEASURED } else { 0 })
            .collect()
    } else {
        vec![flag::MEASURED; shape.tile_cells()]
    };
    let map = MapArray::new(shape, values)
        .and_then(|map| map.with_flags(flags))
        .ok()?;
    Some(if causal { map.with_causal_mask() } else { map })
}

/// Maps are forgotten when they have not been shown for this many frames.
const KEPT_FRAMES: u64 = 900;

/// One picture as the processor has painted it.
struct Processed {
    version: u64,
    map: MapArray,
    pyramid: Pyramid,
    shown: Option<(View, MapStyle, TextureHandle)>,
    used: u64,
}

type ProcessedMaps = Arc<Mutex<HashMap<Id, Processed>>>;

fn paint_with_processor(ui: &Ui, frame: Rect, picture: &Picture<'_>, view: View, now: u64) {
    let maps: ProcessedMaps = ui.ctx().data_mut(|data| {
        data.get_temp_mut_or_default::<ProcessedMaps>(Id::NULL)
            .clone()
    });
    let mut maps = maps.lock();
    maps.retain(|_, kept| now.saturating_sub(kept.used) < KEPT_FRAMES);
    let id = picture.key.id;
    let version = picture.key.version;
    if maps
        .get(&id)
        .is_none_or(|kept| kept.version != version || kept.map.shape() != picture.shape)
    {
        let Some(map) = (picture.build)() else { return };
        let pyramid = Pyramid::new(&map);
        maps.insert(
            id,
            Processed {
                version,
                map,
                pyramid,
                shown: None,
                used: now,
            },
        );
    }
    let Some(kept) = maps.get_mut(&id) else {
        return;
    };
    kept.used = now;
    // The picture does not depend on where on the screen it lies.
    let mut placed = view;
    (placed.target.x, placed.target.y) = (0, 0);
    let same = matches!(&kept.shown, Some((v, s, _)) if *v == placed && *s == picture.style);
    if !same {
        let image = cpu::draw_with(&kept.map, &kept.pyramid, &placed, &picture.style);
        let size = [image.width as usize, image.height as usize];
        let image = ColorImage::from_rgba_unmultiplied(size, image.bytes());
        match &mut kept.shown {
            Some((v, s, texture)) => {
                texture.set(image, TextureOptions::NEAREST);
                (*v, *s) = (placed, picture.style);
            }
            None => {
                let texture = ui.ctx().load_texture("map", image, TextureOptions::NEAREST);
                kept.shown = Some((placed, picture.style, texture));
            }
        }
    }
    if let Some((.., texture)) = &kept.shown {
        let uv = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0));
        ui.painter()
            .image(texture.id(), frame, uv, egui::Color32::WHITE);
    }
}

/// Maps held on the graphics card.
#[derive(Clone)]
pub(crate) struct GpuMaps {
    device: wgpu::Device,
    queue: wgpu::Queue,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    /// `None` where this card cannot paint maps: then the processor does.
    painter: Option<HeatmapPainter>,
    /// `None` where this card cannot compute attention: then the processor does.
    heads: Option<HeadPainter>,
    /// The head computed last: its record and number.
    head: Option<((u64, usize), GpuHead)>,
    maps: HashMap<Id, Held>,
}

struct Held {
    version: u64,
    shape: MapShape,
    /// `None` where the map does not fit on the card.
    map: Option<GpuMap>,
    view: GpuView,
    used: u64,
}

impl GpuMaps {
    pub(crate) fn new(state: &egui_wgpu::RenderState) -> Self {
        let painter = HeatmapPainter::new(&state.device, state.target_format).ok();
        Self {
            device: state.device.clone(),
            queue: state.queue.clone(),
            shared: Arc::new(Mutex::new(Shared {
                painter,
                heads: HeadPainter::new(&state.device).ok(),
                head: None,
                maps: HashMap::new(),
            })),
        }
    }

    pub(crate) fn can_paint(&self) -> bool {
        self.shared.lock().painter.is_some()
    }

    /// Whether this card computes attention itself.
    pub(crate) fn can_compute(&self) -> bool {
        self.shared.lock().heads.is_some()
    }

    /// Copies the map to the card if its version is new, and what has changed of the view.
    fn prepare(
        &self,
        picture: &Picture<'_>,
        view: &View,
        card_head: Option<&CardHead<'_>>,
        now: u64,
    ) -> Option<DrawMap> {
        let mut shared = self.shared.lock();
        let Shared {
            painter,
            heads,
            head,
            maps,
        } = &mut *shared;
        let painter = painter.as_ref()?;
        maps.retain(|_, held| now.saturating_sub(held.used) < KEPT_FRAMES);
        let id = picture.key.id;
        let current =
            |held: &Held| held.version == picture.key.version && held.shape == picture.shape;
        if !maps.get(&id).is_some_and(current) {
            let map = (picture.build)()?;
            let mut uploaded = GpuMap::upload(&self.device, &self.queue, &map).ok();
            if let (Some(map), Some(wanted), Some(heads)) = (&mut uploaded, card_head, &*heads) {
                let key = (wanted.record.id(), wanted.head);
                if head.as_ref().is_none_or(|(held, _)| *held != key) {
                    let record = wanted.record;
                    *head = GpuHead::upload(&self.device, &self.queue, record, wanted.head)
                        .ok()
                        .map(|uploaded| (key, uploaded));
                }
                if let Some((_, head)) = head {
                    let (part, within) = (wanted.part, picture.style.reduction);
                    heads.fill(&self.device, &self.queue, head, map, part, within);
                }
            }
            let view = maps.remove(&id).map(|held| held.view).unwrap_or_default();
            maps.insert(
                id,
                Held {
                    version: picture.key.version,
                    shape: picture.shape,
                    map: uploaded,
                    view,
                    used: now,
                },
            );
        }
        let held = maps.get_mut(&id)?;
        held.used = now;
        let map = held.map.as_mut()?;
        held.view.prepare(
            &self.device,
            &self.queue,
            painter,
            map,
            view,
            &picture.style,
        );
        Some(DrawMap {
            id,
            shared: self.shared.clone(),
        })
    }
}

struct DrawMap {
    id: Id,
    shared: Arc<Mutex<Shared>>,
}

impl egui_wgpu::CallbackTrait for DrawMap {
    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _resources: &egui_wgpu::CallbackResources,
    ) {
        let shared = self.shared.lock();
        if let (Some(painter), Some(held)) = (&shared.painter, shared.maps.get(&self.id)) {
            held.view.draw(painter, pass);
        }
    }
}
