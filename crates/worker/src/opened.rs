//! What is said of a model once it is open.

use whyfinder_model::LanguageModel;
use whyfinder_model::network::{ImageModel, Operation};

use crate::protocol::{ImageNetwork, OpenedModel};

pub(crate) fn language_model(model: &LanguageModel) -> OpenedModel {
    let (card, config) = (&model.card, model.config());
    OpenedModel {
        reference: card.reference.clone(),
        name: card.name.clone(),
        family: card.family.clone(),
        architecture: card.architecture.clone(),
        layers: config.layers,
        heads: config.heads,
        kv_heads: config.kv_heads,
        d_model: config.d_model,
        vocab: config.vocab,
        max_positions: config.max_positions,
        parameters: card.parameters,
        bytes: card.bytes,
        dtype: card.dtype.clone(),
        device: card.device.clone(),
        parity: card.parity,
        image: None,
    }
}

pub(crate) fn network(model: &ImageModel) -> OpenedModel {
    let (card, network) = (&model.card, &model.network);
    let windows = network
        .nodes
        .iter()
        .filter_map(|node| match &node.operation {
            Operation::WindowPattern(window) => Some(window),
            _ => None,
        });
    OpenedModel {
        reference: card.reference.clone(),
        name: card.name.clone(),
        family: card.family.clone(),
        architecture: card.details.clone(),
        layers: 0,
        heads: 0,
        kv_heads: 0,
        d_model: 0,
        vocab: 0,
        max_positions: 0,
        parameters: card.parameters,
        bytes: card.bytes,
        dtype: "f32".to_string(),
        device: card.device.clone(),
        parity: None,
        image: Some(ImageNetwork {
            scale: network.scale,
            channels: network.channels(),
            // The one bundled denoiser was made for this; no file says it of itself.
            sigma: (card.reference == "demo:denoise").then_some(50.0),
            window: windows.clone().map(|window| window.size).next(),
            heads: windows.map(|window| window.heads).collect(),
        }),
    }
}
