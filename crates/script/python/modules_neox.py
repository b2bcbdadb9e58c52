# What a block's parts are called in it.
MODULES = {
    "ln1": "input_layernorm",
    "attn": "attention",
    "qkv": "attention.query_key_value",
    "o": "attention.dense",
    "ln2": "post_attention_layernorm",
    "mlp": "mlp",
    "up": "mlp.dense_h_to_4h",
    "down": "mlp.dense_4h_to_h",
}


def whole_modules(model):
    return {"final": model.gpt_neox.final_layer_norm}


def head_width(block):
    return block.attention.head_size


def heads_of(block, seen):
    """Queries, keys and values as they are projected, [tokens, heads, width] each."""
    return seen["qkv.out"].unflatten(-1, (-1, 3 * head_width(block))).chunk(3, -1)


def output_weight(block):
    """Of attention's output projection, [heads * width, model width]."""
    return block.attention.dense.weight.T


def scaling(block):
    return block.attention.scaling
