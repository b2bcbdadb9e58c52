//! One picture of a map on the GPU: its place, its zoom, its colours.

use crate::{
    Colour, GpuMap, HeatmapPainter, MapStyle, Reduction, View, axis::AxisPixel, gpu_map::entry,
    looks, painter::Painting,
};

/// The small buffers of one picture: keep one per widget. Many may show the same [`GpuMap`].
#[derive(Debug, Default)]
pub struct GpuView {
    buffers: Option<Buffers>,
    shown: Option<Shown>,
    painting: Painting,
}

#[derive(Debug)]
struct Buffers {
    uniforms: wgpu::Buffer,
    axes: wgpu::Buffer,
    bind_group: wgpu::BindGroup,
    map: u64,
}

/// What the buffers hold now.
#[derive(Debug, PartialEq)]
struct Shown {
    view: View,
    style: MapStyle,
    flag_period: u32,
}

impl GpuView {
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes what has changed since the last time: a few kilobytes at most, never the map. Call it before the render
    /// pass begins. If the view is zoomed out, the map's pyramid is brought up to date, by a submission of its own.
    pub fn prepare(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        painter: &HeatmapPainter,
        map: &mut GpuMap,
        view: &View,
        style: &MapStyle,
    ) {
        let shown = Shown {
            view: *view,
            style: *style,
            flag_period: map.flag_period,
        };
        let same_map = self.buffers.as_ref().is_some_and(|b| b.map == map.id);
        let unchanged = same_map && self.shown.as_ref() == Some(&shown);
        let spread = view.spread(map.shape());
        if spread.level > 0 {
            map.reduce(device, queue, painter);
        }
        if unchanged {
            return;
        }
        self.painting = match (spread.level, spread.has_groups()) {
            (0, false) => Painting::Cells,
            (0, true) => Painting::Groups,
            _ => Painting::Levels,
        };
        let uniforms = Uniforms {
            style: StyleUniform::new(style),
            view: ViewUniform::new(view, map, spread.level),
        };
        let mut pixels = spread.x;
        pixels.extend(spread.y);
        let axes: &[u8] = bytemuck::cast_slice(&pixels);
        let fits = |b: &Buffers| b.map == map.id && b.axes.size() >= axes.len() as u64;
        if !self.buffers.as_ref().is_some_and(fits) {
            self.buffers = Some(Buffers::new(device, painter, map, axes.len() as u64));
        }
        if let Some(buffers) = &self.buffers {
            queue.write_buffer(&buffers.uniforms, 0, bytemuck::bytes_of(&uniforms));
            queue.write_buffer(&buffers.axes, 0, axes);
        }
        self.shown = Some(shown);
    }

    /// Draws what was prepared, over what is there; nothing if nothing was. The viewport must cover the view's target;
    /// pixels outside the target, in gaps, and of masked cells are left as they are.
    pub fn draw(&self, painter: &HeatmapPainter, pass: &mut wgpu::RenderPass<'_>) {
        let Some(buffers) = &self.buffers else { return };
        pass.set_pipeline(painter.draw.pipeline(self.painting));
        pass.set_bind_group(0, &buffers.bind_group, &[]);
        pass.draw(0..3, 0..1);
    }
}

impl Buffers {
    fn new(device: &wgpu::Device, painter: &HeatmapPainter, map: &GpuMap, axes_bytes: u64) -> Self {
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("map view"),
            size: size_of::<Uniforms>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let axes = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("map axes"),
            // Room to grow: a widget that is being resized need not ask again every frame.
            size: axes_bytes.max(1024).next_power_of_two(),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("map"),
            layout: &painter.draw.layout,
            entries: &[
                entry(0, &uniforms),
                entry(1, &axes),
                entry(2, &map.values),
                entry(3, &map.flags),
                entry(4, &map.levels),
            ],
        });
        Self {
            uniforms,
            axes,
            bind_group,
            map: map.id,
        }
    }
}

/// As `Uniforms` in `shaders/heatmap.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Uniforms {
    style: StyleUniform,
    view: ViewUniform,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct StyleUniform {
    cuts: [[f32; 4]; 64],
    colours: [[u32; 4]; 64],
    mean: u32,
    not_measured: [u32; 2],
    not_finite: [u32; 2],
    inks: [u32; 2],
    hatch_weights: [u32; 2],
    dot_weight: u32,
    padding: [u32; 2],
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct ViewUniform {
    origin: [i32; 2],
    size: [u32; 2],
    columns: u32,
    height: u32,
    width: u32,
    level: u32,
    start: u32,
    flags: u32,
    period: u32,
    line: u32,
}

const _: () = assert!(size_of::<AxisPixel>() == 16 && size_of::<Uniforms>().is_multiple_of(16));

impl StyleUniform {
    fn new(style: &MapStyle) -> Self {
        let mut cuts = [f32::INFINITY; 256];
        cuts[..255].copy_from_slice(&style.cuts());
        Self {
            cuts: bytemuck::cast(cuts),
            colours: bytemuck::cast(style.colours().map(packed)),
            mean: u32::from(style.reduction == Reduction::Mean),
            not_measured: style.not_measured().map(packed),
            not_finite: looks::not_finite(style.theme).map(packed),
            inks: looks::inks().map(packed),
            hatch_weights: looks::HATCH_WEIGHTS,
            dot_weight: looks::DOT_WEIGHT,
            padding: [0; 2],
        }
    }
}

impl ViewUniform {
    fn new(view: &View, map: &GpuMap, level: usize) -> Self {
        let shape = map.shape();
        let (start, height, width) =
            match level.checked_sub(1).and_then(|l| map.layout.levels.get(l)) {
                Some(l) => (l.start, l.height, l.width),
                None => (0, shape.height, shape.width),
            };
        let pattern = view.pattern();
        Self {
            origin: [view.target.x, view.target.y],
            size: [view.target.width, view.target.height],
            columns: shape.columns as u32,
            height: height as u32,
            width: width as u32,
            level: level as u32,
            start: start as u32,
            flags: map.flag_period,
            period: pattern.period,
            line: pattern.line,
        }
    }
}

fn packed(colour: Colour) -> u32 {
    u32::from_le_bytes(colour)
}
