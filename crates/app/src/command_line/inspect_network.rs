//! What a network that turns images into images is.

use serde_json::{Value, json};
use whyfinder_model::network::{ImageModel, Network, Operation, Rect, reach::reach};
use whyfinder_worker::human_bytes;

use super::inspect::grouped;

/// Side of the picture that reachability is told for, pixels of the input.
const PICTURE: usize = 256;

pub(crate) fn as_json(model: &ImageModel) -> Value {
    let (card, network) = (&model.card, &model.network);
    let sites: Vec<_> = network.nodes.iter().map(|node| &node.name).collect();
    let field = Field::of(network);
    json!({
        "reference": card.reference,
        "name": card.name,
        "family": card.family,
        "architecture": card.details,
        "path": card.path,
        "format": card.format,
        "scale": network.scale,
        "channels": network.channels(),
        "takes_noise_level": network.takes_noise_level(),
        "parameters": card.parameters,
        "bytes": card.bytes,
        "file_bytes": card.file_bytes,
        "model_digest": card.digest,
        "receptive_field": field.as_ref().map(|f| [f.width, f.height]),
        "reads_everything": field.as_ref().map(|f| f.whole),
        "global": field.map_or_else(Vec::new, |f| f.global),
        "sites": sites,
    })
}

pub(crate) fn as_text(model: &ImageModel) -> String {
    let (card, network) = (&model.card, &model.network);
    let mut lines = vec![
        format!("model       {}", card.name),
        format!("family      {} ({})", card.family, card.details),
    ];
    if let Some(path) = &card.path {
        lines.push(format!("file        {}", path.display()));
    }
    let colours = match network.channels() {
        1 => "grey",
        _ => "RGB",
    };
    lines.push(match network.scale {
        1 => format!("output      {colours}, as large as the input"),
        scale => format!("output      {colours}, {scale} times as large along each side"),
    });
    if network.takes_noise_level() {
        lines.push("noise       has to be told its strength (input.sigma)".to_string());
    }
    if let Some(field) = Field::of(network) {
        lines.push(field.line());
        if !field.global.is_empty() {
            lines.push(format!("global      {}", some(&field.global)));
        }
    }
    lines.push(format!(
        "weights     {} parameters, {} ({}), {} in memory",
        grouped(card.parameters),
        card.format,
        human_bytes(card.file_bytes),
        human_bytes(card.bytes)
    ));
    lines.push(format!("digest      {}", card.digest));
    lines.push("sites".to_string());
    lines.extend(site_lines(network));
    lines.join("\n")
}

/// What the output's middle pixel can depend on, in a picture of [`PICTURE`] pixels a side.
struct Field {
    width: usize,
    height: usize,
    /// Whether that is the whole picture.
    whole: bool,
    /// Operations that read all pixels at once.
    global: Vec<String>,
}

impl Field {
    /// `None` for a network that such a picture does not suit.
    fn of(network: &Network) -> Option<Self> {
        let middle = PICTURE / 2 * network.scale;
        let pixel = Rect::new(middle..middle + 1, middle..middle + 1);
        let reach = reach(network, PICTURE, PICTURE, &pixel).ok()?;
        let hull = reach.pixels.hull()?;
        Some(Self {
            width: hull.width(),
            height: hull.height(),
            whole: reach.pixels.count() == PICTURE * PICTURE,
            global: reach.global,
        })
    }

    fn line(&self) -> String {
        if self.whole {
            return format!(
                "reach       a pixel of the output can depend on all of a picture of {PICTURE} x {PICTURE}"
            );
        }
        format!(
            "reach       a pixel of the output can depend on {} x {} pixels of the input",
            self.width, self.height
        )
    }
}

/// The first few names, and how many there are.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    match names.len() {
        n if n > SHOWN => format!(
            "{} and {} more read all pixels at once",
            shown.join(", "),
            n - SHOWN
        ),
        _ => format!("{} (all pixels at once)", shown.join(", ")),
    }
}

/// One line per node, what it does beside its name.
fn site_lines(network: &Network) -> impl Iterator<Item = String> {
    network
        .nodes
        .iter()
        .map(|node| format!("  {:<40} {}", node.name, what(&node.operation)))
}

fn what(operation: &Operation) -> String {
    match operation {
        Operation::Input { channels } => format!("input, {channels} channels"),
        Operation::NoiseLevel => "map of the noise level".to_string(),
        Operation::Convolution(c) => {
            let kernel = c.kernel();
            let dims = c.weight.dims();
            let per_group = dims.get(2).copied().unwrap_or(0);
            format!(
                "convolution {kernel} x {kernel}, {} to {} channels",
                per_group * c.groups,
                c.channels_out()
            )
        }
        Operation::WindowPattern(w) => format!(
            "attention pattern, {} heads, windows of {} x {}",
            w.heads, w.size, w.size
        ),
        Operation::WindowMix(_) => "values weighed by the pattern".to_string(),
        Operation::Activation(kind) => format!("{kind:?}"),
        Operation::ParametricRelu(_) => "rectifier with learned slopes".to_string(),
        Operation::Affine { .. } => "scale and shift of each channel".to_string(),
        Operation::Scale(by) => format!("times {by}"),
        Operation::LayerNorm { .. } => "layer norm".to_string(),
        Operation::PixelShuffle(r) => format!("channels to pixels, {r} times as large"),
        Operation::PixelUnshuffle(r) => format!("pixels to channels, {r} times as small"),
        Operation::GlobalMean => "mean over all pixels".to_string(),
        Operation::GlobalContrast => "contrast over all pixels".to_string(),
        other => words(&format!("{other:?}")),
    }
}

/// `ResizeTo` to `resize to`, without what stands in brackets.
fn words(name: &str) -> String {
    let end = name
        .find(|c: char| !c.is_alphanumeric())
        .unwrap_or(name.len());
    let mut words = String::new();
    for (i, letter) in name[..end].chars().enumerate() {
        if letter.is_uppercase() && i > 0 {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_in_words() {
        assert_eq!(words("ResizeTo"), "resize to");
        assert_eq!(words("MaxPool { size: 2, stride: 2 }"), "max pool");
        assert_eq!(
            what(&Operation::PixelShuffle(2)),
            "channels to pixels, 2 times as large"
        );
    }

    #[test]
    fn many_names_are_cut_short() {
        let names: Vec<String> = (0..9).map(|i| format!("body.{i}")).collect();
        assert_eq!(
            some(&names),
            "body.0, body.1, body.2, body.3 and 5 more read all pixels at once"
        );
        assert_eq!(some(&names[..1]), "body.0 (all pixels at once)");
    }
}
