def repeated(keys, block, seen):
    """Keys or values once for each head of queries, [tokens, heads, width]."""
    heads = heads_of(block, seen)[0].shape[1]
    return keys.repeat_interleave(heads // keys.shape[1], 1)
