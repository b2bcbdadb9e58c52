def blurred(picture, sigma, side):
    """Gaussian blur with a kernel that is cut to `side` pixels; beyond the edges the picture is reflected."""
    places = np.arange(side) - side // 2
    taps = np.exp(-(places**2) / (2 * (sigma + 1e-5) ** 2))
    taps /= taps.sum()
    values = picture.astype(np.float64)
    for axis in (1, 0):
        around = [(0, 0)] * 3
        around[axis] = (side // 2, side // 2)
        wide = np.pad(values, around, mode="reflect")
        length = values.shape[axis]
        values = sum(tap * wide.take(range(k, k + length), axis) for k, tap in enumerate(taps))
    return values
