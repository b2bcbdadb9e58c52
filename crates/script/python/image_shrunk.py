def degraded(truth):
    """What the network sees: the truth made smaller."""
    small = Image.open(TRUTH).convert("RGB")
    small = small.resize((small.width // SCALE, small.height // SCALE), Image.BICUBIC).convert(MODE)
    return np.asarray(small).reshape(small.height, small.width, truth.shape[2])
