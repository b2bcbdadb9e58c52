def between(length, grid, cell, shift):
    """For each pixel of a shifted, enlarged grid the two cells beside it and the weight of the second."""
    at = (np.arange(length) + shift + 0.5) * grid / ((grid + 1) * cell) - 0.5
    at = np.clip(at, 0, grid - 1)
    low = at.astype(int)
    return low, np.minimum(low + 1, grid - 1), (at - low).astype(np.float32)


def draw_mask(random, height, width):
    """Random cells, enlarged bilinearly and shifted by less than a cell."""
    cells = (random.random_sample((GRID, GRID)) < PROBABILITY).astype(np.float32)
    down, across = -(-height // GRID), -(-width // GRID)
    row_shift = min(int(random.random_sample() * down), down - 1)
    column_shift = min(int(random.random_sample() * across), across - 1)
    top, bottom, v = between(height, GRID, down, row_shift)
    left, right, u = between(width, GRID, across, column_shift)
    upper = cells[np.ix_(top, left)] * (1 - u) + cells[np.ix_(top, right)] * u
    lower = cells[np.ix_(bottom, left)] * (1 - u) + cells[np.ix_(bottom, right)] * u
    return upper * (1 - v[:, None]) + lower * v[:, None]


def rise(net, image, truth, output):
    """Many pictures with random parts blacked out, and what the region's PSNR has to do with which were kept."""
    random = np.random.RandomState(SEED)
    picture = unit(image)
    scores, masks, sums = [], [], np.zeros((6, *image.shape[:2]))
    for done in range(1, MASKS + 1):
        masks.append(draw_mask(random, *image.shape[:2]))
        if len(masks) < BATCH and done < MASKS:
            continue
        for mask, out in zip(masks, outputs(net, [picture * mask[..., None] for mask in masks])):
            scores.append(psnr(region(out), region(truth)))
            m, f = mask.astype(np.float64), scores[-1] - scores[0]
            sums += np.stack([m, m * m, f * m, f * m * m, f * f * m, f * f * m * m])
        masks = []
    m, mm, fm, fmm, ffm, ffmm = sums
    n, first = len(scores), scores[0]
    less = np.array(scores) - first
    mean, total, squares = less.mean(), less.sum(), (less**2).sum()

    def estimate(sum_of, sum_of_squares, over):
        variance = np.clip(sum_of_squares / n - (sum_of / n) ** 2, 0, None) * n / max(n - 1, 1)
        found = measured(sum_of / (max(over, 1) * PROBABILITY), "y", "x")
        found["stderr"] = (np.sqrt(variance / n) / PROBABILITY).astype(np.float32)
        found["count"] = np.full(m.shape, n, np.uint32)
        return found

    kept = m / n
    centred = ffmm - 2 * kept * ffm + kept**2 * squares
    centred -= 2 * mean * (fmm - 2 * kept * fm + kept**2 * total)
    centred += mean**2 * (mm - 2 * kept * m + kept**2 * n)
    gained = estimate(fm - mean * m, centred, n - 1)
    # What cannot reach the region gains nothing, whatever the masks happened to be.
    for part in ("values", "stderr"):
        gained[part] = np.where(reached_pixels() > 0, gained[part], 0).astype(np.float32)
    expected = estimate(fm + first * m, ffmm + 2 * first * fmm + first**2 * mm, n)
    return {"attribution": gained, "saliency": expected}, {"psnr.masked": np.mean(scores)}
