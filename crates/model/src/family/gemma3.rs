use super::{Family, gemma2};
use crate::config::{AttentionSpan, DecoderConfig, Positions, RopeScaling};
use crate::config_json::ConfigJson;
use crate::error::Result;
use crate::layout::Layout;
use crate::rope_json::{self, RopeDefaults, RopeTables};

/// Gemma team 2025: query and key norms, five layers with a sliding window and a base of their own to each full one.
/// Of the models that also see, the language part is read.
pub(super) const FAMILY: Family = Family {
    name: "Gemma 3",
    architectures: &["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"],
    model_types: &["gemma3_text", "gemma3"],
    read,
    layout,
};

/// What the published models that also see leave unsaid in their `text_config`.
const UNSAID: &[(&str, usize)] = &[
    ("vocab_size", 262_208),
    ("num_attention_heads", 8),
    ("num_key_value_heads", 4),
    ("head_dim", 256),
    ("max_position_embeddings", 131_072),
    ("sliding_window", 4_096),
];

fn read(config: &ConfigJson) -> Result<DecoderConfig> {
    let config = if config.is_part() {
        &config.with_defaults(UNSAID)
    } else {
        config
    };
    let mut decoder = gemma2::gemma(&config.without_rope(), &FAMILY, None, None)?;
    decoder.qk_norm = true;
    let pattern = config.size_if_set("sliding_window_pattern")?.unwrap_or(6);
    decoder.spans = config.spans(decoder.layers, |layer| !(layer + 1).is_multiple_of(pattern))?;

    let (mut full, sliding) = match rope_json::tables(config, "rope_parameters")? {
        None => (serde_json::Map::new(), serde_json::Map::new()),
        Some(RopeTables::PerKind { full, sliding }) => (full, sliding),
        Some(RopeTables::One(_)) => {
            return Err(config.refuse(
                "config.json sets rope_parameters once for all layers, and a Gemma 3 model needs them for full_attention and sliding_attention",
            ));
        }
    };
    // The older table speaks of the full layers only.
    match rope_json::tables(config, "rope_scaling")? {
        Some(RopeTables::One(table)) => full.extend(table),
        Some(RopeTables::PerKind { full: table, .. }) => full.extend(table),
        None => {}
    }
    let global = rope_json::read(
        config,
        &full,
        decoder.max_positions,
        RopeDefaults {
            theta: 1_000_000.0,
            ..RopeDefaults::default()
        },
    )?;
    let local = rope_json::read(
        config,
        &sliding,
        decoder.max_positions,
        RopeDefaults {
            theta_key: "rope_local_base_freq",
            ..RopeDefaults::default()
        },
    )?;
    if local.scaling != RopeScaling::None {
        return Err(config.refuse(
            "config.json scales the rotary positions of the layers with a sliding window, which is not known here",
        ));
    }
    let mut rotary = super::rotary(config, decoder.d_head, &global)?;
    let slides = |span: &AttentionSpan| matches!(span, AttentionSpan::Sliding(_));
    if decoder.spans.iter().any(slides) {
        rotary.theta_sliding = Some(local.theta);
    }
    decoder.max_positions = super::stretched(decoder.max_positions, &global);
    decoder.positions = Positions::Rotary(rotary);
    Ok(decoder)
}

fn layout(config: &ConfigJson, decoder: &DecoderConfig) -> Result<Layout> {
    Ok(Layout {
        prefixes: &[
            "model.",
            "",
            "model.language_model.",
            "language_model.model.",
        ],
        head: &["lm_head.weight", "language_model.lm_head.weight"],
        left_out: &[
            "vision_tower.",
            "multi_modal_projector.",
            "model.vision_tower.",
            "model.multi_modal_projector.",
        ],
        ..gemma2::layout(config, decoder)?
    })
}
