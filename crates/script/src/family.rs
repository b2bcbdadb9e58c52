//! What a language model's parts are called in transformers.

use crate::ScriptError;

/// Architectures whose parts are called alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Gpt2,
    Neox,
    Llama,
    Qwen3,
    Gemma2,
    Gemma3,
}

impl Family {
    /// From the checkpoint's own name of its architecture, such as `GPT2LMHeadModel`.
    ///
    /// # Errors
    /// A sentence for an architecture whose parts are not known here.
    pub(crate) fn of(architecture: &str) -> Result<Self, ScriptError> {
        match architecture {
            "GPT2LMHeadModel" => Ok(Family::Gpt2),
            "GPTNeoXForCausalLM" => Ok(Family::Neox),
            "LlamaForCausalLM" | "MistralForCausalLM" | "Qwen2ForCausalLM" => Ok(Family::Llama),
            "Qwen3ForCausalLM" => Ok(Family::Qwen3),
            "Gemma2ForCausalLM" => Ok(Family::Gemma2),
            "Gemma3ForCausalLM" => Ok(Family::Gemma3),
            other => Err(ScriptError::refused(format!(
                "What the parts of a {other} are called in transformers is not known here, so no script can look at \
                 them."
            ))),
        }
    }

    /// Where blocks, and what they add, are found.
    pub(crate) fn blocks(self) -> &'static str {
        match self {
            Family::Gpt2 => include_str!("../python/blocks_gpt2.py"),
            Family::Neox => include_str!("../python/blocks_neox.py"),
            Family::Llama | Family::Qwen3 => include_str!("../python/blocks_llama.py"),
            Family::Gemma2 | Family::Gemma3 => include_str!("../python/blocks_gemma.py"),
        }
    }

    /// Whether embeddings are changed where they enter the first block; GPT-2 adds positions before.
    pub(crate) fn embeddings_enter(self) -> bool {
        self != Family::Gpt2
    }

    /// The modules of a block by what they do.
    pub(crate) fn modules(self) -> &'static str {
        match self {
            Family::Gpt2 => include_str!("../python/modules_gpt2.py"),
            Family::Neox => include_str!("../python/modules_neox.py"),
            Family::Llama => include_str!("../python/modules_llama.py"),
            Family::Qwen3 => include_str!("../python/modules_qwen3.py"),
            Family::Gemma2 => include_str!("../python/modules_gemma2.py"),
            Family::Gemma3 => include_str!("../python/modules_gemma3.py"),
        }
    }

    /// Queries, keys and values where each has a projection of its own; the others say this beside their modules.
    pub(crate) fn projected_apart(self) -> Option<&'static str> {
        self.is_gated()
            .then_some(include_str!("../python/projected_apart.py"))
    }

    pub(crate) fn rotates(self) -> bool {
        self != Family::Gpt2
    }

    /// Queries and keys as they meet.
    pub(crate) fn met(self) -> &'static str {
        match self {
            Family::Gpt2 => include_str!("../python/met_plain.py"),
            Family::Neox | Family::Llama | Family::Gemma2 => {
                include_str!("../python/met_rotary.py")
            }
            Family::Qwen3 | Family::Gemma3 => include_str!("../python/met_normed.py"),
        }
    }

    pub(crate) fn scores(self) -> &'static str {
        if self.is_sandwich() {
            include_str!("../python/scores_capped.py")
        } else {
            include_str!("../python/scores.py")
        }
    }

    /// What a norm divides by.
    pub(crate) fn divisor(self) -> &'static str {
        match self {
            Family::Gpt2 | Family::Neox => include_str!("../python/divisor_layer.py"),
            _ => include_str!("../python/divisor_rms.py"),
        }
    }

    /// Whether attention and MLP have a norm behind them.
    pub(crate) fn is_sandwich(self) -> bool {
        matches!(self, Family::Gemma2 | Family::Gemma3)
    }

    pub(crate) fn is_gated(self) -> bool {
        !matches!(self, Family::Gpt2 | Family::Neox)
    }
}
