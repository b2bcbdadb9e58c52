def degraded(truth):
    """What the network sees: it is given."""
    return read(IMAGE)
