//! Large areas of one colour, painted by a shader that does nothing else.
//!
//! egui looks every pixel up in a texture and blends it, also those of a plain panel. On a driver that computes on the
//! processor that is most of a frame; a shader of a constant takes a small part of it.

use std::sync::Arc;

use egui::layers::ShapeIdx;
use egui::{Color32, Context, CornerRadius, LayerId, Rect, Shape};

/// Points by points from which on an area is worth a pipeline change.
const LARGE: f32 = 64.0 * 64.0;

/// The pipelines of the colours seen so far.
#[derive(Debug)]
pub(super) struct FlatFills {
    device: wgpu::Device,
    target: wgpu::TextureFormat,
    pipelines: Vec<(Color32, Arc<wgpu::RenderPipeline>)>,
}

impl FlatFills {
    /// `None` where egui is as quick, or where colours are converted on their way to the screen.
    pub(super) fn new(state: &egui_wgpu::RenderState) -> Option<Self> {
        let wanted = super::is_software(state) && !state.target_format.is_srgb();
        wanted.then(|| Self {
            device: state.device.clone(),
            target: state.target_format,
            pipelines: Vec::new(),
        })
    }

    /// Takes over the large areas of what was put out in this frame, below all that floats.
    pub(super) fn take_over(&mut self, ctx: &Context) {
        let screen = ctx.content_rect();
        ctx.graphics_mut(|layers| {
            let Some(list) = layers.get_mut(LayerId::background()) else {
                return;
            };
            let areas: Vec<(usize, Rect, Color32)> = list
                .all_entries()
                .enumerate()
                .filter_map(|(i, clipped)| {
                    let (rect, colour) = plain(&clipped.shape)?;
                    let seen = rect.intersect(clipped.clip_rect).intersect(screen);
                    let large = seen.is_positive() && seen.area() >= LARGE;
                    large.then_some((i, seen, colour))
                })
                .collect();
            for (i, rect, colour) in areas {
                let fill = Fill(self.pipeline(colour));
                let callback = egui_wgpu::Callback::new_paint_callback(rect, fill);
                list.mutate_shape(ShapeIdx(i), |clipped| clipped.shape = callback.into());
            }
        });
    }

    fn pipeline(&mut self, colour: Color32) -> Arc<wgpu::RenderPipeline> {
        if let Some((_, pipeline)) = self.pipelines.iter().find(|(seen, _)| *seen == colour) {
            return pipeline.clone();
        }
        let pipeline = Arc::new(pipeline(&self.device, self.target, colour));
        self.pipelines.push((colour, pipeline.clone()));
        pipeline
    }
}

/// Where and in what colour, of a shape that is an opaque rectangle and nothing else.
fn plain(shape: &Shape) -> Option<(Rect, Color32)> {
    let Shape::Rect(shape) = shape else {
        return None;
    };
    let bare = shape.stroke.is_empty()
        && shape.corner_radius == CornerRadius::ZERO
        && shape.blur_width == 0.0
        && shape.brush.is_none()
        && shape.angle == 0.0;
    (bare && shape.fill.is_opaque()).then_some((shape.rect, shape.fill))
}

fn pipeline(
    device: &wgpu::Device,
    target: wgpu::TextureFormat,
    colour: Color32,
) -> wgpu::RenderPipeline {
    let [red, green, blue, _] = colour.to_normalized_gamma_f32();
    // A constant in the text, so that there is nothing to read at all.
    let text = format!(
        "@vertex fn cover(@builtin(vertex_index) i: u32) -> @builtin(position) vec4<f32> {{
            return vec4<f32>(f32(i & 1u) * 4.0 - 1.0, f32(i >> 1u) * 4.0 - 1.0, 0.0, 1.0);
        }}
        @fragment fn fill() -> @location(0) vec4<f32> {{
            return vec4<f32>({red:?}, {green:?}, {blue:?}, 1.0);
        }}"
    );
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("flat fill"),
        source: wgpu::ShaderSource::Wgsl(text.into()),
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("flat fill"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("cover"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("fill"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(target.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}

/// The whole of the rectangle that egui makes the viewport.
struct Fill(Arc<wgpu::RenderPipeline>);

impl egui_wgpu::CallbackTrait for Fill {
    fn paint(
        &self,
        _info: egui::PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _resources: &egui_wgpu::CallbackResources,
    ) {
        pass.set_pipeline(&self.0);
        pass.draw(0..3, 0..1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Stroke, StrokeKind, epaint::RectShape};

    #[test]
    fn only_opaque_rectangles_without_anything_to_them_are_plain() {
        let rect = Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(300.0, 200.0));
        let filled = |radius: u8, fill| RectShape::filled(rect, radius, fill);
        let grey = Color32::from_gray(40);
        assert_eq!(plain(&filled(0, grey).into()), Some((rect, grey)));
        assert_eq!(plain(&filled(3, grey).into()), None);
        assert_eq!(plain(&filled(0, grey.gamma_multiply(0.5)).into()), None);
        let stroke = Stroke::new(1.0, grey);
        let framed = RectShape::new(rect, 0, grey, stroke, StrokeKind::Inside);
        assert_eq!(plain(&framed.into()), None);
        assert_eq!(plain(&Shape::circle_filled(rect.min, 9.0, grey)), None);
    }
}
