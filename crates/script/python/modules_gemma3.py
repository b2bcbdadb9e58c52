# What a block's parts are called in it.
MODULES = {
    "ln1": "input_layernorm",
    "attn": "self_attn",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "q_norm": "self_attn.q_norm",
    "k_norm": "self_attn.k_norm",
    "o": "self_attn.o_proj",
    "ln1_post": "post_attention_layernorm",
    "ln2": "pre_feedforward_layernorm",
    "ln2_post": "post_feedforward_layernorm",
    "mlp": "mlp",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


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
