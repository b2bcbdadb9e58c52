def blocks(model):
    return model.model.layers


def output_of(model, kind, layer):
    """The module whose output is a block's, or what its MLP or its attention adds."""
    block = blocks(model)[layer]
    return {"residual": block, "mlp": block.mlp, "attention": block.self_attn}[kind]
