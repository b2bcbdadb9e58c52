def metric(logits, answer, foil):
    """The natural logarithm of the answer's probability, of each row."""
    return torch.log_softmax(logits.double(), -1)[:, answer].numpy()
