//! A restoration network's operations, one after the other, as a Python function.

use candle_core::Tensor;
use whyfinder_model::ModelError;
use whyfinder_model::network::{
    ConvolutionWeights, Network, Node, NodeId, Nonlinearity, Operation,
};
use whyfinder_model::state_dict::StateDict;

use crate::error::ScriptError;
use crate::literal::{list, number, number32, text};
use crate::rolled::rolled;

/// Names of values that are needed for longer than the next statement.
const NAMES: [&str; 20] = [
    "y", "z", "u", "v", "s", "t", "p", "q", "r", "a", "b", "c", "d", "e", "f", "g", "h", "m", "n",
    "o",
];

/// What of the inside the script looks at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Inside {
    /// Values pooled over the picture can be held.
    pub(crate) pools: bool,
    /// Attention inside windows is kept.
    pub(crate) patterns: bool,
}

/// `def network(...)`. `words` say what it is.
///
/// # Errors
/// If an operation's weights are not found in the file as it computes with them.
pub(crate) fn function(
    network: &Network,
    state: &StateDict,
    words: &str,
    inside: Inside,
) -> Result<String, ScriptError> {
    let network = &with_streams(network);
    let last_use = last_uses(network);
    let used: Vec<NodeId> = (1..network.nodes.len())
        .filter(|&id| last_use[id] > 0 || id == network.output)
        .collect();
    let mut names = vec![String::new(); network.nodes.len()];
    names[0] = "picture".into();
    let mut taken = vec![false; NAMES.len()];
    let mut statements = Vec::new();
    for (place, &id) in used.iter().enumerate() {
        let node = &network.nodes[id];
        let inputs: Vec<&str> = node.inputs.iter().map(|&i| names[i].as_str()).collect();
        let expression = expression(node, &inputs, state, inside)?;
        for (slot, name) in NAMES.iter().enumerate() {
            let over = |&i: &NodeId| names[i] == *name && last_use[i] == id;
            if node.inputs.iter().any(over) {
                taken[slot] = false;
            }
        }
        if id == network.output {
            statements.push(format!("return {expression}"));
            continue;
        }
        let next = used.get(place + 1).copied();
        // What grows along the network keeps its name.
        let adds = matches!(node.operation, Operation::Add);
        let grown = node
            .inputs
            .iter()
            .find(|&&i| names[i] != "x" && i > 0 && last_use[i] == id);
        let slot = grown.and_then(|&i| NAMES.iter().position(|name| *name == names[i]));
        names[id] = if let (true, Some(slot)) = (adds, slot) {
            taken[slot] = true;
            NAMES[slot].into()
        } else if Some(last_use[id]) == next && first_use(network, id) == next {
            "x".into()
        } else {
            let Some(slot) = taken.iter().position(|taken| !taken) else {
                return Err(ScriptError::refused(
                    "The network keeps more values at once than a readable script has names for.",
                ));
            };
            taken[slot] = true;
            NAMES[slot].into()
        };
        statements.push(format!("{} = {expression}", names[id]));
    }
    let mut more = String::new();
    if inside.pools {
        more.push_str(", pools=None");
    }
    if inside.patterns {
        more.push_str(", patterns=None");
    }
    let mut out = format!(
        "def network(w, picture, noise{more}):\n    \"\"\"{words}.\n\n    Pictures [N, C, H, W] of 0 to 1 become restored ones.\n    \"\"\"\n"
    );
    for statement in rolled(statements) {
        for line in statement.lines() {
            out.push_str("    ");
            out.push_str(line);
            out.push('\n');
        }
    }
    Ok(out)
}

/// A value that is added to inside a block and once more around all of them has two names: then all blocks read alike.
fn with_streams(network: &Network) -> Network {
    let mut nodes: Vec<Node> = Vec::with_capacity(network.nodes.len());
    // Where each node has gone, and what its readers but the last read.
    let mut places: Vec<NodeId> = Vec::with_capacity(network.nodes.len());
    let mut streams: Vec<NodeId> = Vec::with_capacity(network.nodes.len());
    let last_use = last_uses(network);
    for (id, node) in network.nodes.iter().enumerate() {
        let mut node = node.clone();
        for input in &mut node.inputs {
            let last = last_use[*input] == id;
            *input = if last {
                places[*input]
            } else {
                streams[*input]
            };
        }
        nodes.push(node);
        places.push(nodes.len() - 1);
        let added = network
            .nodes
            .iter()
            .filter(|n| matches!(n.operation, Operation::Add) && n.inputs.contains(&id));
        if id > 0 && added.count() > 1 {
            nodes.push(Node {
                name: format!("{}.stream", network.nodes[id].name),
                operation: Operation::Input { channels: 0 },
                inputs: vec![nodes.len() - 1],
            });
        }
        streams.push(nodes.len() - 1);
    }
    Network {
        output: places[network.output],
        nodes,
        scale: network.scale,
    }
}

/// The last node that reads each node, or 0.
fn last_uses(network: &Network) -> Vec<NodeId> {
    let mut last = vec![0; network.nodes.len()];
    for (id, node) in network.nodes.iter().enumerate() {
        for &input in &node.inputs {
            last[input] = id;
        }
    }
    last
}

fn first_use(network: &Network, id: NodeId) -> Option<NodeId> {
    (id + 1..network.nodes.len()).find(|&later| network.nodes[later].inputs.contains(&id))
}

fn expression(
    node: &Node,
    inputs: &[&str],
    state: &StateDict,
    inside: Inside,
) -> Result<String, ScriptError> {
    let x = inputs.first().copied().unwrap_or("picture");
    let y = inputs.get(1).copied().unwrap_or(x);
    let name = text(&node.name);
    let pooled = |value: String| {
        if inside.pools {
            format!("held(pools, {name}, {value})")
        } else {
            value
        }
    };
    Ok(match &node.operation {
        Operation::Input { .. } => x.to_string(),
        Operation::NoiseLevel => format!("level({x}, noise)"),
        Operation::Convolution(weights) => convolution(node, weights, x, state)?,
        Operation::Activation(kind) => match kind {
            Nonlinearity::Relu => format!("F.relu({x})"),
            Nonlinearity::LeakyRelu(slope) => format!("F.leaky_relu({x}, {})", number32(*slope)),
            Nonlinearity::Gelu => format!("F.gelu({x})"),
            Nonlinearity::Silu => format!("F.silu({x})"),
            Nonlinearity::Sigmoid => format!("torch.sigmoid({x})"),
        },
        Operation::ParametricRelu(_) => format!("prelu(w, {name}, {x})"),
        Operation::Affine { scale, shift } => {
            let values = |tensor: &Tensor| -> Result<String, ScriptError> {
                Ok(list(values_of(tensor)?.into_iter().map(number32)))
            };
            format!("affine({x}, {}, {})", values(scale)?, values(shift)?)
        }
        Operation::Scale(factor) => format!("{x} * {}", number32(*factor)),
        Operation::LayerNorm { eps, .. } => format!("layer_norm(w, {name}, {x}, {})", number(*eps)),
        Operation::Add => format!("{x} + {y}"),
        Operation::Subtract => format!("{x} - {y}"),
        Operation::Multiply => format!("{x} * {y}"),
        Operation::Concatenate => format!("torch.cat([{}], 1)", inputs.join(", ")),
        Operation::Channels { first, count } => format!("{x}[:, {first}:{}]", first + count),
        Operation::PixelShuffle(r) => format!("F.pixel_shuffle({x}, {r})"),
        Operation::PixelUnshuffle(r) => format!("F.pixel_unshuffle({x}, {r})"),
        Operation::Nearest(r) => format!("F.interpolate({x}, scale_factor={r})"),
        Operation::Bilinear(r) => format!("upscaled({x}, {r})"),
        Operation::ResizeTo => format!("resized_to({x}, {y})"),
        Operation::MaxPool { size, stride } => format!("F.max_pool2d({x}, {size}, {stride})"),
        Operation::GlobalMean => pooled(format!("mean({x})")),
        Operation::GlobalContrast => pooled(format!("contrast({x})")),
        Operation::WindowPattern(window) => {
            let attention = node.name.strip_suffix(".pattern").unwrap_or(&node.name);
            let table = format!("{attention}.relative_position_bias_table");
            state.tensor(&table)?;
            let form = format!("{}, {}, {}", window.size, window.key_size, window.shift);
            let weights = format!(
                "pattern(w, {}, {x}, {}, {form})",
                text(&table),
                window.heads
            );
            if inside.patterns {
                format!("seen(patterns, {name}, {weights}, {form}, {x}.shape[-2:])")
            } else {
                weights
            }
        }
        Operation::WindowMix(window) => format!(
            "mix({x}, {y}, {}, {}, {}, {})",
            window.heads, window.size, window.key_size, window.shift
        ),
        Operation::PadToMultiple(multiple) => format!("padded({x}, {multiple}, \"reflect\")"),
        Operation::RepeatToMultiple(multiple) => format!("padded({x}, {multiple}, \"replicate\")"),
        Operation::CropToPicture { scale } => format!("cropped({x}, picture, {scale})"),
    })
}

fn convolution(
    node: &Node,
    weights: &ConvolutionWeights,
    x: &str,
    state: &StateDict,
) -> Result<String, ScriptError> {
    let unlike = || {
        ScriptError::refused(format!(
            "The weights of \"{}\" do not lie in the file as the network computes with them, so a script cannot load \
             them from there.",
            node.name
        ))
    };
    let weight_name = format!("{}.weight", node.name);
    let stored = state.load(&weight_name)?;
    let shape = state.tensor(&weight_name)?.shape();
    let ours = values_of(&weights.weight)?;
    let (kernel, out) = (weights.kernel(), weights.channels_out());
    if stored.len() != ours.len() || weights.groups != 1 {
        return Err(unlike());
    }
    if shape.len() == 2 {
        return Ok(format!("linear(w, {}, {x})", text(&node.name)));
    }
    let mut more = String::new();
    if weights.stride != 1 {
        more.push_str(&format!(", stride={}", weights.stride));
    }
    if weights.padding != weights.dilation * (kernel / 2) {
        more.push_str(&format!(", padding={}", weights.padding));
    }
    if weights.dilation != 1 {
        more.push_str(&format!(", dilation={}", weights.dilation));
    }
    // `[out, in, kernel, kernel]` there, `[kernel, kernel, in, out]` here.
    let channels = stored.len() / (kernel * kernel * out).max(1);
    let here = |o: usize, c: usize, at: usize| ours[(at * channels + c) * out + o];
    let there = |o: usize, c: usize, at: usize| stored[(o * channels + c) * kernel * kernel + at];
    let area = kernel * kernel;
    let places = || (0..channels).flat_map(move |c| (0..area).map(move |at| (c, at)));
    let same = (0..out).all(|o| places().all(|(c, at)| here(o, c, at) == there(o, c, at)));
    if same {
        return Ok(format!("conv(w, {}, {x}{more})", text(&node.name)));
    }
    let (norm, eps) = norm_behind(state, out, |gains| {
        (0..out).all(|o| {
            places().all(|(c, at)| {
                let folded = (f64::from(there(o, c, at)) * gains[o]) as f32;
                folded == here(o, c, at)
            })
        })
    })?
    .ok_or_else(unlike)?;
    Ok(format!(
        "conv_normed(w, {}, {}, {}, {x}{more})",
        text(&node.name),
        text(&norm),
        number(eps)
    ))
}

/// The batch norm whose gains, one for each channel, are those that a convolution was multiplied with.
fn norm_behind(
    state: &StateDict,
    channels: usize,
    fits: impl Fn(&[f64]) -> bool,
) -> Result<Option<(String, f64)>, ScriptError> {
    for name in state.names() {
        let Some(norm) = name.strip_suffix(".running_var") else {
            continue;
        };
        let variances = state.load(name)?;
        let weights = state.load(&format!("{norm}.weight"))?;
        if variances.len() != channels || weights.len() != channels {
            continue;
        }
        for eps in [1e-4, 1e-5] {
            let pairs = weights.iter().zip(&variances);
            let gains: Vec<f64> = pairs
                .map(|(&w, &v)| f64::from(w) / (f64::from(v) + eps).sqrt())
                .collect();
            if fits(&gains) {
                return Ok(Some((norm.to_string(), eps)));
            }
        }
    }
    Ok(None)
}

fn values_of(tensor: &Tensor) -> Result<Vec<f32>, ScriptError> {
    let values = tensor.flatten_all().and_then(|flat| flat.to_vec1());
    Ok(values.map_err(ModelError::from)?)
}
