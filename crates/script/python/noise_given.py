def deviation(embeddings):
    """Of token embeddings, as the experiment gives it."""
    return SD
