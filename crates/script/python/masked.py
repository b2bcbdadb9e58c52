def masked(block, seen):
    """The scores with -inf where a query does not see a key, [heads, queries, keys]."""
    unseen = seen["attention"]["attention_mask"][0] < 0
    return scores(block, seen).masked_fill(unseen, -torch.inf)
