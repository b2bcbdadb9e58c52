def straight(image, start, fold, shift):
    """A straight path; the gradient is taken at `shift` of each of its pieces: 1 its end, 0.5 its middle."""
    way = unit(image).astype(np.float64) - start

    def step(i):
        return (start + (i + shift) / fold * way).astype(np.float32), way.astype(np.float32)

    return step
