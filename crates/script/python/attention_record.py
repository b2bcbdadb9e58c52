def attention_record(layer, block, seen):
    """What a layer's attention can be computed from: queries, keys, each row's normaliser, and an overview.

    Each cell of the overview covers some tokens along both sides: the mean over its pairs whose key does not come too
    late, and the largest.
    """
    queries, keys = met(block, seen)
    rows = masked(block, seen).double()
    top = rows.amax(-1)
    log_sum = (rows - top[..., None]).exp().sum(-1).log()
    weights = rows.softmax(-1)

    tokens = queries.shape[0]
    size = 1
    while -(-tokens // size) > 128:
        size *= 2
    beyond = -tokens % size
    cells = torch.nn.functional.pad(weights, (0, beyond, 0, beyond)).unflatten(-1, (-1, size)).unflatten(-3, (-1, size))
    allowed = torch.ones(tokens, tokens).tril()
    pairs = torch.nn.functional.pad(allowed, (0, beyond, 0, beyond)).unflatten(-1, (-1, size)).unflatten(-3, (-1, size))
    parts = {
        "queries": queries,
        "keys": keys,
        "top": top,
        "log_sum": log_sum,
        "mean": cells.sum((-3, -1)) / pairs.sum((-3, -1)).clamp(min=1),
        "max": cells.amax((-3, -1)),
    }
    return {f"attention.{layer}.{name}": values.detach().numpy().astype(np.float32) for name, values in parts.items()}
