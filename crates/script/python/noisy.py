def noisy(picture, noise):
    """8 bits with noise on them: clipped, and cut to 8 bits."""
    return (np.clip(picture / 255 + noise, 0, 1) * 255).astype(np.uint8)
