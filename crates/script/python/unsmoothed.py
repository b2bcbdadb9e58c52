def unsmoothed(patch, side):
    """Bicubic from the four nearest pixels along each side, however small it gets, as OpenCV's INTER_CUBIC."""
    taps = np.zeros((side, len(patch)), np.float32)
    a = np.float32(-0.75)
    for out in range(side):
        at = np.float32((out + 0.5) * (len(patch) / side) - 0.5)
        first, x = int(np.floor(at)) - 1, at - np.floor(at)
        weights = [
            ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a,
            ((a + 2) * x - (a + 3)) * x * x + 1,
            ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1,
        ]
        weights.append(1 - sum(weights))
        for i, weight in enumerate(weights):
            taps[out, np.clip(first + i, 0, len(patch) - 1)] += weight
    values = np.einsum("yi,xj,ijc->yxc", taps, taps, patch.astype(np.float32))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
