//! A screen that shows every frame and is never read back: what a window does, without a window.

use eframe::egui_wgpu::wgpu;
use eframe::egui_wgpu::{RenderState, RendererOptions, ScreenDescriptor};
use egui_kittest::Harness;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};

pub(crate) struct Screen {
    state: RenderState,
    target: wgpu::Texture,
    width: u32,
    height: u32,
}

impl Screen {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        // As the window has it.
        let options = RendererOptions {
            dithering: false,
            ..RendererOptions::default()
        };
        let state = create_render_state(default_wgpu_setup(), options);
        let target = state.device.create_texture(&wgpu::TextureDescriptor {
            label: Some("screen"),
            size: wgpu::Extent3d {
                width,
                height,
                depth_or_array_layers: 1,
            },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: state.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        Self {
            state,
            target,
            width,
            height,
        }
    }

    pub(crate) fn size(&self) -> egui::Vec2 {
        egui::vec2(self.width as f32, self.height as f32)
    }

    pub(crate) fn adapter(&self) -> String {
        let info = self.state.adapter.get_info();
        format!("{} ({} {})", info.name, info.driver, info.driver_info)
    }

    /// Takes the window's textures over.
    pub(crate) fn textures(&self) -> WgpuTestRenderer {
        WgpuTestRenderer::from_render_state(self.state.clone())
    }

    /// Draws what the window last put out, and waits for it.
    pub(crate) fn draw<S>(&self, window: &Harness<'_, S>) {
        let output = window.output();
        let jobs = window
            .ctx
            .tessellate(output.shapes.clone(), output.pixels_per_point);
        let descriptor = ScreenDescriptor {
            size_in_pixels: [self.width, self.height],
            pixels_per_point: output.pixels_per_point,
        };
        let mut renderer = self.state.renderer.write();
        let mut encoder = self
            .state
            .device
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let before = renderer.update_buffers(
            &self.state.device,
            &self.state.queue,
            &mut encoder,
            &jobs,
            &descriptor,
        );
        let view = self
            .target
            .create_view(&wgpu::TextureViewDescriptor::default());
        {
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("screen"),
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &view,
                        resolve_target: None,
                        ops: wgpu::Operations {
                            load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                            store: wgpu::StoreOp::Store,
                        },
                        depth_slice: None,
                    })],
                    ..wgpu::RenderPassDescriptor::default()
                })
                .forget_lifetime();
            renderer.render(&mut pass, &jobs, &descriptor);
        }
        let commands = before.into_iter().chain(std::iter::once(encoder.finish()));
        self.state.queue.submit(commands);
        self.state
            .device
            .poll(wgpu::PollType::wait_indefinitely())
            .expect("the driver answers");
    }
}
