//! The wgpu pipelines over `shaders/`, shared by all maps of a device.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use crate::{PaintError, shader_source::ShaderSource};

/// Storage buffers that the fragment shader reads.
const STORAGE_BUFFERS: u32 = 4;

/// Draws maps with the GPU. Make one per device and target format and keep it.
#[derive(Debug)]
pub struct HeatmapPainter {
    target: wgpu::TextureFormat,
    draw_shader: ShaderSource,
    reduce_shader: ShaderSource,
    pub(crate) draw: DrawPipeline,
    pub(crate) reduce: ReducePipelines,
}

#[derive(Debug)]
pub(crate) struct DrawPipeline {
    pub(crate) layout: wgpu::BindGroupLayout,
    /// In the order of [`Painting`].
    pipelines: [wgpu::RenderPipeline; 3],
}

/// What pixels show. Software GPUs run both sides of every branch, so that each has an entry point of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Painting {
    /// One cell of the map each.
    #[default]
    Cells,
    /// One or several cells of the map.
    Groups,
    /// One or several cells of a pyramid level.
    Levels,
}

impl Painting {
    const ENTRY_POINTS: [&str; 3] = ["paint_cells", "paint_groups", "paint_levels"];
}

impl DrawPipeline {
    pub(crate) fn pipeline(&self, painting: Painting) -> &wgpu::RenderPipeline {
        &self.pipelines[painting as usize]
    }
}

#[derive(Debug)]
pub(crate) struct ReducePipelines {
    pub(crate) layout: wgpu::BindGroupLayout,
    pub(crate) from_map: wgpu::ComputePipeline,
    pub(crate) from_level: wgpu::ComputePipeline,
}

impl HeatmapPainter {
    /// Pipelines that draw into targets of one format, without multisampling and depth.
    ///
    /// # Errors
    /// If the format converts sRGB (maps write sRGB bytes as they are), or the device has no storage buffers, as
    /// under OpenGL ES; then [`crate::cpu::draw`] is the painter.
    pub fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Result<Self, PaintError> {
        Self::with_sources(
            device,
            target,
            ShaderSource::heatmap(),
            ShaderSource::reduce(),
        )
    }

    /// As [`HeatmapPainter::new`], with shaders from elsewhere.
    ///
    /// # Errors
    /// As [`HeatmapPainter::new`].
    pub fn with_sources(
        device: &wgpu::Device,
        target: wgpu::TextureFormat,
        draw_shader: ShaderSource,
        reduce_shader: ShaderSource,
    ) -> Result<Self, PaintError> {
        if target.is_srgb() {
            return Err(PaintError::ConvertingTarget {
                format: format!("{target:?}"),
            });
        }
        if device.limits().max_storage_buffers_per_shader_stage < STORAGE_BUFFERS {
            return Err(PaintError::NoStorageBuffers);
        }
        let draw = draw_pipeline(
            device,
            target,
            draw_shader.name,
            draw_shader.embedded().into(),
        )?;
        let reduce = reduce_pipelines(device, reduce_shader.name, reduce_shader.embedded().into())?;
        Ok(Self {
            target,
            draw_shader,
            reduce_shader,
            draw,
            reduce,
        })
    }

    /// Takes up watched shader files that have changed; call it once per frame. True if the next frame will differ.
    ///
    /// In release builds nothing is watched and this costs nothing. Bind groups stay valid.
    ///
    /// # Errors
    /// If a changed file does not compile: the last good pipeline stays in use.
    pub fn reload(&mut self, device: &wgpu::Device) -> Result<bool, PaintError> {
        let mut changed = false;
        if let Some(text) = self.draw_shader.changed() {
            let new = draw_pipeline(device, self.target, self.draw_shader.name, text)?;
            self.draw.pipelines = new.pipelines;
            changed = true;
        }
        if let Some(text) = self.reduce_shader.changed() {
            let new = reduce_pipelines(device, self.reduce_shader.name, text)?;
            self.reduce.from_map = new.from_map;
            self.reduce.from_level = new.from_level;
            changed = true;
        }
        Ok(changed)
    }
}

type Text = std::borrow::Cow<'static, str>;

fn draw_pipeline(
    device: &wgpu::Device,
    target: wgpu::TextureFormat,
    name: &'static str,
    text: Text,
) -> Result<DrawPipeline, PaintError> {
    checked(device, name, || {
        let module = shader(device, name, text);
        let layout = bind_layout(
            device,
            wgpu::ShaderStages::FRAGMENT,
            &[
                uniform(false),
                storage(true),
                storage(true),
                storage(true),
                storage(true),
            ],
        );
        let pipeline_layout = pipeline_layout(device, &layout);
        let pipeline = |entry| {
            device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
                label: Some(name),
                layout: Some(&pipeline_layout),
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
                    entry_point: Some(entry),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    targets: &[Some(wgpu::ColorTargetState {
                        format: target,
                        blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                        write_mask: wgpu::ColorWrites::ALL,
                    })],
                }),
                multiview_mask: None,
                cache: None,
            })
        };
        let pipelines = Painting::ENTRY_POINTS.map(pipeline);
        DrawPipeline { layout, pipelines }
    })
}

fn reduce_pipelines(
    device: &wgpu::Device,
    name: &'static str,
    text: Text,
) -> Result<ReducePipelines, PaintError> {
    checked(device, name, || {
        let module = shader(device, name, text);
        let layout = bind_layout(
            device,
            wgpu::ShaderStages::COMPUTE,
            &[uniform(true), storage(true), storage(true), storage(false)],
        );
        let pipeline_layout = pipeline_layout(device, &layout);
        let pipeline = |entry| {
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(name),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some(entry),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            })
        };
        ReducePipelines {
            from_map: pipeline("reduce_map"),
            from_level: pipeline("reduce_level"),
            layout,
        }
    })
}

/// Runs `make` and turns a validation error into ours.
pub(crate) fn checked<T>(
    device: &wgpu::Device,
    name: &'static str,
    make: impl FnOnce() -> T,
) -> Result<T, PaintError> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let made = make();
    let popped = pin!(scope.pop());
    // Native devices know the answer at once.
    match popped.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(error)) => Err(PaintError::Shader {
            name,
            reason: error.to_string(),
        }),
        _ => Ok(made),
    }
}

pub(crate) fn shader(device: &wgpu::Device, name: &str, text: Text) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(text),
    })
}

pub(crate) fn pipeline_layout(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
) -> wgpu::PipelineLayout {
    device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    })
}

pub(crate) fn bind_layout(
    device: &wgpu::Device,
    visibility: wgpu::ShaderStages,
    types: &[wgpu::BindingType],
) -> wgpu::BindGroupLayout {
    let entries: Vec<wgpu::BindGroupLayoutEntry> = (0..)
        .zip(types)
        .map(|(binding, &ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility,
            ty,
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &entries,
    })
}

pub(crate) fn uniform(has_dynamic_offset: bool) -> wgpu::BindingType {
    wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset,
        min_binding_size: None,
    }
}

pub(crate) fn storage(read_only: bool) -> wgpu::BindingType {
    wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Storage { read_only },
        has_dynamic_offset: false,
        min_binding_size: None,
    }
}
