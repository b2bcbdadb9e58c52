def met(block, seen):
    """Queries and keys as they meet, after their norms, [tokens, heads, width] each."""
    attention = block.self_attn
    queries, keys, _ = heads_of(block, seen)
    return rotated(attention.q_norm(queries), *angles(seen)), rotated(attention.k_norm(keys), *angles(seen))
