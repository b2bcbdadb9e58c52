def blocks(model):
    return model.transformer.h


def output_of(model, kind, layer):
    """The module whose output is a block's, or what its MLP or its attention adds."""
    block = blocks(model)[layer]
    return {"residual": block, "mlp": block.mlp, "attention": block.attn}[kind]


def at_embeddings(model, change):
    """Changes the token embeddings, before positions are added."""
    return model.transformer.wte.register_forward_hook(lambda module, arguments, output: change(output))
