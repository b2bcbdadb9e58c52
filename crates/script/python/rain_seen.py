def rain_over(image, truth):
    """What each pixel gains by the rain: what the image has more than the truth."""
    return np.clip(image.astype(int) - truth, 0, 255)
