def metric(logits, answer, foil):
    """The probability of the answer, of each row."""
    return torch.softmax(logits.double(), -1)[:, answer].numpy()
