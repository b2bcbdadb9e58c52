def metric(logits, answer, foil):
    """The answer's logit less the foil's, of each row."""
    return (logits[:, answer].double() - logits[:, foil].double()).numpy()
