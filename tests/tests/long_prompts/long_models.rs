//! Random models for long prompts, written as folders such as those of the hub.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;
use tempfile::TempDir;

/// Sizes of a model and of the prompt that it reads.
pub(crate) struct Shape {
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) groups: usize,
    pub(crate) width: usize,
    pub(crate) mlp: usize,
    pub(crate) vocab: usize,
    pub(crate) tokens: usize,
    /// As Llama is; as GPT-2 is, otherwise.
    pub(crate) gated: bool,
}

/// A model's folder and an experiment about it, deleted when dropped.
pub(crate) struct LongModel {
    pub(crate) experiment: PathBuf,
    _folder: TempDir,
}

/// Random bits (xorshift).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// f32 values in little-endian bytes, evenly spread, with this standard deviation around `mean`.
    fn bytes(&mut self, count: usize, sd: f32, mean: f32) -> Vec<u8> {
        let reach = sd * 3f32.sqrt();
        let mut bytes = Vec::with_capacity(4 * count);
        for _ in 0..count {
            let unit = (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
            bytes.extend((mean + reach * unit).to_le_bytes());
        }
        bytes
    }
}

struct Weights {
    draws: Draws,
    tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
}

impl Weights {
    fn add(&mut self, name: String, shape: &[usize], sd: f32, mean: f32) {
        let bytes = self.draws.bytes(shape.iter().product(), sd, mean);
        self.tensors.insert(name, (shape.to_vec(), bytes));
    }

    fn save(&self, path: &Path) {
        let views = self.tensors.iter().map(|(name, (shape, bytes))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("bytes fit");
            (name.as_str(), view)
        });
        safetensors::serialize_to_file(views, None, path).expect("the weights can be written");
    }
}

impl LongModel {
    pub(crate) fn new(shape: &Shape) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let model = folder.path().join("model");
        std::fs::create_dir(&model).expect("a folder");
        let at = |name: &str| model.join(name);
        let mut weights = Weights {
            draws: Draws(0x9e37_79b9_7f4a_7c15),
            tensors: BTreeMap::new(),
        };
        let config = if shape.gated {
            llama(shape, &mut weights)
        } else {
            gpt2(shape, &mut weights)
        };
        weights.save(&at("model.safetensors"));
        std::fs::write(at("config.json"), config.to_string()).expect("written");
        let tokenizer =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/trace/gpt2/tokenizer.json");
        std::fs::copy(tokenizer, at("tokenizer.json")).expect("copied");
        // Words of the fixture's tokenizer that are one token each.
        let words = [" of", " the", " old", " stands"];
        let mut draws = Draws(77);
        let prompt: String = (0..shape.tokens)
            .map(|_| words[(draws.next() >> 33) as usize % words.len()])
            .collect();
        // Not in the model's folder: files there are the model's.
        let experiment = folder.path().join("experiment.toml");
        let text = format!(
            "instrument = \"run\"\nmodel = {:?}\n[input]\nprompt = {prompt:?}\n[run]\nattention = true\n",
            model.display().to_string()
        );
        std::fs::write(&experiment, text).expect("written");
        Self {
            experiment,
            _folder: folder,
        }
    }
}

/// Queries and keys are drawn wide enough for heads to choose.
const SHARP: f32 = 3.0;

fn gpt2(s: &Shape, w: &mut Weights) -> serde_json::Value {
    let d = s.width;
    let sd = 1.0 / (d as f32).sqrt();
    w.add("wte.weight".into(), &[s.vocab, d], 0.05, 0.0);
    w.add("wpe.weight".into(), &[s.tokens.max(1024), d], 0.05, 0.0);
    for layer in 0..s.layers {
        let name = |part: &str| format!("h.{layer}.{part}");
        for norm in ["ln_1", "ln_2"] {
            w.add(name(&format!("{norm}.weight")), &[d], 0.1, 1.0);
            w.add(name(&format!("{norm}.bias")), &[d], 0.1, 0.0);
        }
        w.add(
            name("attn.c_attn.weight"),
            &[d, 3 * d],
            SHARP.sqrt() * sd,
            0.0,
        );
        w.add(name("attn.c_attn.bias"), &[3 * d], 0.1, 0.0);
        w.add(name("attn.c_proj.weight"), &[d, d], sd, 0.0);
        w.add(name("attn.c_proj.bias"), &[d], 0.1, 0.0);
        w.add(name("mlp.c_fc.weight"), &[d, s.mlp], sd, 0.0);
        w.add(name("mlp.c_fc.bias"), &[s.mlp], 0.1, 0.0);
        w.add(name("mlp.c_proj.weight"), &[s.mlp, d], sd, 0.0);
        w.add(name("mlp.c_proj.bias"), &[d], 0.1, 0.0);
    }
    w.add("ln_f.weight".into(), &[d], 0.1, 1.0);
    w.add("ln_f.bias".into(), &[d], 0.1, 0.0);
    json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": d,
        "n_head": s.heads,
        "n_layer": s.layers,
        "n_inner": s.mlp,
        "n_positions": s.tokens.max(1024),
        "vocab_size": s.vocab,
        "layer_norm_epsilon": 1e-5,
        "activation_function": "gelu_new",
    })
}

fn llama(s: &Shape, w: &mut Weights) -> serde_json::Value {
    let (d, head) = (s.width, s.width / s.heads);
    let sd = 1.0 / (d as f32).sqrt();
    w.add("model.embed_tokens.weight".into(), &[s.vocab, d], 0.5, 0.0);
    for layer in 0..s.layers {
        let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
        w.add(name("input_layernorm"), &[d], 0.1, 1.0);
        w.add(name("post_attention_layernorm"), &[d], 0.1, 1.0);
        w.add(name("self_attn.q_proj"), &[d, d], SHARP * sd, 0.0);
        w.add(
            name("self_attn.k_proj"),
            &[s.groups * head, d],
            SHARP * sd,
            0.0,
        );
        w.add(name("self_attn.v_proj"), &[s.groups * head, d], sd, 0.0);
        w.add(name("self_attn.o_proj"), &[d, d], sd, 0.0);
        w.add(name("mlp.gate_proj"), &[s.mlp, d], sd, 0.0);
        w.add(name("mlp.up_proj"), &[s.mlp, d], sd, 0.0);
        w.add(name("mlp.down_proj"), &[d, s.mlp], sd, 0.0);
    }
    w.add("model.norm.weight".into(), &[d], 0.1, 1.0);
    w.add("lm_head.weight".into(), &[s.vocab, d], sd, 0.0);
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": d,
        "intermediate_size": s.mlp,
        "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads,
        "num_key_value_heads": s.groups,
        "max_position_embeddings": s.tokens.max(1024),
        "vocab_size": s.vocab,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": false,
    })
}
