//! The GPU painter and its CPU twin give the same pixels, on the software Vulkan driver.

#![allow(clippy::print_stdout)]

use std::sync::LazyLock;

use whyfinder_paint::{
    ColourMap, GpuMap, HeatmapPainter, Image, MapArray, MapShape, MapStyle, PaintError, PixelRect,
    Pyramid, Reduction, Theme, View, cpu, flag, offscreen, shader_source::ShaderSource,
};

struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    painter: HeatmapPainter,
}

static GPU: LazyLock<Gpu> = LazyLock::new(|| {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN;
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::VULKAN));
    // The software driver first: the same everywhere.
    adapters.sort_by_key(|a| a.get_info().device_type != wgpu::DeviceType::Cpu);
    let adapter = adapters.into_iter().next().expect(
        "there is no Vulkan driver; on Debian and Ubuntu the package mesa-vulkan-drivers brings a software one",
    );
    let info = adapter.get_info();
    assert_eq!(info.backend, wgpu::Backend::Vulkan);
    println!(
        "drawn by {} ({} {})",
        info.name, info.driver, info.driver_info
    );
    let (device, queue) =
        pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()))
            .expect("the adapter gives a device with default limits");
    let painter = HeatmapPainter::new(&device, offscreen::FORMAT).expect("the shaders compile");
    Gpu {
        device,
        queue,
        painter,
    }
});

impl Gpu {
    fn upload(&self, map: &MapArray) -> GpuMap {
        GpuMap::upload(&self.device, &self.queue, map).expect("fits")
    }

    fn draw(&self, map: &mut GpuMap, view: &View, style: &MapStyle) -> Image {
        offscreen::render(&self.device, &self.queue, &self.painter, map, view, style)
            .expect("read back")
    }
}

/// Small numbers that look random, the same on every run.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn unit(&mut self) -> f32 {
        (self.next() % (1 << 24)) as f32 / (1 << 24) as f32
    }

    /// Values in -1 to 1, with NaN and infinities, and flags of every kind.
    fn map(&mut self, shape: MapShape) -> MapArray {
        let values = (0..shape.cells())
            .map(|_| match self.below(50) {
                0 => f32::NAN,
                1 => f32::INFINITY,
                2 => -f32::NAN,
                3 => 0.0,
                4 => f32::from_bits(0x7f80_0001),
                _ => self.unit() * 2.0 - 1.0,
            })
            .collect();
        let map = MapArray::new(shape, values).expect("fits");
        let flags = |draws: &mut Self, n: usize| {
            let one = |draws: &mut Self| match draws.below(8) {
                0 => 0,
                1 => flag::MEASURED | flag::MASKED,
                2 | 3 => flag::MEASURED | flag::NOT_SIGNIFICANT,
                4 => flag::MEASURED | flag::ESTIMATE,
                5 => flag::MASKED,
                _ => flag::MEASURED,
            };
            (0..n).map(|_| one(draws)).collect()
        };
        match self.below(4) {
            0 => map,
            1 => map.with_causal_mask(),
            2 => {
                let flags = flags(self, shape.tile_cells());
                map.with_flags(flags).expect("fits")
            }
            _ => {
                let flags = flags(self, shape.cells());
                map.with_flags(flags).expect("fits")
            }
        }
    }
}

fn target(width: u32, height: u32) -> PixelRect {
    PixelRect {
        x: 0,
        y: 0,
        width,
        height,
    }
}

fn plain() -> MapStyle {
    MapStyle::sequential(ColourMap::Magma, Theme::Dark, 0.0, 1.0)
}

fn same(name: &str, gpu: &Image, cpu: &Image) {
    assert_eq!((gpu.width, gpu.height), (cpu.width, cpu.height));
    let different = gpu
        .pixels
        .iter()
        .zip(&cpu.pixels)
        .enumerate()
        .filter(|(_, (g, c))| g != c)
        .map(|(i, (g, c))| (i as u32 % gpu.width, i as u32 / gpu.width, *g, *c));
    let first = different.clone().next();
    assert!(
        first.is_none(),
        "{name}: {} of {} pixels differ, the first (x, y, gpu, cpu): {first:?}",
        different.count(),
        gpu.pixels.len()
    );
}

/// Draws with both and compares; the picture must not be blank.
fn compare(name: &str, map: &MapArray, view: &View, style: &MapStyle) -> Image {
    let gpu = GPU.draw(&mut GPU.upload(map), view, style);
    let cpu = cpu::draw(map, view, style);
    same(name, &gpu, &cpu);
    assert!(cpu.pixels.iter().any(|p| p[3] == 255), "{name} is blank");
    gpu
}

const ATLAS: MapShape = MapShape {
    rows: 5,
    columns: 7,
    height: 19,
    width: 19,
};

#[test]
fn an_atlas_of_attention() {
    let mut draws = Draws(1);
    let values = (0..ATLAS.cells()).map(|_| draws.unit()).collect();
    let map = MapArray::new(ATLAS, values)
        .expect("fits")
        .with_causal_mask();
    for (width, height) in [(300, 220), (64, 50), (1000, 700)] {
        let view = View::fit(ATLAS, target(width, height), 4.0, true, 1.0);
        compare("atlas", &map, &view, &plain());
    }
}

#[test]
fn every_map_in_both_themes_with_gamma_and_flipped() {
    let map = Draws(2).map(MapShape::single(23, 17));
    let view = View::fit(map.shape(), target(190, 250), 0.0, true, 1.0);
    for colours in ColourMap::ALL {
        for theme in [Theme::Dark, Theme::Light] {
            for (gamma, flip) in [(1.0, false), (0.4, true), (2.2, false)] {
                let style = if colours.is_diverging() {
                    MapStyle::signed(colours, theme, 0.8)
                } else {
                    MapStyle::sequential(colours, theme, -0.9, 0.7)
                };
                let style = MapStyle {
                    gamma,
                    flip,
                    ..style
                };
                compare(colours.name(), &map, &view, &style);
            }
        }
    }
}

#[test]
fn a_signed_map_with_its_centre_elsewhere() {
    let map = Draws(3).map(MapShape::single(40, 40));
    let view = View::fit(map.shape(), target(120, 120), 0.0, true, 2.0);
    for centre in [-0.3, 0.0, 0.1, 5.0] {
        let style = MapStyle {
            centre: Some(centre),
            ..MapStyle::signed(ColourMap::Seismic, Theme::Light, 1.0)
        };
        compare("centre", &map, &view, &style);
    }
}

#[test]
fn nan_masked_and_unmeasured_cells_never_look_like_zero() {
    let map = MapArray::single(1, 5, vec![0.0, f32::NAN, f32::NEG_INFINITY, 0.0, 0.0])
        .and_then(|m| {
            m.with_flags(vec![
                flag::MEASURED,
                flag::MEASURED,
                flag::MEASURED,
                0,
                flag::MASKED,
            ])
        })
        .expect("fits");
    for theme in [Theme::Dark, Theme::Light] {
        let style = MapStyle::signed(ColourMap::BlueRed, theme, 1.0);
        let view = View::fit(map.shape(), target(100, 20), 0.0, true, 1.0);
        let image = compare("states", &map, &view, &style);
        let zero = image.at(3, 3);
        assert_eq!(zero, theme.panel());
        for x in [23, 43, 63, 83] {
            assert_ne!(image.at(x, 3), zero);
        }
        assert_eq!(image.at(83, 3), [0, 0, 0, 0]);
    }
}

#[test]
fn hatching_dots_and_hairlines_at_every_density() {
    let map = Draws(4).map(MapShape::single(9, 11));
    for ppp in [0.75, 1.0, 1.5, 2.0, 3.0] {
        for side in [30, 90, 333] {
            let view = View::fit(map.shape(), target(side, side), 0.0, false, ppp);
            compare("density", &map, &view, &plain());
        }
    }
}

#[test]
fn zoomed_in_and_panned() {
    let map = Draws(5).map(ATLAS);
    let mut view = View::fit(ATLAS, target(201, 133), 3.0, true, 1.0);
    for (x, y, factor) in [(50.0, 60.0, 3.7), (120.0, 20.0, 2.9), (10.0, 100.0, 5.3)] {
        view.zoom_at(ATLAS, [x, y], factor, 0.01, 400.0);
        compare("zoom", &map, &view, &plain());
        view.pan(-13.37, 7.1);
        compare("pan", &map, &view, &plain());
    }
}

/// The card multiplies alpha into colours, each in its own way of rounding.
#[test]
fn over_a_picture_the_card_lays_what_its_twin_says() {
    let map = Draws(12).map(MapShape::single(23, 17));
    let view = View::fit(map.shape(), target(190, 250), 0.0, true, 1.0);
    for theme in [Theme::Dark, Theme::Light] {
        let style = MapStyle {
            over_picture: true,
            ..MapStyle::signed(ColourMap::BlueRed, theme, 0.8)
        };
        let card = GPU.draw(&mut GPU.upload(&map), &view, &style);
        let twin = cpu::draw(&map, &view, &style);
        for (&[r, g, b, a], seen) in twin.pixels.iter().zip(&card.pixels) {
            let times = |c: u8| (f32::from(c) * f32::from(a) / 255.0).round() as u8;
            let said = [times(r), times(g), times(b), a];
            assert!(
                said.iter().zip(seen).all(|(s, c)| s.abs_diff(*c) <= 1),
                "{said:?} {seen:?}"
            );
        }
    }
}

#[test]
fn zoomed_out_over_every_pyramid_level() {
    for (shape, seed) in [
        (MapShape::single(1000, 777), 6),
        (MapShape::single(255, 257), 7),
        (
            MapShape {
                rows: 3,
                columns: 2,
                height: 65,
                width: 130,
            },
            8,
        ),
    ] {
        let map = Draws(seed).map(shape);
        for side in [500, 256, 129, 64, 31, 8] {
            for reduction in [Reduction::Mean, Reduction::MaxAbs] {
                let style = MapStyle {
                    reduction,
                    ..MapStyle::signed(ColourMap::BlueRed, Theme::Dark, 0.5)
                };
                let view = View::fit(shape, target(side, side), 2.0, side % 2 == 0, 1.0);
                compare("zoomed out", &map, &view, &style);
            }
        }
    }
}

#[test]
fn one_hot_cell_is_seen_from_afar() {
    let shape = MapShape {
        rows: 4,
        columns: 4,
        height: 333,
        width: 333,
    };
    let mut values = vec![0.0; shape.cells()];
    values[5 * 333 * 333 + 332 * 333 + 17] = 1.0;
    let map = MapArray::new(shape, values).expect("fits");
    let view = View::fit(shape, target(150, 150), 2.0, true, 1.0);
    let image = compare("hot", &map, &view, &plain());
    let hot = ColourMap::Magma.table(Theme::Dark)[255];
    assert!(image.pixels.contains(&hot));
}

#[test]
fn the_smallest_maps() {
    for shape in [
        MapShape::single(1, 1),
        MapShape::single(1, 9),
        MapShape::single(9, 1),
        MapShape {
            rows: 3,
            columns: 2,
            height: 1,
            width: 1,
        },
    ] {
        let map = MapArray::new(shape, vec![0.5; shape.cells()]).expect("fits");
        for side in [1, 2, 7, 80] {
            let view = View::fit(shape, target(side, side), 1.0, true, 1.0);
            let gpu = GPU.draw(&mut GPU.upload(&map), &view, &plain());
            same("small", &gpu, &cpu::draw(&map, &view, &plain()));
        }
    }
}

#[test]
fn pyramids_are_equal_to_the_last_bit() {
    for (shape, seed) in [
        (MapShape::single(1000, 777), 9),
        (MapShape::single(1, 1000), 10),
        (MapShape::single(64, 64), 11),
        (ATLAS, 12),
    ] {
        let map = Draws(seed).map(shape);
        let mut gpu = GPU.upload(&map);
        let made = offscreen::read_pyramid(&GPU.device, &GPU.queue, &GPU.painter, &mut gpu)
            .expect("read back");
        let expected = Pyramid::new(&map);
        assert_eq!(made.len(), expected.cells().len());
        for (i, (m, e)) in made.iter().zip(expected.cells()).enumerate() {
            assert_eq!(
                (m.sum.to_bits(), m.extreme.to_bits(), m.count, m.kinds),
                (e.sum.to_bits(), e.extreme.to_bits(), e.count, e.kinds),
                "{shape} {i}"
            );
        }
    }
}

#[test]
fn a_map_that_streams_in_equals_one_uploaded_whole() {
    let mut draws = Draws(13);
    let mut map = MapArray::unmeasured(ATLAS).expect("small");
    let mut gpu = GPU.upload(&map);
    let view = View::fit(ATLAS, target(60, 50), 2.0, true, 1.0);
    let style = plain();
    for step in 0..12 {
        let tile = draws.below(ATLAS.tiles());
        if step % 3 == 0 {
            let index = draws.below(ATLAS.cells());
            map.set(index, draws.unit(), flag::NOT_SIGNIFICANT);
            gpu.update_cells(&GPU.queue, &map, index..index + 1)
        } else {
            let values: Vec<f32> = (0..ATLAS.tile_cells()).map(|_| draws.unit()).collect();
            map.set_tile(tile, &values);
            gpu.update_tiles(&GPU.queue, &map, tile..tile + 1)
        }
        .expect("same shape");
        let drawn = GPU.draw(&mut gpu, &view, &style);
        same("streamed", &drawn, &cpu::draw(&map, &view, &style));
    }
    let other = MapArray::unmeasured(MapShape::single(2, 2)).expect("small");
    assert!(matches!(
        gpu.update_tiles(&GPU.queue, &other, 0..1),
        Err(PaintError::ShapeChanged { .. })
    ));
}

#[test]
fn flags_may_come_later_and_become_single() {
    let shape = ATLAS;
    let mut map = MapArray::new(shape, vec![0.7; shape.cells()]).expect("fits");
    let mut gpu = GPU.upload(&map);
    let view = View::fit(shape, target(300, 220), 2.0, true, 1.0);
    map = map.with_causal_mask();
    gpu.update_cells(&GPU.queue, &map, 0..1)
        .expect("same shape");
    same(
        "shared",
        &GPU.draw(&mut gpu, &view, &plain()),
        &cpu::draw(&map, &view, &plain()),
    );
    map.set(7 * 361 + 20, 0.2, flag::ESTIMATE);
    gpu.update_cells(&GPU.queue, &map, 7 * 361 + 20..7 * 361 + 21)
        .expect("same shape");
    same(
        "single",
        &GPU.draw(&mut gpu, &view, &plain()),
        &cpu::draw(&map, &view, &plain()),
    );
}

#[test]
fn anything_else() {
    let mut draws = Draws(14);
    for case in 0..60 {
        let shape = MapShape {
            rows: 1 + draws.below(4),
            columns: 1 + draws.below(4),
            height: 1 + draws.below(70),
            width: 1 + draws.below(70),
        };
        let map = draws.map(shape);
        let size = target(1 + draws.below(300) as u32, 1 + draws.below(300) as u32);
        let mut view = View::fit(shape, size, draws.below(6) as f64, case % 3 == 0, 1.0);
        if case % 2 == 0 {
            let at = [
                f64::from(draws.unit()) * 300.0,
                f64::from(draws.unit()) * 300.0,
            ];
            view.zoom_at(shape, at, f64::from(draws.unit()) * 12.0, 0.02, 300.0);
            view.cell[1] *= 1.0 + f64::from(draws.unit());
        }
        let style = MapStyle {
            map: ColourMap::ALL[draws.below(8)],
            theme: [Theme::Dark, Theme::Light][draws.below(2)],
            low: draws.unit() - 1.0,
            high: draws.unit(),
            centre: [None, Some(draws.unit() - 0.5)][draws.below(2)],
            gamma: 0.2 + draws.unit() * 3.0,
            reduction: [Reduction::Mean, Reduction::MaxAbs][draws.below(2)],
            flip: draws.below(2) == 0,
            over_picture: false,
        };
        let gpu = GPU.draw(&mut GPU.upload(&map), &view, &style);
        same(
            &format!("case {case}"),
            &gpu,
            &cpu::draw(&map, &view, &style),
        );
    }
}

#[test]
fn what_the_gpu_cannot_hold_is_refused_with_the_numbers() {
    let map = MapArray::new(MapShape::single(6000, 6000), vec![0.0; 36_000_000]).expect("counts");
    let message = GpuMap::upload(&GPU.device, &GPU.queue, &map)
        .expect_err("more than 128 MiB")
        .to_string();
    assert!(
        message.contains("144000000") && message.contains("134217728"),
        "{message}"
    );
    let srgb = HeatmapPainter::new(&GPU.device, wgpu::TextureFormat::Rgba8UnormSrgb);
    assert!(matches!(srgb, Err(PaintError::ConvertingTarget { .. })));
}

#[test]
fn a_broken_shader_keeps_the_last_good_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("heatmap.wgsl");
    let good = include_str!("../../shaders/heatmap.wgsl");
    let write = |text: &str, second: u64| {
        std::fs::write(&path, text).expect("written");
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
        let file = std::fs::File::options()
            .write(true)
            .open(&path)
            .expect("open");
        file.set_modified(time).expect("the time can be set");
    };
    write(good, 1);
    let mut painter = HeatmapPainter::with_sources(
        &GPU.device,
        offscreen::FORMAT,
        ShaderSource::heatmap().watching(path.clone()),
        ShaderSource::reduce(),
    )
    .expect("the embedded shader compiles");
    assert_eq!(painter.reload(&GPU.device), Ok(true));
    assert_eq!(painter.reload(&GPU.device), Ok(false));

    write("fn paint( -> nonsense", 2);
    let message = painter.reload(&GPU.device).expect_err("broken").to_string();
    assert!(message.contains("heatmap.wgsl"), "{message}");

    let map = Draws(15).map(ATLAS);
    let view = View::fit(ATLAS, target(100, 100), 2.0, true, 1.0);
    let draw = |painter: &HeatmapPainter| {
        let mut gpu = GPU.upload(&map);
        offscreen::render(&GPU.device, &GPU.queue, painter, &mut gpu, &view, &plain())
            .expect("read back")
    };
    let expected = cpu::draw(&map, &view, &plain());
    same("last good", &draw(&painter), &expected);

    let red = "return vec4<f32>(1.0, 0.0, 0.0, 1.0);";
    let edited = good.replace(
        "let at = vec2<i32>(floor(position.xy)) - uniforms.view.origin;",
        &format!("let at = vec2<i32>(floor(position.xy)) - uniforms.view.origin;\n    if at.x >= 0 {{ {red} }}"),
    );
    write(&edited, 3);
    assert_eq!(painter.reload(&GPU.device), Ok(true));
    assert!(draw(&painter).pixels.iter().all(|&p| p == [255, 0, 0, 255]));
}
