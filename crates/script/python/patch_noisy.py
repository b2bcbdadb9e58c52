def make_patch(bank, draws, place, rain, channels):
    """A patch that went through the task's own degradation."""
    patch = clean_patch(bank, draws.choice(len(bank)))
    return noisy(patch, SIGMA / 255 * draws.normal(patch.shape))
