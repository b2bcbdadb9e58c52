def under_rain(picture, gains):
    """Rain adds light."""
    return np.clip(picture.astype(int) + gains, 0, 255).astype(np.uint8)
