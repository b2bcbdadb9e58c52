def integrated_gradients(net, image, truth, output):
    """Straight from a baseline, by the midpoint rule (Sundararajan et al. 2017)."""
    start = IG_BASELINE(image)
    return along(straight(image, start, IG_STEPS, 0.5), IG_STEPS, IG_DETECTOR, net, image, truth, start)
