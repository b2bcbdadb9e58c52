def shares(block, seen):
    """What each head adds, without the bias, [tokens, heads, model width]."""
    mixed = seen["o.in"].unflatten(-1, (-1, head_width(block)))
    weight = output_weight(block).unflatten(0, (-1, head_width(block)))
    return torch.einsum("thd,hdm->thm", mixed, weight)
