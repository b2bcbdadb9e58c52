def reached_pixels():
    """1 where the region can depend on a pixel, by the network's operations, as Whyfinder tells it."""
    return (np.asarray(Image.open(REACHABLE)) > 0).astype(np.float32)
