//! Attention computed by the graphics card and by the processor is the same to 1e-5, on the software Vulkan driver.

#![allow(clippy::print_stdout)]

use candle_core::{Device, Tensor};
use whyfinder_experiment::AttentionRecord;
use whyfinder_experiment::attention::AttentionForm;
use whyfinder_model::kernel::attention_record::record;
use whyfinder_model::kernel::attention_tile::{SIDE, TileId, tile};
use whyfinder_paint::{
    GpuHead, GpuMap, HeadPainter, HeadPart, MapArray, MapShape, Reduction, offscreen,
};

struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    heads: HeadPainter,
}

impl Gpu {
    fn new() -> Self {
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
        println!("computed by {} ({})", info.name, info.driver_info);
        let (device, queue) =
            pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()))
                .expect("the adapter gives a device with default limits");
        let heads = HeadPainter::new(&device).expect("the shader compiles");
        Self {
            device,
            queue,
            heads,
        }
    }

    fn compute(
        &self,
        head: &GpuHead,
        shape: [usize; 2],
        part: HeadPart,
        within: Reduction,
    ) -> Vec<f32> {
        let [rows, columns] = shape;
        // Left as it is where the card computes nothing.
        let map = MapArray::new(MapShape::single(rows, columns), vec![-7.0; rows * columns]);
        let mut map = GpuMap::upload(&self.device, &self.queue, &map.expect("fits")).expect("fits");
        self.heads
            .fill(&self.device, &self.queue, head, &mut map, part, within);
        offscreen::read_values(&self.device, &self.queue, &map).expect("read back")
    }
}

const PLAIN: AttentionForm = AttentionForm {
    scale: 0.3,
    softcap: None,
    window: None,
    prefix: 0,
};

fn recorded(form: AttentionForm, [t, h, g, d]: [usize; 4], bad: Option<usize>) -> AttentionRecord {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut draws = |count: usize| -> Vec<f32> {
        (0..count)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 40) as f32 / (1u64 << 22) as f32 - 2.0
            })
            .collect()
    };
    let (mut q, k) = (draws(t * h * d), draws(t * g * d));
    if let Some(query) = bad {
        q[query * h * d] = f32::NAN;
    }
    let q = Tensor::from_vec(q, (1, t, h, d), &Device::Cpu).expect("a tensor");
    let k = Tensor::from_vec(k, (1, t, g, d), &Device::Cpu).expect("a tensor");
    record(0, form, &q, &k, &mut || Ok(())).expect("records")
}

#[test]
fn the_card_computes_what_the_processor_does() {
    let gpu = Gpu::new();
    let capped = AttentionForm {
        softcap: Some(5.0),
        ..PLAIN
    };
    let cases = [
        (PLAIN, [70, 2, 1, 8], None),
        (PLAIN, [300, 2, 2, 64], None),
        (capped, [260, 3, 1, 16], None),
        (
            AttentionForm {
                window: Some(1),
                ..PLAIN
            },
            [150, 1, 1, 4],
            None,
        ),
        (
            AttentionForm {
                window: Some(37),
                ..capped
            },
            [300, 4, 2, 8],
            None,
        ),
        (
            AttentionForm {
                prefix: 90,
                window: Some(50),
                ..PLAIN
            },
            [280, 2, 1, 8],
            None,
        ),
        (PLAIN, [200, 1, 1, 8], Some(150)),
    ];
    for (form, sizes, bad) in cases {
        let record = recorded(form, sizes, bad);
        let head = sizes[1] - 1;
        let on_card = GpuHead::upload(&gpu.device, &gpu.queue, &record, head).expect("fits");
        let mut computed = 0;
        for level in [0, 1, 3, 4, 6] {
            let tiles = record.sizes.side(level).div_ceil(SIDE);
            for (row, column) in (0..tiles * tiles).map(|i| (i / tiles, i % tiles)) {
                let id = TileId { level, row, column };
                let expected = tile(&record, head, id);
                let part = HeadPart {
                    level,
                    first_row: row * SIDE,
                    first_column: column * SIDE,
                };
                if !part.suits(&record, SIDE * SIDE) {
                    continue;
                }
                computed += 1;
                for (within, cells) in [
                    (Reduction::MaxAbs, expected.max.as_slice()),
                    (Reduction::Mean, expected.means()),
                ] {
                    let shape = [expected.rows, expected.columns];
                    let got = gpu.compute(&on_card, shape, part, within);
                    assert_eq!(got.len(), cells.len());
                    for (i, (g, e)) in got.iter().zip(cells).enumerate() {
                        let same = g.is_nan() && e.is_nan() || (g - e).abs() <= 1e-5;
                        assert!(same, "{form:?} {id:?} cell {i}: {g} is not {e}");
                    }
                }
            }
        }
        assert!(computed >= 4, "{computed} tiles");
        assert_eq!(
            bad.is_some(),
            record.overview().max.iter().any(|x| x.is_nan())
        );
    }
    assert!(
        GpuHead::upload(
            &gpu.device,
            &gpu.queue,
            &recorded(PLAIN, [9, 2, 1, 2], None),
            2
        )
        .is_err()
    );
}
