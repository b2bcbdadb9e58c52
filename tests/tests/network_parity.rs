//! Restoration networks equal their PyTorch definitions, and are told from their tensors.

#[path = "support/models.rs"]
mod models;
#[path = "support/networks.rs"]
mod networks;

use candle_core::{DType, Device, Tensor, Var};
use models::fixture;
use networks::{apart, bundled, noisy, opened, psnr, read_pair, weights_in};
use whyfinder_model::network::{ImageModel, NoNodeProbe, forward};

/// Greatest difference of a colour, where pictures lie in 0..=1.
const TOLERANCE: f32 = 1e-4;

/// Folder below `fixtures/networks`, family and sizes.
const NETWORKS: [(&str, &str, &str); 32] = [
    ("dncnn", "DnCNN", "5 convolutions of 8 channels"),
    ("dncnn_normed", "DnCNN", "4 convolutions of 8 channels"),
    ("dncnn_bare", "DnCNN", "3 convolutions of 8 channels"),
    ("fdncnn", "FDnCNN", "4 convolutions of 8 channels"),
    ("ircnn", "IRCNN", "7 convolutions of 6 channels"),
    ("ffdnet", "FFDNet", "4 convolutions of 8 channels"),
    ("ffdnet_grey", "FFDNet", "5 convolutions of 8 channels"),
    ("ffdnet_tassano", "FFDNet", "4 convolutions of 8 channels"),
    ("edsr", "EDSR", "2 blocks of 6 channels, x2"),
    ("edsr_unit", "EDSR", "2 blocks of 6 channels, x3"),
    ("edsr_basicsr", "EDSR", "2 blocks of 6 channels, x4"),
    ("msrresnet", "MSRResNet", "2 blocks of 6 channels, x4"),
    ("msrresnet_kair", "MSRResNet", "2 blocks of 6 channels, x3"),
    ("rcan", "RCAN", "2 groups of 2 blocks, 8 channels, x2"),
    (
        "rcan_unshuffle",
        "RCAN",
        "2 groups of 2 blocks, 8 channels, x2",
    ),
    (
        "rcan_basicsr",
        "RCAN",
        "2 groups of 2 blocks, 6 channels, x4",
    ),
    (
        "swinir_classical",
        "SwinIR",
        "2 layers of 2 blocks, 12 channels, 2 heads in windows of 4 x 4, x2",
    ),
    (
        "swinir_light",
        "SwinIR",
        "2 layers of 2 blocks, 12 channels, 2 heads in windows of 4 x 4, x4",
    ),
    (
        "swinir_real",
        "SwinIR",
        "2 layers of 2 blocks, 12 channels, 2 heads in windows of 4 x 4, x4",
    ),
    (
        "swinir_denoise",
        "SwinIR",
        "2 layers of 2 blocks, 12 channels, 2 heads in windows of 4 x 4, x1",
    ),
    (
        "swinir_jpeg",
        "SwinIR",
        "1 layer of 2 blocks, 12 channels, 2 heads in windows of 7 x 7, x1",
    ),
    ("esrgan", "ESRGAN", "2 blocks of 8 channels, x4"),
    ("esrgan_plus", "ESRGAN", "2 blocks of 8 channels, x2"),
    ("bsrgan", "ESRGAN", "2 blocks of 8 channels, x4"),
    ("real_esrgan_x2", "ESRGAN", "2 blocks of 8 channels, x2"),
    ("real_esrgan_x1", "ESRGAN", "2 blocks of 8 channels, x1"),
    (
        "compact",
        "Compact (SRVGG)",
        "5 convolutions of 8 channels, x4",
    ),
    (
        "hat",
        "HAT",
        "2 layers of 2 blocks, 12 channels, windows of 4 x 4 and keys of 6 x 6, x2",
    ),
    ("pan", "PAN", "2 blocks of 8 channels, x4"),
    ("pan_x2", "PAN", "2 blocks of 8 channels, x2"),
    ("imdn", "IMDN", "6 blocks of 16 channels, x2"),
    ("rfdn", "RFDN", "4 blocks of 8 channels, x2"),
];

fn restored(model: &ImageModel, picture: &Tensor, noise: f32) -> Tensor {
    forward(&model.network, picture, noise, &mut NoNodeProbe).expect("runs")
}

#[test]
fn every_network_equals_its_definition() {
    let mut wrong = Vec::new();
    for (name, ..) in NETWORKS {
        let folder = fixture("networks").join(name);
        let model = opened(&weights_in(&folder)).expect(name);
        let pair = read_pair(&folder);
        let output = restored(&model, &pair.input, pair.noise);
        let worst = apart(&output, &pair.output);
        println!("{name}: {worst:.1e}");
        if worst > TOLERANCE {
            wrong.push(format!("{name}: {worst:.1e}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_gradient_equals_that_of_the_definition() {
    let mut wrong = Vec::new();
    for (name, ..) in NETWORKS {
        let folder = fixture("networks").join(name);
        let model = opened(&weights_in(&folder)).expect(name);
        let pair = read_pair(&folder);
        let picture = Var::from_tensor(&pair.input).expect("a variable");
        let output = restored(&model, &picture, pair.noise);
        let squares = output.sqr().and_then(|squares| squares.sum_all()? / 2.0);
        let gradients = squares.and_then(|sum| sum.backward()).expect("backward");
        let gradient = gradients.get(&picture).expect("reaches the picture");
        let zero = pair.gradient.zeros_like().expect("zeros");
        let worst = apart(gradient, &pair.gradient) / apart(&zero, &pair.gradient);
        println!("{name}: {worst:.1e} of the greatest");
        if worst > TOLERANCE {
            wrong.push(format!("{name}: {worst:.1e}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_network_says_what_it_is() {
    for (name, family, details) in NETWORKS {
        let folder = fixture("networks").join(name);
        let model = opened(&weights_in(&folder)).expect(name);
        assert_eq!(model.card.family, family, "{name}");
        assert_eq!(model.card.details, details, "{name}");
        let pair = read_pair(&folder);
        let enlarged = pair.output.dims()[1] / pair.input.dims()[1];
        assert_eq!(model.network.scale, enlarged, "{name}");
        assert_eq!(model.network.channels(), pair.input.dims()[3], "{name}");
        assert_eq!(
            model.network.takes_noise_level(),
            pair.noise > 0.0,
            "{name}"
        );
    }
}

#[test]
fn the_table_holds_every_fixture() {
    let mut folders: Vec<String> = std::fs::read_dir(fixture("networks"))
        .expect("run tests/fixtures/make_networks.py")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut named: Vec<String> = NETWORKS.iter().map(|(name, ..)| (*name).into()).collect();
    named.sort();
    assert_eq!(folders, named);
}

#[test]
fn parts_are_called_as_in_the_checkpoint() {
    for (name, nodes) in [
        ("edsr_basicsr", &["body.1.conv2", "upsample.2"][..]),
        ("rcan", &["body.1.body.0.body.3.conv_du.0", "tail.1"]),
        (
            "swinir_light",
            &[
                "layers.0.residual_group.blocks.1.attn.pattern",
                "layers.1.residual_group.blocks.0.attn.qkv",
            ],
        ),
        ("hat", &["layers.0.residual_group.overlap_attn.pattern"]),
        ("esrgan", &["model.1.sub.1.RDB3.conv5.0"]),
    ] {
        let model = opened(&weights_in(&fixture("networks").join(name))).expect(name);
        for node in nodes {
            assert!(model.network.node_named(node).is_some(), "{name}: {node}");
        }
    }
}

#[test]
fn blocks_of_a_wide_edsr_are_scaled() {
    for (width, scaled) in [(64, false), (256, true)] {
        let mut tensors = Vec::new();
        let mut put = |name: &str, out: usize, input: usize| {
            let zeros = Tensor::zeros((out, input, 1, 1), DType::F16, &Device::Cpu);
            tensors.push((format!("{name}.weight"), zeros.expect("zeros")));
        };
        put("conv_first", width, 3);
        put("body.0.conv1", width, width);
        put("body.0.conv2", width, width);
        put("conv_after_body", width, width);
        put("conv_last", 3, width);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("edsr.safetensors");
        safetensors::serialize_to_file(tensors, None, &path).expect("written");
        let model = opened(&path).expect("opens");
        let scale = model.network.node_named("body.0.scale");
        assert_eq!(scale.is_some(), scaled, "{width}");
    }
}

/// The folder with real weights that `WHYFINDER_DATA` names.
fn real(file: &str) -> Option<ImageModel> {
    let path = std::env::var_os("WHYFINDER_DATA")
        .map(std::path::PathBuf::from)?
        .join(file);
    Some(opened(&path).expect("opens"))
}

#[test]
#[ignore = "needs real weights: set WHYFINDER_DATA to a folder with dncnn_25.pth"]
fn the_published_dncnn_denoises() {
    let model = real("dncnn_25.pth").expect("WHYFINDER_DATA");
    assert_eq!(model.card.family, "DnCNN");
    assert_eq!(model.card.details, "17 convolutions of 64 channels");
    assert_eq!(model.card.format, "PyTorch (legacy)");
    let mut total = 0.0;
    let pictures = bundled(1);
    for (name, clean) in &pictures {
        let noisy = noisy(clean, 25.0 / 255.0);
        let after = psnr(&restored(&model, &noisy, 0.0), clean);
        println!("{name}: {:.2} dB to {after:.2} dB", psnr(&noisy, clean));
        total += after;
    }
    // 30.43 dB on Set12; these pictures are about as hard (30.25 dB by PyTorch).
    let mean = total / pictures.len() as f32;
    println!("mean {mean:.2} dB");
    assert!(mean > 30.0, "{mean}");
}

#[test]
#[ignore = "needs real weights: set WHYFINDER_DATA to a folder with ffdnet_vl.pth"]
fn the_published_ffdnet_denoises_at_the_level_that_it_is_told() {
    let model = real("ffdnet_vl.pth").expect("WHYFINDER_DATA");
    assert_eq!(model.card.family, "FFDNet");
    assert_eq!(model.card.details, "12 convolutions of 96 channels");
    let (_, clean) = bundled(3).swap_remove(0);
    for sigma in [25.0 / 255.0, 50.0 / 255.0] {
        let noisy = noisy(&clean, sigma);
        let before = psnr(&noisy, &clean);
        let after = psnr(&restored(&model, &noisy, sigma), &clean);
        let misled = psnr(&restored(&model, &noisy, 5.0 / 255.0), &clean);
        println!("ffdnet_vl at {sigma:.3}: {before:.2} dB to {after:.2} dB, misled {misled:.2} dB");
        assert!(
            after > before + 7.0 && after > misled + 3.0,
            "{before} {after} {misled}"
        );
    }
}
