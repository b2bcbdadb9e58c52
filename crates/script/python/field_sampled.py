def sampled(samples, *axes):
    """A field of means over the last axis of `samples`, with their standard errors; NaN where nothing was measured."""
    samples = np.asarray(samples, dtype=np.float64)
    there = ~np.isnan(samples)
    count = there.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(there, samples, 0).sum(-1) / count
        squares = np.where(there, samples - values[..., None], 0) ** 2
        stderr = np.where(count > 1, np.sqrt(squares.sum(-1) / (count - 1) / count), np.nan)
    return {
        "values": values.astype(np.float32),
        "stderr": stderr.astype(np.float32),
        "count": count.astype(np.uint32),
        "mask": count > 0,
        "axes": np.array(axes),
    }
