//! Sites as Python expressions over what goes in and out of a model's modules.

use whyfinder_experiment::{Part, SitePattern};

use crate::error::ScriptError;
use crate::family::Family;
use crate::literal::text;
use crate::program::Program;

/// Functions that expressions call; a script keeps those that its own do.
const CALLED: [fn(Family) -> &'static str; 7] = [
    |_| include_str!("../python/rotated.py"),
    Family::divisor,
    Family::met,
    Family::scores,
    |_| include_str!("../python/repeated.py"),
    |_| include_str!("../python/shares.py"),
    |_| include_str!("../python/masked.py"),
];

/// The functions that give the sites.
///
/// # Errors
/// If models of the family have no such site.
pub(crate) fn write(
    program: &mut Program,
    patterns: &[SitePattern],
    family: Family,
) -> Result<(), ScriptError> {
    let mut whole = Vec::new();
    let mut blocks = Vec::new();
    for pattern in patterns {
        let (expression, axes) = expression(pattern.part, family).ok_or_else(|| {
            ScriptError::refused(format!(
                "This model has no site {pattern}; `whyfinder inspect` lists those that it has."
            ))
        })?;
        let name = pattern.to_string();
        let value = format!("({expression}, {})", axes.join(", "));
        if let Some(rest) = name.strip_prefix("blocks.*.") {
            blocks.push(format!("    sites[f\"blocks.{{layer}}.{rest}\"] = {value}"));
        } else if let Some(layer) = name
            .strip_prefix("blocks.")
            .and_then(|rest| rest.split('.').next())
        {
            blocks.push(format!("    if layer == {layer}:"));
            blocks.push(format!("        sites[{}] = {value}", text(&name)));
        } else {
            whole.push(format!("    sites[{}] = {value}", text(&name)));
        }
    }
    let function = |head: &str, lines: &[String]| {
        let mut text = format!("{head}\n    sites = {{}}\n");
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        text + "    return sites\n"
    };
    let of_model = function(
        "def sites_of_model(model, inside, logits):\n    \"\"\"Values outside the blocks, with the names of their axes.\"\"\"",
        &whole,
    );
    let of_block = function(
        "def sites_of_block(layer, block, seen):\n    \"\"\"Values of a block, with the names of their axes.\"\"\"",
        &blocks,
    );
    CALLED.iter().for_each(|piece| program.piece(piece(family)));
    program.piece(&of_model);
    program.piece(&of_block);
    Ok(())
}

/// What gives a part, and the names of its axes; none where models of the family have no such part.
fn expression(part: Part, family: Family) -> Option<(String, Vec<String>)> {
    let sandwich = family.is_sandwich();
    let norm = |name: &str| {
        format!("divisor(block.get_submodule(MODULES[\"{name}\"]), seen[\"{name}.in\"])[:, 0]")
    };
    let of = |key: &str| format!("seen[\"{key}\"]");
    let repeated = |what: &str| format!("repeated({what}, block, seen)");
    let heads = &["token", "head", "dimension"][..];
    let groups = &["token", "kv-head", "dimension"][..];
    let square = &["head", "query", "key"][..];
    let stream = &["token", "dimension"][..];
    let neurons = &["token", "neuron"][..];
    let table = match family {
        Family::Gemma3 => "angles(inside[model.config.layer_types.index(\"full_attention\")])",
        _ => "angles(inside[0])",
    };
    let half = |index: usize| format!("{table}[{index}].chunk(2, -1)[0]");
    let (expression, axes): (String, &[&str]) = match part {
        Part::Embed if family == Family::Gpt2 => ("inside[None][\"embed.out\"]".into(), stream),
        Part::Embed => ("inside[0][\"block.in\"]".into(), stream),
        Part::PosEmbed if family == Family::Gpt2 => {
            ("inside[None][\"positions.out\"]".into(), stream)
        }
        Part::RotaryCos if family.rotates() => (half(0), &["token", "frequency"]),
        Part::RotarySin if family.rotates() => (half(1), &["token", "frequency"]),
        Part::ResidPre => (of("block.in"), stream),
        Part::Ln1Scale => (norm("ln1"), &["token"]),
        Part::Ln1Normalized => (of("ln1.out"), stream),
        Part::Q => ("heads_of(block, seen)[0]".into(), heads),
        Part::K => ("heads_of(block, seen)[1]".into(), groups),
        Part::V => ("heads_of(block, seen)[2]".into(), groups),
        Part::RotQ if family.rotates() => ("met(block, seen)[0]".into(), heads),
        Part::RotK if family.rotates() => ("met(block, seen)[1]".into(), groups),
        Part::KExpanded => (repeated("met(block, seen)[1]"), heads),
        Part::VExpanded => (repeated("heads_of(block, seen)[2]"), heads),
        Part::AttnScoresUnmasked => ("scores(block, seen)".into(), square),
        Part::AttnScores => ("masked(block, seen)".into(), square),
        Part::Pattern => ("masked(block, seen).softmax(-1)".into(), square),
        Part::Z => (
            "seen[\"o.in\"].unflatten(-1, (-1, head_width(block)))".into(),
            heads,
        ),
        Part::AttnResult => ("shares(block, seen)".into(), heads),
        Part::AttnOut if sandwich => (of("ln1_post.out"), stream),
        Part::AttnOut => (of("attn.out"), stream),
        Part::Ln1PostScale if sandwich => (norm("ln1_post"), &["token"]),
        // Where attention and MLP read the same, the second norm reads what enters the block.
        Part::ResidMid => (of("ln2.in"), stream),
        Part::Ln2Scale => (norm("ln2"), &["token"]),
        Part::Ln2Normalized => (of("ln2.out"), stream),
        Part::MlpPre if family.is_gated() => (of("gate.out"), neurons),
        Part::MlpPre => (of("up.out"), neurons),
        Part::MlpPreLinear if family.is_gated() => (of("up.out"), neurons),
        Part::MlpPost => (of("down.in"), neurons),
        Part::MlpOut if sandwich => (of("ln2_post.out"), stream),
        Part::MlpOut => (of("mlp.out"), stream),
        Part::Ln2PostScale if sandwich => (norm("ln2_post"), &["token"]),
        Part::ResidPost => (of("block.out"), stream),
        Part::FinalScale => (
            "divisor(whole_modules(model)[\"final\"], inside[None][\"final.in\"])[:, 0]".into(),
            &["token"],
        ),
        Part::FinalNormalized => ("inside[None][\"final.out\"]".into(), stream),
        Part::Logits => ("logits".into(), &["token", "vocabulary"]),
        _ => return None,
    };
    Some((expression, axes.iter().map(|axis| text(axis)).collect()))
}
