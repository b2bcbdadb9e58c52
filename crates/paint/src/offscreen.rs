//! Pictures drawn by the GPU and read back, for export and for comparison with the CPU twin.

use crate::{
    Colour, GpuMap, GpuView, HeatmapPainter, Image, MapStyle, PaintError, View, pyramid::Reduced,
};

/// The format that [`render`] draws into.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// Draws the view's rectangle on a transparent ground and waits for the picture. The painter must be made for
/// [`FORMAT`].
///
/// # Errors
/// If the picture cannot be read back, or is larger than the device's textures.
pub fn render(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    painter: &HeatmapPainter,
    map: &mut GpuMap,
    view: &View,
    style: &MapStyle,
) -> Result<Image, PaintError> {
    let (width, height) = (view.target.width, view.target.height);
    let most = device.limits().max_texture_dimension_2d;
    if width == 0 || height == 0 || width > most || height > most {
        return Err(PaintError::ReadBack {
            reason: format!("{width} x {height} pixels are not between 1 and {most} a side"),
        });
    }
    let mut view = *view;
    (view.target.x, view.target.y) = (0, 0);
    let mut gpu_view = GpuView::new();
    gpu_view.prepare(device, queue, painter, map, &view, style);

    let size = wgpu::Extent3d {
        width,
        height,
        depth_or_array_layers: 1,
    };
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("picture"),
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: FORMAT,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let buffer = read_buffer(device, u64::from(row) * u64::from(height));
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    {
        let target = texture.create_view(&wgpu::TextureViewDescriptor::default());
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &target,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..wgpu::RenderPassDescriptor::default()
        });
        gpu_view.draw(painter, &mut pass);
    }
    encoder.copy_texture_to_buffer(
        texture.as_image_copy(),
        wgpu::TexelCopyBufferInfo {
            buffer: &buffer,
            layout: wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(row),
                rows_per_image: None,
            },
        },
        size,
    );
    queue.submit([encoder.finish()]);
    let bytes = read(device, &buffer)?;
    let pixels = bytes
        .chunks_exact(row as usize)
        .flat_map(|line| &line.as_chunks::<4>().0[..width as usize])
        .copied()
        .collect::<Vec<Colour>>();
    Ok(Image {
        width,
        height,
        pixels,
    })
}

/// The pyramid as the GPU made it, in the order of [`crate::Pyramid::cells`].
///
/// # Errors
/// If it cannot be read back.
pub fn read_pyramid(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    painter: &HeatmapPainter,
    map: &mut GpuMap,
) -> Result<Vec<Reduced>, PaintError> {
    map.reduce(device, queue, painter);
    let buffer = read_buffer(device, map.levels.size());
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(&map.levels, 0, &buffer, 0, map.levels.size());
    queue.submit([encoder.finish()]);
    let bytes = read(device, &buffer)?;
    let cells = bytes
        .chunks_exact(size_of::<Reduced>())
        .map(bytemuck::pod_read_unaligned);
    Ok(cells.take(map.layout.cells()).collect())
}

/// The values of a map as the card holds them.
///
/// # Errors
/// If they cannot be read back.
pub fn read_values(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    map: &GpuMap,
) -> Result<Vec<f32>, PaintError> {
    let buffer = read_buffer(device, map.values.size());
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(&map.values, 0, &buffer, 0, map.values.size());
    queue.submit([encoder.finish()]);
    let bytes = read(device, &buffer)?;
    let values = bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned);
    Ok(values.take(map.shape().cells()).collect())
}

fn read_buffer(device: &wgpu::Device, size: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("read back"),
        size,
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    })
}

fn read(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<Vec<u8>, PaintError> {
    let failed = |reason: String| PaintError::ReadBack { reason };
    let (send, receive) = std::sync::mpsc::channel();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        // The receiver waits below; if it is gone, nobody wants the answer.
        let _ = send.send(result);
    });
    device
        .poll(wgpu::PollType::wait_indefinitely())
        .map_err(|e| failed(e.to_string()))?;
    receive
        .recv()
        .map_err(|e| failed(e.to_string()))?
        .map_err(|e| failed(e.to_string()))?;
    let view = buffer
        .get_mapped_range(..)
        .map_err(|e| failed(e.to_string()))?;
    Ok(view.to_vec())
}
