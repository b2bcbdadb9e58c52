//! What is wrong with a model is said in one sentence that names the file.

#[path = "support/broken.rs"]
mod broken;
#[path = "support/models.rs"]
mod models;

use broken::{
    edited, refused, tiny, try_open, weights, with, with_bytes, with_header, with_tensors,
};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use whyfinder_model::{OpenOptions, open};

#[test]
fn what_is_no_model_is_said() {
    for (reference, says) in [
        ("./no/such/folder", "no such file or folder"),
        ("/no/such/folder", "no such file or folder"),
        ("demo:atlantis", "no bundled model \"atlantis\""),
    ] {
        let message = open(reference, &OpenOptions::default())
            .expect_err(reference)
            .to_string();
        assert!(message.contains(says), "{message}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    refused(folder.path(), &["no config.json"]);
    let picture = folder.path().join("picture.png");
    std::fs::write(&picture, "x").expect("written");
    refused(&picture, &["picture.png is no language model"]);
}

#[test]
fn each_missing_file_is_named() {
    let copy = tiny("gpt2");
    std::fs::remove_file(copy.path().join("tokenizer.json")).expect("removed");
    refused(copy.path(), &["no tokenizer.json"]);
    std::fs::write(copy.path().join("tokenizer.model"), "x").expect("written");
    refused(copy.path(), &["tokenizer.model", "transformers"]);

    let copy = tiny("gpt2");
    std::fs::remove_file(weights(copy.path())).expect("removed");
    refused(copy.path(), &["no weights"]);
    std::fs::write(copy.path().join("pytorch_model.bin"), "x").expect("written");
    refused(copy.path(), &[".bin", "safetensors"]);

    let copy = tiny("llama-shards");
    std::fs::remove_file(copy.path().join("model-00002-of-00003.safetensors")).expect("removed");
    refused(
        copy.path(),
        &["model-00002-of-00003.safetensors is missing", "one of 3"],
    );
    std::fs::remove_file(copy.path().join("model.safetensors.index.json")).expect("removed");
    refused(
        copy.path(),
        &["2 safetensors files", "which belong together"],
    );
}

#[test]
fn an_index_cannot_lead_elsewhere_or_lie() {
    let index = |edit: &dyn Fn(&mut Value)| {
        let copy = tiny("llama-shards");
        let path = copy.path().join("model.safetensors.index.json");
        let text = std::fs::read_to_string(&path).expect("readable");
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        edit(&mut value);
        std::fs::write(&path, value.to_string()).expect("written");
        copy
    };
    for outside in [
        "../model.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "..\\x",
        "",
        ".",
    ] {
        let copy = index(&|value| value["weight_map"]["model.norm.weight"] = json!(outside));
        refused(copy.path(), &["not a plain file name"]);
    }
    let copy = index(&|value| {
        value["weight_map"]["model.norm.weight"] = json!("model-00001-of-00003.safetensors");
        value["weight_map"]["lm_head.weight"] = json!("model-00001-of-00003.safetensors");
        value["weight_map"]["model.embed_tokens.weight"] =
            json!("model-00002-of-00003.safetensors");
    });
    refused(copy.path(), &["says that", "and it does not"]);
    let copy = index(&|value| *value = json!({"weight_map": {}}));
    refused(copy.path(), &["names no tensors"]);
    let copy = index(&|value| *value = json!({"weights": 3}));
    refused(copy.path(), &["cannot be understood"]);

    // The same tensor in two shards.
    let copy = tiny("llama-shards");
    let [one, two] = [1, 2].map(|n| {
        copy.path()
            .join(format!("model-0000{n}-of-00003.safetensors"))
    });
    let mut tensors = candle_core::safetensors::load(&one, &Device::Cpu).expect("readable");
    tensors.extend(candle_core::safetensors::load(&two, &Device::Cpu).expect("readable"));
    candle_core::safetensors::save(&tensors, &two).expect("written");
    refused(copy.path(), &["lies in two files"]);
}

#[test]
fn damaged_configurations_are_told_apart() {
    let broken = |text: &str| {
        let copy = tiny("gpt2");
        std::fs::write(copy.path().join("config.json"), text).expect("written");
        copy
    };
    refused(
        broken("{\"n_layer\": 3,").path(),
        &["not valid JSON", "line 1"],
    );
    refused(broken("").path(), &["not valid JSON"]);
    refused(broken("[1]").path(), &["does not hold a table"]);
    refused(
        broken("{}").path(),
        &["neither architectures nor a model_type"],
    );
    refused(broken(&"[".repeat(100_000)).path(), &["not valid JSON"]);
    refused(
        with("gpt2", "architectures", json!(["MambaForCausalLM"])).path(),
        &["MambaForCausalLM is not known", "LlamaForCausalLM"],
    );
    let no_name = edited("gpt2", |config| {
        config.remove("architectures");
    });
    assert!(try_open(no_name.path()).is_ok(), "the model type is enough");
    let other_type = edited("gpt2", |config| {
        config.remove("architectures");
        config.insert("model_type".to_owned(), json!("rwkv"));
    });
    refused(other_type.path(), &["rwkv is not known"]);
}

#[test]
fn impossible_sizes_are_refused_before_anything_is_read() {
    for (key, value, says) in [
        ("n_layer", json!(0), "n_layer to 0"),
        ("n_layer", json!(-3), "n_layer to -3"),
        ("n_layer", json!(1e18), "n_layer"),
        ("n_layer", json!(4_000_000_000u64), "n_layer to 4000000000"),
        ("n_embd", json!("30"), "n_embd to \"30\""),
        ("n_embd", json!(31), "does not come out even"),
        ("n_head", json!(0), "n_head to 0"),
        ("n_head", json!(7), "does not come out even"),
        ("vocab_size", json!(1u64 << 60), "vocab_size"),
        ("vocab_size", json!(null), "does not set vocab_size"),
        ("n_positions", json!(0), "n_positions to 0"),
        (
            "layer_norm_epsilon",
            json!(-1.0),
            "layer_norm_epsilon to -1.0",
        ),
        (
            "layer_norm_epsilon",
            json!("small"),
            "not a number above zero",
        ),
        (
            "tie_word_embeddings",
            json!("yes"),
            "neither true nor false",
        ),
    ] {
        refused(with("gpt2", key, value).path(), &["config.json", says]);
    }
    refused(
        with("llama", "num_key_value_heads", json!(4)).path(),
        &["4 key-value heads among 6"],
    );
    refused(with("llama", "head_dim", json!(7)).path(), &["even number"]);
    refused(
        with("qwen2", "layer_types", json!(["full_attention"])).path(),
        &["3 layers", "kinds of 1"],
    );
    refused(
        with("gemma2", "sliding_window", json!(null)).path(),
        &["does not set sliding_window"],
    );
    refused(
        with("gemma2", "layer_types", json!(["a", "b", "c", "d"])).path(),
        &["kind of layer \"a\""],
    );
}

#[test]
fn a_setting_that_changes_the_numbers_is_never_passed_over() {
    for (name, key, value, says) in [
        (
            "gpt2",
            "scale_attn_by_inverse_layer_idx",
            json!(true),
            "scale_attn_by_inverse_layer_idx",
        ),
        (
            "gpt2",
            "add_cross_attention",
            json!(true),
            "add_cross_attention",
        ),
        (
            "gpt2",
            "activation_function",
            json!("quick_gelu"),
            "quick_gelu",
        ),
        ("llama", "hidden_act", json!("relu2"), "relu2"),
        (
            "llama",
            "quantization_config",
            json!({"bits": 4}),
            "quantised",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "longrope", "factor": 2.0}),
            "\"longrope\"",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "linear"}),
            "does not set factor",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "yarn", "wobble": 1.0}),
            "wobble",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "linear", "factor": -2}),
            "factor",
        ),
        (
            "llama",
            "rope_parameters",
            json!({"rope_theta": 1.0}),
            "above 1",
        ),
        ("llama", "rope_parameters", json!(7), "not a table"),
        (
            "llama",
            "rope_parameters",
            json!({"partial_rotary_factor": 0.5}),
            "whole heads",
        ),
        (
            "neox-parallel",
            "rope_parameters",
            json!({"partial_rotary_factor": 1.5}),
            "more than there is",
        ),
        (
            "neox-parallel",
            "rope_parameters",
            json!({"partial_rotary_factor": 0.4}),
            "even number",
        ),
        (
            "gemma2",
            "use_bidirectional_attention",
            json!(true),
            "use_bidirectional_attention",
        ),
        (
            "gemma3",
            "rope_parameters",
            json!({"rope_type": "default"}),
            "full_attention",
        ),
        (
            "mistral",
            "layer_types",
            json!(["full_attention", "sliding_attention", "full_attention"]),
            "one kind",
        ),
    ] {
        refused(
            with(name, key, value).path(),
            &["config.json", says].map(|says| {
                if says == "config.json" && key == "quantization_config" {
                    "Path"
                } else {
                    says
                }
            }),
        );
    }
}

#[test]
fn weights_must_be_those_of_the_configuration() {
    let without = with_tensors("gpt2", |tensors| {
        tensors.remove("transformer.h.1.mlp.c_fc.weight");
    });
    refused(
        without.path(),
        &["lack the tensor \"transformer.h.1.mlp.c_fc.weight\""],
    );
    let without = with_tensors("gpt2", |tensors| {
        tensors.retain(|name, _| !name.contains("h.2."));
    });
    refused(without.path(), &["lack 12 tensors", "transformer.h.2."]);
    let extra = with_tensors("gpt2", |tensors| {
        let one = Tensor::ones(3, DType::F32, &Device::Cpu).expect("ones");
        tensors.insert("transformer.h.0.adapter.weight".to_owned(), one);
    });
    refused(
        extra.path(),
        &[
            "hold the tensor \"transformer.h.0.adapter.weight\"",
            "another network",
        ],
    );
    refused(
        with("gpt2", "n_layer", json!(2)).path(),
        &["hold 12 tensors", "another network"],
    );
    refused(
        with("gpt2", "n_layer", json!(9)).path(),
        &["lack", "with 9 layers"],
    );
    refused(
        with("gpt2", "vocab_size", json!(300)).path(),
        &["transformer.wte.weight", "[283, 30]", "[300, 30]"],
    );
    let misshapen = with_tensors("gpt2", |tensors| {
        let name = "transformer.h.0.attn.c_proj.weight";
        let other = tensors[name].narrow(0, 0, 20).expect("fewer rows");
        tensors.insert(name.to_owned(), other.contiguous().expect("rows"));
    });
    refused(
        misshapen.path(),
        &["transformer.h.0.attn.c_proj.weight", "[20, 30]", "[30, 30]"],
    );
    // Untied and without an unembedding.
    refused(
        with("gpt2", "tie_word_embeddings", json!(false)).path(),
        &["lack the tensor \"lm_head.weight\""],
    );
    // Biases that the configuration denies.
    refused(
        with("llama-bias-tied", "mlp_bias", json!(false)).path(),
        &["hold 9 tensors", "mlp."],
    );
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let copy = with_tensors("gpt2", |tensors| {
            let name = "transformer.h.2.mlp.c_proj.bias";
            let mut values = tensors[name].to_vec1::<f32>().expect("float32");
            values[29] = bad;
            let spoilt = Tensor::from_vec(values, 30, &Device::Cpu).expect("a tensor");
            tensors.insert(name.to_owned(), spoilt);
        });
        refused(
            copy.path(),
            &["transformer.h.2.mlp.c_proj.bias", "NaN or infinite"],
        );
    }
    for (name, dtype) in [("mistral-half", DType::F16), ("qwen2-bfloat", DType::BF16)] {
        let copy = with_tensors(name, |tensors| {
            let mut values = vec![1.0f32; 24];
            values[3] = f32::NAN;
            let spoilt = Tensor::from_vec(values, 24, &Device::Cpu)
                .and_then(|tensor| tensor.to_dtype(dtype))
                .expect("a tensor");
            tensors.insert("model.norm.weight".to_owned(), spoilt);
        });
        refused(copy.path(), &["model.norm.weight", "NaN or infinite"]);
    }
    let whole = with_tensors("gpt2", |tensors| {
        let whole = Tensor::ones(30, DType::I64, &Device::Cpu).expect("ones");
        tensors.insert("transformer.ln_f.weight".to_owned(), whole);
    });
    refused(
        whole.path(),
        &["transformer.ln_f.weight", "64-bit integers", "quantised"],
    );
}

#[test]
fn damaged_weights_files_are_told_apart() {
    refused(
        with_bytes(|bytes| bytes.truncate(bytes.len() - 1)).path(),
        &["cut off", "download it again"],
    );
    refused(
        with_bytes(|bytes| bytes.truncate(bytes.len() / 2)).path(),
        &["cut off"],
    );
    refused(with_bytes(|bytes| bytes.truncate(100)).path(), &["cut off"]);
    refused(
        with_bytes(|bytes| bytes.truncate(5)).path(),
        &["only 5 bytes"],
    );
    refused(with_bytes(Vec::clear).path(), &["only 0 bytes"]);
    refused(
        with_bytes(|bytes| bytes.push(0)).path(),
        &["1 bytes follow"],
    );
    refused(
        with_bytes(|bytes| bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes())).path(),
        &["header would have 18446744073709551615 bytes"],
    );
    refused(
        with_bytes(|bytes| bytes[..8].copy_from_slice(&99_999_999u64.to_le_bytes())).path(),
        &["cut off", "99999999"],
    );
    refused(
        with_bytes(|bytes| bytes[20] = b'}').path(),
        &["header", "damaged"],
    );
    refused(
        with_bytes(|bytes| bytes[8] = 0xFF).path(),
        &["header", "damaged"],
    );
    refused(
        with_bytes(|bytes| *bytes = b"PK\x03\x04 and the rest of an archive".to_vec()).path(),
        &["PyTorch file"],
    );
    refused(
        with_bytes(|bytes| *bytes = b"version https://git-lfs.github.com/spec/v1".to_vec()).path(),
        &["no safetensors file"],
    );
}

/// Headers that promise more than the file holds must not make us allocate it.
#[test]
fn lying_headers_are_refused() {
    let one = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    for (header, data, says) in [
        (one("F32", "[4]", "[0,8]"), 8, "does not fill"),
        (one("F32", "[1099511627776]", "[0,4398046511104]"), 8, "cut off"),
        (one("F32", "[4611686018427387904,4]", "[0,0]"), 8, "does not fill"),
        (one("F32", "[-1]", "[0,4]"), 4, "damaged"),
        (one("F32", "[1]", "[8,4]"), 8, "does not fill"),
        (one("F33", "[1]", "[0,4]"), 4, "unknown type"),
        (one("F32", "[1]", "[4,8]"), 8, "overlap or leave a gap"),
        (
            r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.to_owned(),
            4,
            "overlap or leave a gap",
        ),
        ("[]".to_owned(), 0, "damaged"),
        ("{}".to_owned(), 0, "lack"),
    ] {
        refused(with_header(&header, data).path(), &[says]);
    }
}

/// Whatever a byte of a file is changed to, a model opens or a sentence says why not.
#[test]
fn no_damage_takes_the_program_down() {
    // Knuth's multiplicative generator: the same damage in every run.
    let mut state = 1u64;
    let mut draw = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut opened = 0;
    for (name, file) in [
        ("llama", "config.json"),
        ("gemma3", "config.json"),
        ("gpt2", "tokenizer.json"),
        ("llama", "tokenizer.json"),
        ("gpt2", "model.safetensors"),
        ("llama-shards", "model.safetensors.index.json"),
    ] {
        let copy = tiny(name);
        let path = copy.path().join(file);
        let whole = std::fs::read(&path).expect("readable");
        // Of the weights only the header, where a byte has consequences.
        let reach = if file.ends_with("safetensors") {
            4_000
        } else {
            whole.len()
        };
        for _ in 0..60 {
            let mut bytes = whole.clone();
            for _ in 0..=draw(3) {
                let at = draw(reach);
                match draw(4) {
                    0 => bytes[at] = draw(256) as u8,
                    1 => bytes[at] = b"0123456789-\"{}[],:"[draw(18)],
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, b"0123456789-\"{}[],:"[draw(18)]),
                }
            }
            std::fs::write(&path, bytes).expect("written");
            match try_open(copy.path()) {
                Ok(_) => opened += 1,
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
    assert!(opened > 0, "some damage is harmless");
}
