def restore(net, image, truth, output):
    """One pass and nothing more."""
    return {}, {}
