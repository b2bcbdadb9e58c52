def metric(logits, answer, foil):
    """The answer's logit, of each row."""
    return logits[:, answer].double().numpy()
