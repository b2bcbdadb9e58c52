# What a block's parts are called in it.
MODULES = {
    "ln1": "ln_1",
    "attn": "attn",
    "qkv": "attn.c_attn",
    "o": "attn.c_proj",
    "ln2": "ln_2",
    "mlp": "mlp",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
}


def whole_modules(model):
    return {"embed": model.transformer.wte, "positions": model.transformer.wpe, "final": model.transformer.ln_f}


def head_width(block):
    return block.attn.head_dim


def heads_of(block, seen):
    """Queries, keys and values as they are projected, [tokens, heads, width] each."""
    return [part.unflatten(-1, (-1, head_width(block))) for part in seen["qkv.out"].chunk(3, -1)]


def output_weight(block):
    """Of attention's output projection, [heads * width, model width]."""
    return block.attn.c_proj.weight


def scaling(block):
    return block.attn.scaling
