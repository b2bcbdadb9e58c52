//! Text and outlines, painted by a shader that only looks a texture up.
//!
//! egui's own shader can filter textures in two ways and is told by a uniform which one to take. A driver that computes
//! on the processor runs both for every pixel, some dozens of divisions of whole numbers among them: that was most of
//! a frame. What is drawn is the same.

use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use egui::epaint::{ClippedShape, Primitive, Vertex};
use egui::layers::ShapeIdx;
use egui::mutex::{Mutex, RwLock};
use egui::{Context, LayerId, Rect, Shape, TextureId};

/// Bytes of a vertex: two numbers for the place, two for the texture, one of four bytes for the colour.
const VERTEX_BYTES: usize = 20;

/// The shader, and where the glyphs are.
pub(super) struct SoftwareMeshes {
    renderer: Arc<RwLock<egui_wgpu::Renderer>>,
    pipeline: Arc<wgpu::RenderPipeline>,
}

impl std::fmt::Debug for SoftwareMeshes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SoftwareMeshes").finish_non_exhaustive()
    }
}

impl SoftwareMeshes {
    /// `None` where egui is as quick, or where colours are converted on their way to the screen.
    pub(super) fn new(state: &egui_wgpu::RenderState) -> Option<Self> {
        let wanted = super::is_software(state) && !state.target_format.is_srgb();
        wanted.then(|| Self {
            renderer: state.renderer.clone(),
            pipeline: Arc::new(pipeline(&state.device, state.target_format)),
        })
    }

    /// Takes over what was put out in this frame, except pictures and what has a painter of its own.
    pub(super) fn take_over(&self, ctx: &Context) {
        let Some(glyphs) = self.glyphs(ctx) else {
            return;
        };
        let screen = ctx.viewport_rect();
        let mut layers: Vec<LayerId> = ctx.memory(|memory| memory.layer_ids().collect());
        if !layers.contains(&LayerId::background()) {
            layers.push(LayerId::background());
        }
        for layer in layers {
            if ctx.layer_transform_to_global(layer).is_some() {
                continue;
            }
            let shapes: Vec<ClippedShape> = ctx.graphics(|layers| {
                let list = layers.get(layer);
                list.map_or_else(Vec::new, |list| list.all_entries().cloned().collect())
            });
            for run in runs(&shapes) {
                let Some(parts) = parts(ctx, shapes[run.clone()].to_vec()) else {
                    continue;
                };
                let painter = Painter {
                    pipeline: self.pipeline.clone(),
                    glyphs: glyphs.clone(),
                    parts,
                    uploaded: Mutex::new(None),
                };
                let callback = egui_wgpu::Callback::new_paint_callback(screen, painter);
                ctx.graphics_mut(|layers| {
                    if let Some(list) = layers.get_mut(layer) {
                        list.set(ShapeIdx(run.start), screen, callback.into());
                        for other in run.skip(1) {
                            list.reset_shape(ShapeIdx(other));
                        }
                    }
                });
            }
        }
    }

    /// The texture of the glyphs; `None` in a frame that gives it another size, after which there is another texture.
    fn glyphs(&self, ctx: &Context) -> Option<wgpu::BindGroup> {
        let renderer = self.renderer.read();
        let font = renderer.texture(&TextureId::default())?;
        let size = font.texture.as_ref()?.size();
        let wanted = ctx.fonts(|fonts| fonts.font_image_size());
        ([size.width as usize, size.height as usize] == wanted).then(|| font.bind_group.clone())
    }
}

/// Neighbours that glyphs and plain colours are enough for. Pictures are left out: a new one is not on the card yet.
fn runs(shapes: &[ClippedShape]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for (i, clipped) in shapes.iter().enumerate() {
        if !is_drawn_here(&clipped.shape) {
            runs.push(start..i);
            start = i + 1;
        }
    }
    runs.push(start..shapes.len());
    runs.retain(|run| shapes[run.clone()].iter().any(|s| s.shape != Shape::Noop));
    runs
}

fn is_drawn_here(shape: &Shape) -> bool {
    match shape {
        Shape::Callback(_) => false,
        Shape::Vec(shapes) => shapes.iter().all(is_drawn_here),
        shape => shape.texture_id() == TextureId::default(),
    }
}

/// Triangles within one rectangle, all in points.
struct Part {
    clip: Rect,
    vertices: Vec<Vertex>,
    indices: Vec<u32>,
}

impl Part {
    /// The triangles that reach into a rectangle: most of a long prompt's glyphs lie beside the window.
    fn within(clip: Rect, vertices: &[Vertex], indices: &[u32]) -> Self {
        const UNUSED: u32 = u32::MAX;
        let mut places = vec![UNUSED; vertices.len()];
        let mut part = Self {
            clip,
            vertices: Vec::new(),
            indices: Vec::new(),
        };
        for triangle in indices.chunks_exact(3) {
            let corners = triangle.iter().filter_map(|&i| vertices.get(i as usize));
            let mut around = Rect::NOTHING;
            corners.for_each(|corner| around.extend_with(corner.pos));
            if !around.intersects(clip) {
                continue;
            }
            for &index in triangle {
                let Some(place) = places.get_mut(index as usize) else {
                    continue;
                };
                if *place == UNUSED {
                    *place = part.vertices.len() as u32;
                    part.vertices.push(vertices[index as usize]);
                }
                part.indices.push(*place);
            }
        }
        part
    }
}

/// `None` if there is something among the shapes that is not drawn here.
fn parts(ctx: &Context, shapes: Vec<ClippedShape>) -> Option<Vec<Part>> {
    let primitives = ctx.tessellate(shapes, ctx.pixels_per_point());
    let part = |primitive: egui::ClippedPrimitive| match primitive.primitive {
        Primitive::Mesh(mesh) => (mesh.texture_id == TextureId::default())
            .then(|| Part::within(primitive.clip_rect, &mesh.vertices, &mesh.indices)),
        Primitive::Callback(_) => None,
    };
    primitives.into_iter().map(part).collect()
}

/// The bytes of the vertices, from points to the coordinates of a viewport that is the whole screen.
fn vertex_bytes(parts: &[Part], screen: [f32; 2]) -> Vec<u8> {
    let vertices = parts.iter().flat_map(|part| &part.vertices);
    let mut bytes = Vec::with_capacity(VERTEX_BYTES * vertices.clone().count());
    for vertex in vertices {
        let x = 2.0 * vertex.pos.x / screen[0] - 1.0;
        let y = 1.0 - 2.0 * vertex.pos.y / screen[1];
        for number in [x, y, vertex.uv.x, vertex.uv.y] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(vertex.color.to_array());
    }
    bytes
}

/// Left, top, width and height in pixels; `None` where nothing is left. Rounded as egui rounds.
fn scissor(clip: Rect, scale: f32, size: [u32; 2]) -> Option<[u32; 4]> {
    let pixel = |points: f32, most: u32| (points * scale).round().clamp(0.0, most as f32) as u32;
    let (left, top) = (pixel(clip.min.x, size[0]), pixel(clip.min.y, size[1]));
    let (right, bottom) = (pixel(clip.max.x, size[0]), pixel(clip.max.y, size[1]));
    (right > left && bottom > top).then(|| [left, top, right - left, bottom - top])
}

struct Uploaded {
    vertices: wgpu::Buffer,
    indices: wgpu::Buffer,
}

struct Painter {
    pipeline: Arc<wgpu::RenderPipeline>,
    glyphs: wgpu::BindGroup,
    parts: Vec<Part>,
    uploaded: Mutex<Option<Uploaded>>,
}

impl egui_wgpu::CallbackTrait for Painter {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &egui_wgpu::ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        _resources: &mut egui_wgpu::CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let size = screen
            .size_in_pixels
            .map(|pixels| pixels as f32 / screen.pixels_per_point);
        let indices = self.parts.iter().flat_map(|part| &part.indices);
        let upload = |bytes: &[u8], usage| {
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("text and outlines"),
                size: bytes.len() as u64,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            queue.write_buffer(&buffer, 0, bytes);
            buffer
        };
        let vertices = vertex_bytes(&self.parts, size);
        let indices: Vec<u8> = indices.flat_map(|index| index.to_le_bytes()).collect();
        *self.uploaded.lock() = (!indices.is_empty()).then(|| Uploaded {
            vertices: upload(&vertices, wgpu::BufferUsages::VERTEX),
            indices: upload(&indices, wgpu::BufferUsages::INDEX),
        });
        Vec::new()
    }

    fn paint(
        &self,
        info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _resources: &egui_wgpu::CallbackResources,
    ) {
        let uploaded = self.uploaded.lock();
        let Some(uploaded) = uploaded.as_ref() else {
            return;
        };
        let size = info.screen_size_px;
        pass.set_viewport(0.0, 0.0, size[0] as f32, size[1] as f32, 0.0, 1.0);
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.glyphs, &[]);
        pass.set_vertex_buffer(0, uploaded.vertices.slice(..));
        pass.set_index_buffer(uploaded.indices.slice(..), wgpu::IndexFormat::Uint32);
        let (mut vertex, mut index) = (0, 0);
        for part in &self.parts {
            let end = index + part.indices.len() as u32;
            if let Some([x, y, width, height]) = scissor(part.clip, info.pixels_per_point, size) {
                pass.set_scissor_rect(x, y, width, height);
                pass.draw_indexed(index..end, vertex, 0..1);
            }
            index = end;
            vertex += part.vertices.len() as i32;
        }
    }
}

const SHADER: &str = "
struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) at: vec2<f32>,
    @location(1) colour: vec4<f32>,
}

@group(0) @binding(0) var glyphs: texture_2d<f32>;
@group(0) @binding(1) var between: sampler;

@vertex
fn corner(
    @location(0) position: vec2<f32>,
    @location(1) at: vec2<f32>,
    @location(2) colour: vec4<f32>,
) -> Corner {
    return Corner(vec4<f32>(position, 0.0, 1.0), at, colour);
}

@fragment
fn shade(corner: Corner) -> @location(0) vec4<f32> {
    return corner.colour * textureSample(glyphs, between, corner.at);
}
";

/// The layout of egui's own bindings of a texture, which the glyphs are bound by.
fn glyph_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty,
        count: None,
    };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("glyphs"),
        entries: &[
            entry(
                0,
                wgpu::BindingType::Texture {
                    multisampled: false,
                    sample_type: wgpu::TextureSampleType::Float { filterable: true },
                    view_dimension: wgpu::TextureViewDimension::D2,
                },
            ),
            entry(
                1,
                wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
            ),
            entry(
                2,
                wgpu::BindingType::Buffer {
                    has_dynamic_offset: false,
                    min_binding_size: NonZeroU64::new(16),
                    ty: wgpu::BufferBindingType::Uniform,
                },
            ),
        ],
    })
}

fn pipeline(device: &wgpu::Device, target: wgpu::TextureFormat) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("text and outlines"),
        source: wgpu::ShaderSource::Wgsl(SHADER.into()),
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("text and outlines"),
        bind_group_layouts: &[Some(&glyph_layout(device))],
        immediate_size: 0,
    });
    let over = |src_factor, dst_factor| wgpu::BlendComponent {
        src_factor,
        dst_factor,
        operation: wgpu::BlendOperation::Add,
    };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("text and outlines"),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corner"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[Some(wgpu::VertexBufferLayout {
                array_stride: VERTEX_BYTES as u64,
                step_mode: wgpu::VertexStepMode::Vertex,
                attributes: &wgpu::vertex_attr_array![0 => Float32x2, 1 => Float32x2, 2 => Unorm8x4],
            })],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("shade"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: target,
                // Colours come multiplied by their opacity.
                blend: Some(wgpu::BlendState {
                    color: over(wgpu::BlendFactor::One, wgpu::BlendFactor::OneMinusSrcAlpha),
                    alpha: over(wgpu::BlendFactor::OneMinusDstAlpha, wgpu::BlendFactor::One),
                }),
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::emath::TSTransform;
    use egui::{Color32, pos2};

    fn clipped(shape: Shape) -> ClippedShape {
        ClippedShape {
            clip_rect: Rect::EVERYTHING,
            shape,
            transform_after_tessellation: TSTransform::IDENTITY,
        }
    }

    #[test]
    fn pictures_and_painters_end_a_run() {
        let dot = || clipped(Shape::circle_filled(pos2(3.0, 3.0), 2.0, Color32::RED));
        let picture = || {
            let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            let at = Rect::from_min_max(pos2(0.0, 0.0), pos2(9.0, 9.0));
            Shape::image(TextureId::Managed(7), at, uv, Color32::WHITE)
        };
        let hidden = clipped(Shape::Vec(vec![dot().shape, picture()]));
        let shapes = [
            dot(),
            dot(),
            clipped(picture()),
            clipped(Shape::Noop),
            hidden,
            dot(),
        ];
        assert_eq!(runs(&shapes), [0..2, 5..6]);
        assert!(runs(&[]).is_empty());
    }

    #[test]
    fn triangles_beside_the_clip_are_left_out() {
        let vertex = |x: f32, y: f32| Vertex {
            pos: pos2(x, y),
            uv: egui::epaint::WHITE_UV,
            color: Color32::RED,
        };
        let vertices = [
            vertex(90.0, 0.0),
            vertex(99.0, 0.0),
            vertex(90.0, 5.0),
            vertex(0.0, 0.0),
            vertex(20.0, 0.0),
            vertex(0.0, 9.0),
        ];
        let clip = Rect::from_min_max(pos2(5.0, 1.0), pos2(60.0, 30.0));
        let part = Part::within(clip, &vertices, &[0, 1, 2, 3, 4, 5, 5, 4, 3]);
        assert_eq!(part.vertices, vertices[3..]);
        assert_eq!(part.indices, [0, 1, 2, 2, 1, 0]);
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let rect = Rect::from_min_max(pos2(-4.0, 1.3), pos2(600.0, 20.0));
        assert_eq!(scissor(rect, 2.0, [800, 30]), Some([0, 3, 800, 27]));
        assert_eq!(scissor(Rect::NOTHING, 1.0, [800, 30]), None);
        let beside = Rect::from_min_max(pos2(900.0, 0.0), pos2(950.0, 9.0));
        assert_eq!(scissor(beside, 1.0, [800, 30]), None);
    }
}
