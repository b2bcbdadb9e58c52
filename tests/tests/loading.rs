//! What opens, what it says of itself, and how text goes in.

#[path = "support/broken.rs"]
mod broken;
#[path = "support/models.rs"]
mod models;

use broken::{refused, tiny, try_open, weights, with_tensors};
use candle_core::{DType, Device, Tensor};
use models::fixture;
use serde_json::{Value, json};
use whyfinder_model::{OpenOptions, device_named, open};

#[test]
fn a_whole_folder_opens_and_says_what_it_is() {
    let model = try_open(&fixture("parity/gpt2")).expect("opens");
    let card = &model.card;
    assert_eq!(card.family, "GPT-2");
    assert_eq!(card.architecture, "GPT2LMHeadModel");
    assert_eq!(card.name, "gpt2");
    assert_eq!(card.dtype, "f32");
    assert_eq!(card.device, "cpu");
    assert_eq!(card.parity, None);
    assert!(card.notes.is_empty(), "{:?}", card.notes);
    // 283 + 40 embeddings, three blocks, one norm, all of width 30.
    let block = 2 * 60 + (30 * 90 + 90) + (30 * 30 + 30) + 2 * 30 * 120 + 120 + 30;
    assert_eq!(card.parameters, 323 * 30 + 3 * block + 60);
    assert_eq!(card.bytes, 4 * card.parameters);
    let bytes = std::fs::read(fixture("parity/gpt2/model.safetensors")).expect("readable");
    assert_eq!(card.file_bytes, bytes.len() as u64);
    assert_eq!(
        card.model_digest().expect("a digest"),
        blake3::hash(&bytes).to_hex().to_string()
    );
    let tokenizer = std::fs::read(fixture("parity/gpt2/tokenizer.json")).expect("readable");
    let provenance = card
        .provenance("whyfinder 0", "2026-01-01T00:00:00Z")
        .expect("known");
    assert_eq!(
        provenance.tokenizer_digest,
        blake3::hash(&tokenizer).to_hex().to_string()
    );
    assert_eq!(provenance.model_digest, card.model_digest().expect("again"));
}

#[test]
fn halves_and_shards_say_so() {
    for (name, stored) in [
        ("mistral-half", "f16"),
        ("qwen2-bfloat", "bf16"),
        ("llama-shards", "f32"),
    ] {
        let card = try_open(&fixture("parity").join(name)).expect("opens").card;
        assert_eq!(card.dtype, stored);
    }
    let digest = |name: &str| {
        try_open(&fixture("parity").join(name))
            .expect("opens")
            .card
            .model_digest()
            .expect("a digest")
    };
    assert_eq!(digest("llama-shards").len(), 64);
    assert_eq!(digest("llama-shards"), digest("llama-shards"));
    assert_ne!(digest("llama-shards"), digest("llama"));
}

#[test]
fn a_file_of_the_folder_opens_it_too() {
    for file in ["config.json", "model.safetensors"] {
        let path = fixture("parity/gpt2").join(file);
        assert_eq!(try_open(&path).expect(file).card.name, "gpt2");
    }
    let shard = fixture("parity/llama-shards/model-00002-of-00003.safetensors");
    assert_eq!(try_open(&shard).expect("all shards").config().layers, 3);
    let renamed = tiny("gpt2");
    let other = renamed.path().join("step-1000.safetensors");
    std::fs::rename(weights(renamed.path()), &other).expect("renamed");
    assert!(
        try_open(renamed.path()).is_ok(),
        "the only weights there are"
    );
    assert!(try_open(&other).is_ok());
}

#[test]
fn a_cached_hub_name_opens_and_an_absent_one_says_how_to_get_it() {
    let cache = tempfile::tempdir().expect("a folder");
    let snapshot = cache.path().join("models--org--tiny/snapshots/0123abc");
    std::fs::create_dir_all(&snapshot).expect("made");
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(fixture("parity/gpt2").join(file), snapshot.join(file)).expect("copied");
    }
    let refs = cache.path().join("models--org--tiny/refs");
    std::fs::create_dir_all(&refs).expect("made");
    std::fs::write(refs.join("main"), "0123abc").expect("written");
    let options = OpenOptions {
        hub_cache: Some(cache.path().to_owned()),
        ..OpenOptions::default()
    };
    let model = open("org/tiny", &options).expect("cached");
    assert_eq!(model.card.name, "org/tiny");
    assert_eq!(model.card.path.as_deref(), Some(snapshot.as_path()));
    let message = open("org/other", &options).expect_err("absent").to_string();
    assert!(message.contains("hf download org/other"), "{message}");
    assert!(message.contains("hub cache"), "{message}");
}

#[test]
fn old_masks_and_frequencies_are_no_extra_tensors() {
    let copy = with_tensors("gpt2", |tensors| {
        let mask = Tensor::ones((1, 1, 40, 40), DType::U8, &Device::Cpu).expect("ones");
        tensors.insert("transformer.h.0.attn.bias".to_owned(), mask);
        let low = Tensor::new(-1e4f32, &Device::Cpu).expect("a number");
        tensors.insert("transformer.h.0.attn.masked_bias".to_owned(), low);
    });
    assert!(try_open(copy.path()).is_ok());
    let copy = with_tensors("llama", |tensors| {
        let frequencies = Tensor::ones(4, DType::F32, &Device::Cpu).expect("ones");
        let name = "model.layers.0.self_attn.rotary_emb.inv_freq";
        tensors.insert(name.to_owned(), frequencies);
    });
    assert!(try_open(copy.path()).is_ok());
}

#[test]
fn a_tokenizer_must_be_whole_and_fit() {
    let edit = |edit: &dyn Fn(&mut Value)| {
        let copy = tiny("gpt2");
        let path = copy.path().join("tokenizer.json");
        let text = std::fs::read_to_string(&path).expect("readable");
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        edit(&mut value);
        std::fs::write(&path, value.to_string()).expect("written");
        copy
    };
    let copy = tiny("gpt2");
    std::fs::write(copy.path().join("tokenizer.json"), "{\"model\":").expect("written");
    refused(copy.path(), &["tokenizer.json cannot be understood"]);
    refused(
        edit(&|value| value["model"] = json!(null)).path(),
        &["cannot be understood"],
    );
    refused(
        edit(&|value| value["pre_tokenizer"] = json!({"type": "Split", "pattern": {"Regex": "(("}, "behavior": "Isolated", "invert": false})).path(),
        &["cannot be understood"],
    );
    let beyond = edit(&|value| {
        value["model"]["vocab"]["beyond"] = json!(283);
        value["model"]["vocab"]["far beyond"] = json!(4_000_000_000u32);
    });
    refused(
        beyond.path(),
        &[
            "does not fit",
            "embeddings for 283 tokens",
            "2 of the tokenizer's",
            "number 283",
        ],
    );

    // Some published models have one more added token than embeddings: they open, and that token is refused.
    let added = edit(&|value| {
        let token = json!({"id": 283, "content": "<image>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true});
        value["added_tokens"]
            .as_array_mut()
            .expect("a list")
            .push(token);
    });
    let model = try_open(added.path()).expect("opens");
    assert!(
        model.card.notes[0].contains("<image>"),
        "{:?}",
        model.card.notes
    );
    assert!(model.tokenizer.encode("Mara").is_ok());
    let message = model
        .tokenizer
        .encode("Mara <image>")
        .expect_err("no embedding")
        .to_string();
    assert!(message.contains("283 (<image>)"), "{message}");
}

#[test]
fn tokens_read_as_text_and_answers_are_one_token() {
    let model = try_open(&fixture("parity/gpt2")).expect("opens");
    let tokenizer = &model.tokenizer;
    let text = "Mara went to the isle of Größe.";
    let encoding = tokenizer.encode(text).expect("it can be split");
    assert_eq!(tokenizer.decode(&encoding.ids).expect("joined"), text);
    assert!(
        encoding.tokens.contains(&" the".to_owned()),
        "{:?}",
        encoding.tokens
    );
    assert!(
        encoding.tokens.contains(&"\\xC3".to_owned()),
        "{:?}",
        encoding.tokens
    );
    let found = encoding.find(text, "the isle").expect("it stands there");
    assert_eq!(encoding.tokens[found].concat(), " the isle");
    let shared = encoding.find(text, "ö").expect("it stands there");
    assert_eq!(shared.len(), 2, "two bytes, two tokens");
    assert!(
        encoding
            .find(text, "Paris")
            .expect_err("absent")
            .to_string()
            .contains("Paris")
    );
    assert!(encoding.find(text, "  ").is_err());

    let the = tokenizer.id_of(" the").expect("one token");
    assert_eq!(tokenizer.token_text(the), " the");
    let message = tokenizer.id_of(" Varn").expect_err("several").to_string();
    assert!(message.contains("tokens (\" \", \"V\""), "{message}");
    assert!(message.contains("its first is \" \""), "{message}");
    assert!(tokenizer.id_of("").is_err());
    assert!(tokenizer.check_id(282).is_ok());
    assert!(
        tokenizer
            .check_id(283)
            .expect_err("outside")
            .to_string()
            .contains("283")
    );
    assert!(tokenizer.decode(&[9_999]).is_err());
    assert_eq!(tokenizer.token_text(9_999), "[unused 9999]");

    // A vocabulary that puts a space of its own before every text.
    let model = try_open(&fixture("parity/llama")).expect("opens");
    let the = model.tokenizer.id_of(" the").expect("one token");
    assert_eq!(model.tokenizer.token_text(the), " the");
    let encoding = model.tokenizer.encode("the isle").expect("it can be split");
    assert_eq!(encoding.tokens[..2], ["<s>", " the"]);
    assert_eq!(encoding.spans[0], (0, 0));
    assert_eq!(encoding.find("the isle", "the").expect("found"), 1..2);
}

#[test]
fn a_badge_is_measured_and_a_broken_one_is_noted() {
    let copy = tiny("gpt2");
    let expected =
        candle_core::safetensors::load(fixture("parity/gpt2/expected.safetensors"), &Device::Cpu)
            .expect("readable");
    let tokens: Vec<u32> = expected["tokens.0"]
        .to_dtype(DType::U32)
        .and_then(|tokens| tokens.to_vec1())
        .expect("ids");
    let row = expected["logits.0"]
        .get(7)
        .and_then(|row| row.to_vec1::<f32>())
        .expect("a row");
    let badge = |logits: &[f32]| {
        let value = json!({
            "format": 1,
            "reference": "transformers, eager attention, float32",
            "tokens": tokens,
            "checks": [{"position": 7, "ids": [0, 5, 282], "logits": logits}],
        });
        std::fs::write(copy.path().join("parity.json"), value.to_string()).expect("written");
        try_open(copy.path()).expect("opens").card
    };
    let card = badge(&[row[0], row[5], row[282]]);
    assert!(card.parity.expect("measured") < 1e-4);
    assert!(
        card.parity_reference
            .expect("named")
            .starts_with("transformers")
    );
    let card = badge(&[row[0], row[5] + 0.5, row[282]]);
    assert!((card.parity.expect("measured") - 0.5).abs() < 1e-3);
    assert!(card.notes[0].contains("other weights"), "{:?}", card.notes);
    let card = badge(&[row[0], row[5]]);
    assert_eq!(card.parity, None);
    assert!(card.notes[0].contains("parity.json"), "{:?}", card.notes);
    let options = OpenOptions {
        measure_parity: false,
        ..OpenOptions::default()
    };
    let card = open(&copy.path().to_string_lossy(), &options)
        .expect("opens")
        .card;
    assert_eq!((card.parity, card.notes.len()), (None, 0));
}

/// Every model that comes with the program computes here what it computes in transformers.
#[test]
fn bundled_models_open_and_have_their_badge() {
    for demo in whyfinder_model::demo::DEMOS {
        let reference = format!("demo:{}", demo.name);
        let model = open(&reference, &OpenOptions::default()).expect("it is bundled");
        assert_eq!(
            (model.card.name.as_str(), &model.card.path),
            (demo.name, &None)
        );
        assert!(model.card.notes.is_empty(), "{:?}", model.card.notes);
        let parity = model.card.parity.expect("measured");
        println!("{reference} {parity:e}");
        assert!(
            parity <= 1e-4,
            "{parity}: after training, run tests/fixtures/make_parity_badge.py on its folder"
        );
        let text = "The lighthouse";
        let encoding = model.tokenizer.encode(text).expect("it can be split");
        assert_eq!(encoding.tokens.concat(), text);
    }
    let message = open("demo:atlantis", &OpenOptions::default())
        .expect_err("not bundled")
        .to_string();
    assert!(message.contains("demo:isles"), "{message}");
}

#[test]
fn devices_have_names() {
    assert!(device_named("cpu").expect("always there").is_cpu());
    for name in ["", "gpu", "cuda:x", "cpu:1", "cuda:"] {
        let message = device_named(name).expect_err(name).to_string();
        assert!(message.contains("cpu, cuda:N and metal"), "{message}");
    }
}
