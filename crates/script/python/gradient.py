def gradient(net, image, truth, output):
    """The gradient of a number of the region at the picture itself, and gradient times input."""
    picture = unit(image)
    number, slope = gradient_of(GRADIENT_DETECTOR, doubled(net), picture, truth)
    values = strengths(np.abs(slope).sum(2))
    fields = {
        "attribution": measured(values, "y", "x"),
        "attribution.signed": measured(slope.sum(2), "y", "x"),
        "gradient-times-input": measured((slope * picture).sum(2), "y", "x"),
    }
    return fields, {**spread_of(values), "detector": number}
