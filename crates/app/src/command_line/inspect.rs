use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use whyfinder_experiment::Site;
use whyfinder_import::is_foreign;
use whyfinder_model::network::{is_network, open_network};
use whyfinder_model::{LanguageModel, OpenOptions, open};
use whyfinder_worker::human_bytes;

use super::arguments;
use super::command_error::CommandError;
use super::elsewhere;
use super::inspect_network;
use super::say::say;

pub(crate) fn inspect(arguments: &arguments::Inspect) -> Result<(), CommandError> {
    if is_foreign(Path::new(&arguments.model)) {
        return elsewhere::inspect(Path::new(&arguments.model), arguments);
    }
    if is_network(&arguments.model) {
        let model = open_network(&arguments.model, &OpenOptions::default())?;
        return if arguments.json {
            say(inspect_network::as_json(&model))
        } else {
            say(inspect_network::as_text(&model))
        };
    }
    let model = open(&arguments.model, &OpenOptions::default())?;
    if arguments.json {
        say(as_json(&model)?)
    } else {
        say(as_text(&model)?)
    }
}

fn as_json(model: &LanguageModel) -> Result<Value, CommandError> {
    let (card, config) = (&model.card, model.config());
    let sites: Vec<_> = model.decoder.sites().iter().map(Site::to_string).collect();
    Ok(json!({
        "reference": card.reference,
        "name": card.name,
        "family": card.family,
        "architecture": card.architecture,
        "path": card.path,
        "layers": config.layers,
        "heads": config.heads,
        "kv_heads": config.kv_heads,
        "d_model": config.d_model,
        "d_head": config.d_head,
        "d_mlp": config.d_mlp,
        "vocab": config.vocab,
        "max_positions": config.max_positions,
        "tied": config.tied,
        "parameters": card.parameters,
        "bytes": card.bytes,
        "file_bytes": card.file_bytes,
        "dtype": card.dtype,
        "model_digest": card.model_digest()?,
        "tokenizer_digest": card.tokenizer_digest,
        "tokenizer_vocab": model.tokenizer.vocab(),
        "parity": card.parity,
        "parity_reference": card.parity_reference,
        "notes": card.notes,
        "sites": sites,
    }))
}

fn as_text(model: &LanguageModel) -> Result<String, CommandError> {
    let (card, config) = (&model.card, model.config());
    let mut lines = vec![
        format!("model       {}", card.name),
        format!("family      {} ({})", card.family, card.architecture),
    ];
    if let Some(path) = &card.path {
        lines.push(format!("folder      {}", path.display()));
    }
    let heads = if config.kv_heads == config.heads {
        format!("{} heads", config.heads)
    } else {
        format!(
            "{} heads over {} key-value heads",
            config.heads, config.kv_heads
        )
    };
    lines.push(format!(
        "layers      {}, each {heads} of width {}",
        config.layers, config.d_head
    ));
    lines.push(format!(
        "widths      {} residual stream, {} MLP",
        config.d_model, config.d_mlp
    ));
    lines.push(format!(
        "vocabulary  {} tokens, unembedding {}",
        config.vocab,
        if config.tied {
            "tied to the embedding"
        } else {
            "of its own"
        }
    ));
    lines.push(format!("longest     {} tokens", config.max_positions));
    lines.push(format!(
        "weights     {} parameters, stored as {} ({}), {} in memory",
        grouped(card.parameters),
        card.dtype,
        human_bytes(card.file_bytes),
        human_bytes(card.bytes)
    ));
    lines.push(format!("digest      {}", card.model_digest()?));
    lines.push(format!("tokenizer   {}", card.tokenizer_digest));
    lines.push(match (card.parity, &card.parity_reference) {
        (Some(worst), Some(reference)) => {
            format!("parity      logits differ from {reference} by at most {worst:.1e}")
        }
        (Some(worst), None) => {
            format!("parity      logits differ from the reference by at most {worst:.1e}")
        }
        (None, _) => "parity      not measured: the model brings no parity.json".to_string(),
    });
    lines.extend(card.notes.iter().map(|note| format!("note        {note}")));
    lines.push("sites".to_string());
    lines.extend(site_lines(&model.decoder.sites()));
    Ok(lines.join("\n"))
}

/// One line per part, with the layers that have it.
fn site_lines(sites: &[Site]) -> Vec<String> {
    let mut order = Vec::new();
    let mut layers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for site in sites {
        let name = site.to_string();
        let name = match site.layer {
            Some(layer) => name.replacen(&format!("blocks.{layer}."), "blocks.*.", 1),
            None => name,
        };
        let known = layers.entry(name.clone()).or_insert_with(|| {
            order.push(name);
            Vec::new()
        });
        known.extend(site.layer);
    }
    order
        .into_iter()
        .map(|name| {
            let of = &layers[&name];
            match (of.first(), of.last()) {
                (Some(first), Some(last)) => format!("  {name:<40} layers {first} to {last}"),
                _ => format!("  {name}"),
            }
        })
        .collect()
}

/// Digits in groups of three, with a space between.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use whyfinder_experiment::Part;

    use super::*;

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(123_456), "123 456");
        assert_eq!(grouped(1_234_567), "1 234 567");
    }

    #[test]
    fn sites_of_many_layers_take_one_line() {
        let sites = [
            Site::outside(Part::Embed),
            Site::block(0, Part::Pattern),
            Site::block(0, Part::ResidPost),
            Site::block(1, Part::Pattern),
            Site::block(1, Part::ResidPost),
        ];
        let lines = site_lines(&sites);
        assert_eq!(lines.len(), 3);
        assert!(lines[1].contains("blocks.*.attn.hook_pattern"));
        assert!(lines[1].ends_with("layers 0 to 1"));
    }
}
