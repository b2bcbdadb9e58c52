//! Weights of a long prompt's head, computed by the graphics card into the map that it draws.

use whyfinder_experiment::AttentionRecord;

use crate::gpu_map::entry;
use crate::painter::{bind_layout, checked, pipeline_layout, shader, storage, uniform};
use crate::{GpuMap, PaintError, Reduction, shader_source::ShaderSource};

/// Computes parts of heads. Make one per device and keep it.
#[derive(Debug)]
pub struct HeadPainter {
    layout: wgpu::BindGroupLayout,
    pipeline: wgpu::ComputePipeline,
}

/// One head's queries, keys and normalisers on the card.
#[derive(Debug)]
pub struct GpuHead {
    queries: wgpu::Buffer,
    keys: wgpu::Buffer,
    rows: wgpu::Buffer,
    job: Job,
}

/// Cells of a head: each stands for `2^level` queries and as many keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeadPart {
    pub level: u32,
    pub first_row: usize,
    pub first_column: usize,
}

/// As `Job` in `shaders/attention_tile.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
struct Job {
    rows: u32,
    columns: u32,
    first_row: u32,
    first_column: u32,
    level: u32,
    tokens: u32,
    width: u32,
    window: u32,
    prefix: u32,
    mean: u32,
    scale: f32,
    softcap: f32,
}

const GROUP: u32 = 8;
/// Mesa's software driver ends an invocation's loops after 65 535 turns in all, whatever they were about to do.
const MOST_TURNS: u64 = 60_000;
/// Multiplications of one submission: more would hold up the frame.
const MOST_AT_ONCE: u64 = 1 << 33;

impl HeadPart {
    /// Whether the card can compute that many cells from here on, and without holding up the frame.
    pub fn suits(&self, record: &AttentionRecord, cells: usize) -> bool {
        let (size, width) = (1u64 << self.level.min(20), record.sizes.width as u64);
        let turns = size * (1 + size * (1 + width));
        let all = (cells as u64).saturating_mul(size * size * width);
        turns <= MOST_TURNS && all <= MOST_AT_ONCE
    }
}

impl GpuHead {
    /// Copies one head of a record to the card.
    ///
    /// # Errors
    /// If it does not fit into the buffers that the device allows, or there is no such head.
    pub fn upload(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        record: &AttentionRecord,
        head: usize,
    ) -> Result<Self, PaintError> {
        let tokens = record.sizes.tokens;
        let rows = head * tokens..(head + 1) * tokens;
        let (Some(top), Some(log_sum)) = (record.top.get(rows.clone()), record.log_sum.get(rows))
        else {
            return Err(PaintError::NoSuchHead { head });
        };
        let normalisers: Vec<[f32; 2]> = top.iter().zip(log_sum).map(|(&t, &s)| [t, s]).collect();
        let gathered = |of: fn(&AttentionRecord, usize, usize) -> &[f32]| -> Vec<f32> {
            (0..tokens)
                .flat_map(|token| of(record, head, token).iter().copied())
                .collect()
        };
        let buffer = |label, bytes: &[u8]| {
            let size = (bytes.len().max(16) as u64).next_multiple_of(16);
            let limits = device.limits();
            let allowed = limits
                .max_storage_buffer_binding_size
                .min(limits.max_buffer_size);
            if size > allowed {
                return Err(PaintError::TooLarge {
                    needed: size,
                    allowed,
                });
            }
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            queue.write_buffer(&buffer, 0, bytes);
            Ok(buffer)
        };
        let (queries, keys) = (
            gathered(AttentionRecord::query),
            gathered(AttentionRecord::key),
        );
        Ok(Self {
            queries: buffer("head queries", bytemuck::cast_slice(&queries))?,
            keys: buffer("head keys", bytemuck::cast_slice(&keys))?,
            rows: buffer("head normalisers", bytemuck::cast_slice(&normalisers))?,
            job: Job {
                rows: 0,
                columns: 0,
                first_row: 0,
                first_column: 0,
                level: 0,
                tokens: tokens as u32,
                width: record.sizes.width as u32,
                window: record.form.window.map_or(0, |w| w.max(1) as u32),
                prefix: record.form.prefix.min(tokens) as u32,
                mean: 0,
                scale: record.form.scale,
                softcap: record.form.softcap.unwrap_or(0.0),
            },
        })
    }
}

impl HeadPainter {
    /// # Errors
    /// If the device has no compute shaders with storage buffers, as under OpenGL ES; then the processor computes.
    pub fn new(device: &wgpu::Device) -> Result<Self, PaintError> {
        let limits = device.limits();
        if limits.max_storage_buffers_per_shader_stage < 4
            || limits.max_compute_invocations_per_workgroup < GROUP * GROUP
        {
            return Err(PaintError::NoStorageBuffers);
        }
        let source = ShaderSource::attention_tile();
        checked(device, source.name, || {
            let module = shader(device, source.name, source.embedded().into());
            let types = [
                uniform(false),
                storage(true),
                storage(true),
                storage(true),
                storage(false),
            ];
            let layout = bind_layout(device, wgpu::ShaderStages::COMPUTE, &types);
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(source.name),
                layout: Some(&pipeline_layout(device, &layout)),
                module: &module,
                entry_point: Some("attention_tile"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            });
            Self { layout, pipeline }
        })
    }

    /// Computes all cells of a single map as that part of the head, by a submission of its own. Flags stay.
    pub fn fill(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        head: &GpuHead,
        map: &mut GpuMap,
        part: HeadPart,
        reduction: Reduction,
    ) {
        let shape = map.shape();
        if shape.cells() == 0 || shape.tiles() != 1 {
            return;
        }
        let job = Job {
            rows: shape.height as u32,
            columns: shape.width as u32,
            first_row: part.first_row as u32,
            first_column: part.first_column as u32,
            level: part.level,
            mean: u32::from(reduction == Reduction::Mean),
            ..head.job
        };
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("head part"),
            size: size_of::<Job>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        queue.write_buffer(&uniforms, 0, bytemuck::bytes_of(&job));
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("head part"),
            layout: &self.layout,
            entries: &[
                entry(0, &uniforms),
                entry(1, &head.queries),
                entry(2, &head.keys),
                entry(3, &head.rows),
                entry(4, &map.values),
            ],
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor {
            label: Some("head part"),
        });
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(job.columns.div_ceil(GROUP), job.rows.div_ceil(GROUP), 1);
        }
        queue.submit([encoder.finish()]);
        map.values_changed();
    }
}
