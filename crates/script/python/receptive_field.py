def receptive_field(net, image, truth, output):
    """What the region depends on by gradients, at the picture and averaged over random ones (Luo et al. 2016)."""

    net = doubled(net)

    def sizes(picture):
        return np.abs(gradient_of(detect_sum, net, picture, truth)[1]).sum(2).astype(np.float32)

    def field(maps):
        maps = np.stack(maps).astype(np.float64)
        means, n = maps.mean(0), len(maps)
        scale = 1 / means.max() if means.max() > 0 else 0.0
        found = measured(means * scale, "y", "x")
        if n > 1:
            found["stderr"] = (maps.std(0, ddof=1) / np.sqrt(n) * scale).astype(np.float32)
            found["count"] = np.full(means.shape, n, np.uint32)
        return found

    own = sizes(unit(image))
    random = np.random.RandomState(SEED)
    maps = [sizes(random.random_sample(image.shape).astype(np.float32)) for _ in range(INPUTS)]
    fields = {"attribution": field(maps or [own]), "attribution.image": field([own])}
    values = fields["attribution"]["values"].astype(np.float64)
    x, y, width, height = REGION
    down = np.arange(values.shape[0])[:, None] + 0.5 - (y + height / 2) / SCALE
    across = np.arange(values.shape[1])[None] + 0.5 - (x + width / 2) / SCALE
    reached = reached_pixels()
    if np.abs(own)[reached == 0].any():
        raise SystemExit("A pixel has a gradient that the network's operations cannot let through")
    fields["reachable"] = measured(reached, "y", "x")
    return fields, {
        **spread_of(fields["attribution"]["values"]),
        "field.theoretical": reached.sum(),
        "field.effective": (fields["attribution"]["values"] >= np.float32(1 - 0.9545)).sum(),
        "field.radius": np.sqrt((values * (down**2 + across**2)).sum() / values.sum()),
    }
