def deviation(embeddings):
    """Of all values of the subject's token embeddings, with n - 1."""
    return embeddings.double().std().item()
