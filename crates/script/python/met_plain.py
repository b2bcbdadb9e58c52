def met(block, seen):
    """Queries and keys as they meet, [tokens, heads, width] each."""
    queries, keys, _ = heads_of(block, seen)
    return queries, keys
