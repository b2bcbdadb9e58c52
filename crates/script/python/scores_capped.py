def scores(block, seen):
    """Queries times keys before the mask, softly capped, [heads, queries, keys]."""
    queries, keys = met(block, seen)
    keys = keys.repeat_interleave(queries.shape[1] // keys.shape[1], 1)
    products = torch.einsum("qhd,khd->hqk", queries, keys) * scaling(block)
    cap = block.self_attn.attn_logit_softcapping
    return products if cap is None else cap * torch.tanh(products / cap)
