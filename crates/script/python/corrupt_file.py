def corruption(tokenizer, ids, subject, embeddings):
    """The corrupted prompt, what is added to it, and which of its tokens stands for each of the prompt's."""
    first, end = subject
    noise = torch.tensor(np.load(NOISE), dtype=torch.float32)  # [samples, subject tokens, width], used as it is

    def add(values):
        values = values.clone()
        values[:, first:end] += noise
        return values

    return ids, [("embeddings", add)], list(range(len(ids)))
