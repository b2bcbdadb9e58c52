def corruption(tokenizer, ids, subject, embeddings):
    """The corrupted prompt, what is added to it, and which of its tokens stands for each of the prompt's."""
    first, end = subject
    shape = (SAMPLES, end - first, embeddings.shape[-1])
    noise = np.random.RandomState(SEED).randn(*shape) * (SCALE * deviation(embeddings[first:end]))
    noise = torch.tensor(noise, dtype=torch.float32)

    def add(values):
        values = values.clone()
        values[:, first:end] += noise
        return values

    return ids, [("embeddings", add)], list(range(len(ids)))
