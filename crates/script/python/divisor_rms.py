def divisor(norm, entered):
    """What an RMS norm divides by, [tokens, 1]."""
    eps = norm.variance_epsilon if hasattr(norm, "variance_epsilon") else norm.eps
    return torch.sqrt(entered.pow(2).mean(-1, keepdim=True) + eps)
