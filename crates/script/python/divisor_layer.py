def divisor(norm, entered):
    """What a layer norm divides by, [tokens, 1]."""
    return torch.sqrt(entered.var(-1, keepdim=True, unbiased=False) + norm.eps)
