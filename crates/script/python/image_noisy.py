def degraded(truth):
    """What the network sees: the truth with noise on it."""
    return noisy(truth, np.random.RandomState(SEED).normal(0, SIGMA / 255, truth.shape))
