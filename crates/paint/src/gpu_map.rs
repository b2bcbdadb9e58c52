//! A map's numbers on the GPU, with their pyramid.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    HeatmapPainter, MapArray, MapShape, PaintError,
    pyramid::{Layout, Reduced},
};

/// The buffers of one map. Range, colours and zoom live elsewhere: changing them touches nothing here.
#[derive(Debug)]
pub struct GpuMap {
    pub(crate) id: u64,
    pub(crate) layout: Layout,
    pub(crate) values: wgpu::Buffer,
    pub(crate) flags: wgpu::Buffer,
    pub(crate) levels: wgpu::Buffer,
    /// How many flags there are before they repeat; 0: none.
    pub(crate) flag_period: u32,
    /// Tiles whose pyramid is out of date.
    stale: Range<usize>,
}

const STORAGE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_DST);
const GROUP: u32 = 64;
const MOST_GROUPS: u32 = 65535;
/// Uniform offsets must be multiples of this on every device.
const JOB_STRIDE: usize = 256;

impl GpuMap {
    /// Copies a map to the GPU.
    ///
    /// # Errors
    /// If it does not fit into the buffers that the device allows (128 MiB by default: 33 million cells).
    pub fn upload(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        map: &MapArray,
    ) -> Result<Self, PaintError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let layout = Layout::new(map.shape());
        let limits = device.limits();
        let allowed = limits
            .max_storage_buffer_binding_size
            .min(limits.max_buffer_size);
        let buffer = |label, bytes: usize, usage| {
            let size = (bytes.max(16) as u64).next_multiple_of(16);
            if size > allowed {
                return Err(PaintError::TooLarge {
                    needed: size,
                    allowed,
                });
            }
            Ok(device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: false,
            }))
        };
        let cells = map.shape().cells();
        let mut gpu = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            values: buffer(
                "map values",
                cells * size_of::<f32>(),
                STORAGE | wgpu::BufferUsages::COPY_SRC,
            )?,
            flags: buffer("map flags", cells, STORAGE)?,
            levels: buffer(
                "map pyramid",
                layout.cells() * size_of::<Reduced>(),
                STORAGE | wgpu::BufferUsages::COPY_SRC,
            )?,
            flag_period: 0,
            stale: 0..map.shape().tiles(),
            layout,
        };
        queue.write_buffer(&gpu.values, 0, bytemuck::cast_slice(map.values()));
        gpu.write_flags(queue, map, 0..cells);
        Ok(gpu)
    }

    pub fn shape(&self) -> MapShape {
        self.layout.shape
    }

    /// Bytes held on the GPU.
    pub fn bytes(&self) -> u64 {
        self.values.size() + self.flags.size() + self.levels.size()
    }

    /// Copies the cells of some tiles again.
    ///
    /// # Errors
    /// If the map now has another shape. Tiles outside are ignored.
    pub fn update_tiles(
        &mut self,
        queue: &wgpu::Queue,
        map: &MapArray,
        tiles: Range<usize>,
    ) -> Result<(), PaintError> {
        let n = self.shape().tile_cells();
        self.update_cells(
            queue,
            map,
            tiles.start.saturating_mul(n)..tiles.end.saturating_mul(n),
        )
    }

    /// Copies some cells again, given by their indices in the map.
    ///
    /// # Errors
    /// If the map now has another shape. Indices outside are ignored.
    pub fn update_cells(
        &mut self,
        queue: &wgpu::Queue,
        map: &MapArray,
        cells: Range<usize>,
    ) -> Result<(), PaintError> {
        if map.shape() != self.shape() {
            return Err(PaintError::ShapeChanged {
                given: map.shape().to_string(),
                expected: self.shape().to_string(),
            });
        }
        let cells = cells.start..cells.end.min(map.shape().cells());
        if cells.is_empty() {
            return Ok(());
        }
        let bytes = bytemuck::cast_slice(&map.values()[cells.clone()]);
        queue.write_buffer(&self.values, (cells.start * size_of::<f32>()) as u64, bytes);
        let tile = self.shape().tile_cells();
        let (first, last) = (cells.start / tile, (cells.end - 1) / tile);
        self.stale = if self.stale.is_empty() {
            first..last + 1
        } else {
            self.stale.start.min(first)..self.stale.end.max(last + 1)
        };
        self.write_flags(queue, map, cells);
        Ok(())
    }

    fn write_flags(&mut self, queue: &wgpu::Queue, map: &MapArray, cells: Range<usize>) {
        let flags = map.flags();
        let period = flags.len() as u32;
        // Flags of another kind than before: all of them, in every tile.
        let cells = if period == self.flag_period && flags.len() == map.values().len() {
            cells
        } else {
            if period != self.flag_period {
                self.stale = 0..self.shape().tiles();
            }
            0..flags.len()
        };
        self.flag_period = period;
        // Buffers are written in words of four bytes.
        let start = cells.start / 4 * 4;
        let end = cells.end.next_multiple_of(4).min(flags.len());
        if start < end {
            let mut words = flags[start..end].to_vec();
            words.resize((end - start).next_multiple_of(4), 0);
            queue.write_buffer(&self.flags, start as u64, &words);
        }
    }

    /// Says that the card has written the values itself.
    pub(crate) fn values_changed(&mut self) {
        self.stale = 0..self.shape().tiles();
    }

    /// Brings the pyramid up to date; nothing to do if no cell has changed since the last time.
    pub(crate) fn reduce(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        painter: &HeatmapPainter,
    ) {
        let tiles = std::mem::take(&mut self.stale);
        let jobs = self.jobs(&tiles);
        if jobs.is_empty() {
            return;
        }
        let mut bytes = vec![0u8; jobs.len() * JOB_STRIDE];
        for (chunk, job) in bytes.chunks_exact_mut(JOB_STRIDE).zip(&jobs) {
            chunk[..size_of::<Job>()].copy_from_slice(bytemuck::bytes_of(job));
        }
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("pyramid jobs"),
            size: bytes.len() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        queue.write_buffer(&uniforms, 0, &bytes);
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("pyramid"),
            layout: &painter.reduce.layout,
            entries: &[
                wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &uniforms,
                        offset: 0,
                        size: wgpu::BufferSize::new(JOB_STRIDE as u64),
                    }),
                },
                entry(1, &self.values),
                entry(2, &self.flags),
                entry(3, &self.levels),
            ],
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor {
            label: Some("pyramid"),
        });
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for (i, job) in jobs.iter().enumerate() {
                pass.set_pipeline(if i == 0 {
                    &painter.reduce.from_map
                } else {
                    &painter.reduce.from_level
                });
                pass.set_bind_group(0, &bind_group, &[(i * JOB_STRIDE) as u32]);
                pass.dispatch_workgroups(job.row / GROUP, job.cells.div_ceil(job.row), 1);
            }
        }
        queue.submit([encoder.finish()]);
    }

    fn jobs(&self, tiles: &Range<usize>) -> Vec<Job> {
        let shape = self.shape();
        let mut below = (0, shape.height, shape.width);
        let mut jobs = Vec::new();
        for level in &self.layout.levels {
            let cells = (tiles.len() * level.height * level.width) as u32;
            if cells > 0 {
                jobs.push(Job {
                    below_start: below.0 as u32,
                    below_height: below.1 as u32,
                    below_width: below.2 as u32,
                    start: level.start as u32,
                    height: level.height as u32,
                    width: level.width as u32,
                    first_tile: tiles.start as u32,
                    cells,
                    row: cells.div_ceil(GROUP).min(MOST_GROUPS) * GROUP,
                    flags: self.flag_period,
                    padding: [0; 2],
                });
            }
            below = (level.start, level.height, level.width);
        }
        jobs
    }
}

pub(crate) fn entry(binding: u32, buffer: &wgpu::Buffer) -> wgpu::BindGroupEntry<'_> {
    wgpu::BindGroupEntry {
        binding,
        resource: buffer.as_entire_binding(),
    }
}

/// As `Job` in `shaders/reduce.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Job {
    below_start: u32,
    below_height: u32,
    below_width: u32,
    start: u32,
    height: u32,
    width: u32,
    first_tile: u32,
    cells: u32,
    row: u32,
    flags: u32,
    padding: [u32; 2],
}
