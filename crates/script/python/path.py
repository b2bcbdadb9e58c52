def along(path, fold, detector, net, image, truth, start):
    """Gradient times speed, summed over a path of pictures, and what each pixel accounts for."""
    net = doubled(net)
    signed = np.zeros(image.shape[:2])
    for step in range(fold):
        picture, speed = path(step)
        _, slope = gradient_of(detector, net, picture, truth)
        signed += (slope * speed).sum(2) / fold
    end, begin = (number_of(detector, net, p, truth) for p in (unit(image), start))
    values = strengths(signed)
    fields = {"attribution": measured(values, "y", "x"), "attribution.signed": measured(signed, "y", "x")}
    hills = density(values)
    if hills is not None:
        fields["density"] = measured(hills, "y", "x")
    residual = signed.sum() - (end - begin)
    references = {"detector": end, "detector.baseline": begin, "completeness": residual}
    return fields, {**spread_of(values), **references}
