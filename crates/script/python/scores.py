def scores(block, seen):
    """Queries times keys before the mask, [heads, queries, keys]."""
    queries, keys = met(block, seen)
    keys = keys.repeat_interleave(queries.shape[1] // keys.shape[1], 1)
    return torch.einsum("qhd,khd->hqk", queries, keys) * scaling(block)
