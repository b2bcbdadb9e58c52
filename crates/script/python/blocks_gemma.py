def blocks(model):
    return model.model.layers


def output_of(model, kind, layer):
    """The module whose output is a block's, or what its MLP or its attention adds, which has a norm of its own."""
    block = blocks(model)[layer]
    return {
        "residual": block,
        "mlp": block.post_feedforward_layernorm,
        "attention": block.post_attention_layernorm,
    }[kind]
