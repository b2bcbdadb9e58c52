def strengths(signed):
    """Sizes as parts of the largest."""
    largest = np.abs(signed).max()
    return (np.abs(signed) / largest if largest > 0 else np.abs(signed)).astype(np.float32)


def spread_of(values):
    """How far a map is spread: Gini coefficient, diffusion index (Gu and Dong 2021), pixels of 95 % of its sum."""
    ordered = np.sort(values.astype(np.float64).ravel() - min(values.min(), 0) + 1e-7)
    n = len(ordered)
    gini = ((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * ordered.sum())
    falling = np.sort(np.clip(values.astype(np.float64).ravel(), 0, None))[::-1]
    sums = np.concatenate([[0], np.cumsum(falling)])
    area = int(np.argmax(sums >= 0.95 * falling.sum()))
    return {"gini": gini, "diffusion-index": (1 - gini) * 100, "area": area}
