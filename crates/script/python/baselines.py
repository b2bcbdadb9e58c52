def baseline_blur(image):
    return blurred(unit(image), BLUR_SIGMA, BLUR_SIDE).astype(np.float32)


def baseline_black(image):
    return np.zeros_like(unit(image))


def baseline_mean(image):
    """The picture's mean colour."""
    picture = unit(image)
    return np.broadcast_to(picture.astype(np.float64).mean((0, 1)).astype(np.float32), picture.shape)
