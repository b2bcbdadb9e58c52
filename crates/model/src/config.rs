//! The shape of a decoder: one description that covers every family.

/// What tells one decoder family from another. The same forward pass reads it; there are no copies per family.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// The checkpoint's own name of its architecture, such as `GPT2LMHeadModel`.
    pub architecture: String,
    pub vocab: usize,
    pub d_model: usize,
    pub layers: usize,
    pub heads: usize,
    /// Key-value heads; divides `heads`.
    pub kv_heads: usize,
    pub d_head: usize,
    pub d_mlp: usize,
    /// Longest input the model was made for, tokens.
    pub max_positions: usize,
    pub norm: NormKind,
    pub norm_eps: f64,
    pub positions: Positions,
    pub block: BlockForm,
    pub gated_mlp: bool,
    pub activation: Activation,
    /// Multiplies queries times keys; usually `1 / sqrt(d_head)`.
    pub attention_scale: f32,
    /// `cap * tanh(scores / cap)` before the mask (Gemma 2).
    pub attention_softcap: Option<f32>,
    /// `cap * tanh(logits / cap)` (Gemma 2).
    pub logit_softcap: Option<f32>,
    /// RMS norm over each head's query and key before rotation (Qwen 3, Gemma 3).
    pub qk_norm: bool,
    /// One entry per layer.
    pub spans: Vec<AttentionSpan>,
    /// Multiplies token embeddings (Gemma: `sqrt(d_model)`).
    pub embedding_scale: Option<f32>,
    /// Whether the unembedding is the transposed token embedding.
    pub tied: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Mean removed, weight and bias.
    Layer,
    /// Root mean square, weight.
    Rms,
    /// Root mean square, multiplied by `1 + weight` (Gemma).
    RmsPlusOne,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    Learned,
    Rotary(Rotary),
}

/// Rotary position embedding (Su et al. 2021), in the half-split layout that Hugging Face checkpoints use.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// How many of each head's dimensions are rotated; the rest pass through (partial rotary).
    pub dims: usize,
    pub theta: f64,
    /// Base of the layers with a sliding window, where it differs (Gemma 3).
    pub theta_sliding: Option<f64>,
    /// Scaling of the full-span layers.
    pub scaling: RopeScaling,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    None,
    Linear {
        factor: f64,
    },
    /// NTK-aware: the base grows once the input is longer than `original_positions`.
    Dynamic {
        factor: f64,
        original_positions: usize,
    },
    Llama3 {
        factor: f64,
        low_freq_factor: f64,
        high_freq_factor: f64,
        original_positions: usize,
    },
    Yarn {
        factor: f64,
        original_positions: usize,
        beta_fast: f64,
        beta_slow: f64,
        /// Multiplies cosines and sines.
        attention_factor: f64,
        truncate: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockForm {
    /// Attention, then the MLP on its result.
    Sequential,
    /// Attention and MLP both read the block's input (GPT-NeoX).
    Parallel,
    /// Sequential with a second norm behind each branch (Gemma 2 and 3).
    Sandwich,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`.
    GeluTanh,
    /// `0.5 x (1 + erf(x / sqrt 2))`.
    GeluErf,
    Silu,
    Relu,
}

/// Which keys a query may see; never a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionSpan {
    Full,
    /// The last `n` keys, the query's own included.
    Sliding(usize),
}
