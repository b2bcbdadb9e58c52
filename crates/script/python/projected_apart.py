def whole_modules(model):
    return {"final": model.model.norm}


def head_width(block):
    return block.self_attn.head_dim


def heads_of(block, seen):
    """Queries, keys and values as they are projected, [tokens, heads, width] each."""
    return [seen[f"{name}.out"].unflatten(-1, (-1, head_width(block))) for name in "qkv"]


def output_weight(block):
    """Of attention's output projection, [heads * width, model width]."""
    return block.self_attn.o_proj.weight.T


def scaling(block):
    return block.self_attn.scaling
