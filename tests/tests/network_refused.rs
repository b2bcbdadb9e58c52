//! Weights files that are damaged, incomplete or of an unknown network are refused with a sentence.

#[path = "support/models.rs"]
mod models;
#[path = "support/networks.rs"]
mod networks;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use models::fixture;
use networks::{opened, weights_in};

type Tensors = BTreeMap<String, Tensor>;

/// What is said about the weights of a tiny network after a change.
fn refused(network: &str, change: impl FnOnce(&mut Tensors)) -> String {
    let path = weights_in(&fixture("networks").join(network));
    let mut tensors: Tensors = candle_core::safetensors::load(&path, &Device::Cpu)
        .expect("the fixture")
        .into_iter()
        .collect();
    change(&mut tensors);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("changed.safetensors");
    let tensors: Vec<(String, Tensor)> = tensors.into_iter().collect();
    safetensors::serialize_to_file(tensors, None, &path).expect("written");
    let error = opened(&path).expect_err("refused").to_string();
    assert!(error.contains("changed.safetensors"), "{error}");
    error
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).expect("zeros")
}

fn put(name: &'static str, shape: &'static [usize]) -> impl FnOnce(&mut Tensors) {
    move |tensors| {
        tensors.insert(name.into(), zeros(shape));
    }
}

fn drop(name: &'static str) -> impl FnOnce(&mut Tensors) {
    move |tensors| {
        tensors.remove(name).expect("was there");
    }
}

#[test]
fn a_missing_tensor_is_named() {
    for (network, name) in [
        ("edsr_unit", "body.1.body.2.weight"),
        ("edsr_unit", "tail.1.weight"),
        ("dncnn_normed", "model.6.running_var"),
        ("msrresnet_kair", "conv_last.weight"),
        (
            "swinir_light",
            "layers.1.residual_group.blocks.0.norm2.bias",
        ),
        ("bsrgan", "RRDB_trunk.1.RDB2.conv3.weight"),
        ("pan_x2", "SCPA_trunk.0.conv3.weight"),
    ] {
        let said = refused(network, drop(name));
        assert!(said.contains(&format!("\"{name}\"")), "{said}");
    }
}

#[test]
fn a_block_that_is_missing_whole_is_noticed() {
    let said = refused("edsr_unit", |tensors| {
        tensors.retain(|name, _| !name.starts_with("body.0.body.2"));
    });
    assert!(said.contains("body.0.body.2.weight"), "{said}");
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    for (network, name, shape) in [
        ("edsr_unit", "body.1.body.2.weight", &[6, 5, 3, 3][..]),
        ("edsr_unit", "body.1.body.0.weight", &[6, 6, 3, 2]),
        ("edsr_unit", "body.1.body.0.weight", &[6, 6, 2, 2]),
        ("edsr_unit", "body.1.body.0.bias", &[7]),
        ("edsr_unit", "tail.0.0.weight", &[55, 6, 3, 3]),
        ("dncnn_bare", "dncnn.3.running_mean", &[7]),
        ("swinir_light", "norm.weight", &[13]),
        (
            "swinir_light",
            "layers.0.residual_group.blocks.0.attn.qkv.weight",
            &[37, 12],
        ),
        (
            "swinir_light",
            "layers.1.residual_group.blocks.1.attn.relative_position_bias_table",
            &[48, 3],
        ),
        (
            "swinir_light",
            "layers.1.residual_group.blocks.1.attn.relative_position_bias_table",
            &[49, 5],
        ),
    ] {
        let said = refused(network, |tensors| {
            tensors.insert(name.into(), zeros(shape));
        });
        let short = name.trim_end_matches(".weight").trim_end_matches(".bias");
        assert!(said.contains(short), "{name}: {said}");
    }
}

#[test]
fn parts_that_fit_singly_but_not_each_other_are_noticed() {
    // The second convolution of a block may have any number of channels, but then its sum does not add up.
    let said = refused("edsr_unit", |tensors| {
        tensors.insert("body.1.body.2.weight".into(), zeros(&[5, 6, 3, 3]));
        tensors.insert("body.1.body.2.bias".into(), zeros(&[5]));
    });
    assert!(said.contains("body.1"), "{said}");
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let said = refused("edsr_unit", |tensors| {
        let nan = Tensor::full(f32::NAN, (6, 6, 3, 3), &Device::Cpu).expect("NaN");
        tensors.insert("body.1.body.2.weight".into(), nan);
    });
    assert!(
        said.contains("body.1.body.2.weight") && said.contains("NaN"),
        "{said}"
    );
}

#[test]
fn what_is_left_over_is_named() {
    let said = refused("edsr_unit", put("body.1.attention.weight", &[6]));
    assert!(
        said.contains("EDSR") && said.contains("body.1.attention.weight"),
        "{said}"
    );
    let said = refused("swinir_light", put("absolute_pos_embed", &[1, 64, 12]));
    assert!(said.contains("absolute_pos_embed"), "{said}");
}

#[test]
fn unknown_networks_are_said_to_be_so_beside_the_known_ones() {
    let said = refused("edsr_unit", |tensors| {
        tensors.clear();
        tensors.insert("encoder.0.weight".into(), zeros(&[4, 4, 3, 3]));
    });
    assert!(
        said.contains("encoder.0.weight") && said.contains("SwinIR"),
        "{said}"
    );
}

#[test]
fn pictures_of_other_channels_are_refused() {
    let said = refused("dncnn_bare", |tensors| {
        tensors.insert("dncnn.0.weight".into(), zeros(&[8, 2, 3, 3]));
        tensors.insert("dncnn.5.weight".into(), zeros(&[2, 8, 3, 3]));
    });
    assert!(said.contains("2 channels"), "{said}");
}

#[test]
fn sizes_that_would_take_all_memory_are_refused() {
    let said = refused("swinir_light", |tensors| {
        tensors.insert(
            "layers.0.residual_group.blocks.0.attn.relative_position_bias_table".into(),
            zeros(&[127 * 127, 2]),
        );
    });
    assert!(said.contains("window"), "{said}");
    // A number so large that no loop over it may begin.
    let said = refused(
        "edsr_unit",
        put("body.99999999999.body.0.weight", &[6, 6, 3, 3]),
    );
    assert!(said.contains("body.2."), "{said}");
}
