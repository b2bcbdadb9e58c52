def degraded(truth):
    """What the network sees: the truth with rain over it."""
    return under_rain(truth, falling_rain(*truth.shape))


def rain_over(image, truth):
    """What each pixel gains by the rain."""
    return falling_rain(*truth.shape)
