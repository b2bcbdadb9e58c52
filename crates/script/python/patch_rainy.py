def make_patch(bank, draws, place, rain, channels):
    """A patch that went through the task's own degradation: the rain of its place falls on it."""
    patch = clean_patch(bank, draws.choice(len(bank)))
    gains = rain[place]
    return under_rain(patch[: gains.shape[0], : gains.shape[1]], gains)
