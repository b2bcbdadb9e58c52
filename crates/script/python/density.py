def density(values):
    """Kernel density of a map's pixels by Scott's rule, its largest value 1; None where it has no spread."""
    weights = np.clip(values.astype(np.float64), 0, None)
    if weights.sum() <= 0:
        return None
    y, x = np.mgrid[: values.shape[0], : values.shape[1]]
    places = np.stack([x.ravel(), y.ravel()])
    share = weights.ravel() / weights.sum()
    effective = 1 / (share**2).sum()
    (xx, xy), (_, yy) = np.cov(places, aweights=share) * effective ** (-1 / 3)
    determinant = xx * yy - xy * xy
    if not (determinant > 1e-12 * xx * yy and xx > 0 and yy > 0):
        return None
    height, width = values.shape
    dy = np.fft.fftfreq(2 * height, 1 / (2 * height))[:, None]
    dx = np.fft.fftfreq(2 * width, 1 / (2 * width))[None]
    hill = np.exp(-0.5 * (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / determinant)
    sums = np.fft.irfft2(np.fft.rfft2(weights, hill.shape) * np.fft.rfft2(hill), hill.shape)[:height, :width]
    return np.clip(sums / sums.max(), 0, None)
