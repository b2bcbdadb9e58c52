def block_values(fields, places, shape, image):
    """A map's value in each block: its own where it has such blocks, else the sum over the block's pixels."""
    if "effect" in fields and fields["effect"]["values"].shape == shape:
        return fields["effect"]["values"]
    values = fields["attribution"]["values"].astype(np.float64)
    return np.float32([values[place].sum() for _, _, place in places]).reshape(shape)


def curve(net, start, end, order, places, truth):
    """The region's PSNR after each share of the blocks has been exchanged, in an order."""
    picture, scores, done = start.copy(), [], 0
    for step in range(STEPS + 1):
        share = (step * step * len(order) + STEPS * STEPS // 2) // (STEPS * STEPS)
        share = min(max(share, step), len(order))
        for at in order[done:share]:
            picture[places[at]] = end[places[at]]
        done = share
        scores.append(psnr(region(outputs(net, picture[None])[0]), region(truth)))
    return np.float32(scores)


def area(scores, shares, replaced, untouched):
    """Under a curve, between the picture with all blocks replaced (0) and the untouched one (1)."""
    height = float(untouched) - float(replaced)
    levels = (scores.astype(np.float64) - float(replaced)) / height
    return float((np.diff(shares) * (levels[1:] + levels[:-1]) / 2).sum())


def faithfulness(net, image, truth, output):
    """Deletion and insertion curves of several maps (Petsiuk et al. 2018)."""
    places, shape = blocks(image, FAITHFULNESS_BLOCK // SCALE)
    reached = reached_pixels()
    tried = [place for _, _, place in places if reached[place].any()]
    inside = np.array([reached[place].any() for _, _, place in places])
    picture, instead = unit(image), FAITHFULNESS_BASELINE(image)
    replaced = picture.copy()
    for place in tried:
        replaced[place] = instead[place]

    def both(order):
        deletion = curve(net, picture, instead, order, tried, truth)
        return deletion, curve(net, replaced, picture, order, tried, truth)

    fields, curves = {}, []
    for name, make in MAPS.items():
        of_map = make(net, image, truth, output)
        values = block_values(of_map[0] if isinstance(of_map, tuple) else of_map, places, shape, image)
        fields[f"map.{name}"] = measured(values, "row", "column")
        ranked = np.where(np.isnan(values), -np.inf, values).ravel()[inside]
        curves.append(both(np.argsort(-ranked, kind="stable")))
    random, others = np.random.RandomState(SEED), []
    for _ in range(RANDOM_ORDERS):
        order = list(range(len(tried)))
        for i in range(len(tried) - 1, 0, -1):
            j = min(int(random.random_sample() * (i + 1)), i)
            order[i], order[j] = order[j], order[i]
        others.append(both(order))

    steps = np.arange(STEPS + 1)
    shares = (steps * steps * len(tried) + STEPS * STEPS // 2) // (STEPS * STEPS)
    shares = np.minimum(np.maximum(shares, steps), len(tried)) / max(len(tried), 1)
    ends = (curves + others)[0][0]
    references = {"blocks": len(tried), "psnr.replaced": ends[-1]}
    for kind, name in enumerate(("deletion", "insertion")):
        fields[name] = measured([pair[kind] for pair in curves], "map", "share")
        for map_name, pair in zip(MAPS, curves):
            references[f"{name}.{map_name}"] = area(pair[kind], shares, ends[-1], ends[0])
        if others:
            fields[f"{name}.random"] = sampled(np.stack([pair[kind] for pair in others], -1), "share")
            areas = [area(pair[kind], shares, ends[-1], ends[0]) for pair in others]
            references[f"{name}.random"] = np.mean(areas)
    return fields, references
