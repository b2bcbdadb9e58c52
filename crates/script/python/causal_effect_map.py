def causal_effect_map(net, image, truth, output):
    """Replaces each block by natural patches and reads the change of the region's PSNR.

    A few interventions on every block; more on those where any of them moved the PSNR by the tolerance.
    """
    bank = open_bank()
    rain = rain_over(image, truth)  #? rain
    rain = None  #? no_rain
    places, shape = blocks(image, BLOCK // SCALE)
    draws = Draws()
    base = psnr(region(output), region(truth))
    pools = {}  #? mediation
    outputs(net, unit(image)[None], pools=pools)  #? mediation

    def effects(row, column, place, numbers):
        """Of some draws on one block, dB."""
        changed = []
        for draw in numbers:
            patch = make_patch(bank, draws.of(row, column, draw), place, rain, image.shape[2])
            down, across = place
            patch = patch[: down.stop - down.start, : across.stop - across.start]
            changed.append(put(image, place, patch))
        batches = [unit(np.stack(changed[i : i + BATCH])) for i in range(0, len(changed), BATCH)]
        whole = [base - psnr(region(out), region(truth)) for some in batches for out in outputs(net, some)]
        direct = whole  #? no_mediation
        held_outputs = [out for some in batches for out in outputs(net, some, pools=pools)]  #? mediation
        direct = [base - psnr(region(out), region(truth)) for out in held_outputs]  #? mediation
        return np.float32(whole), np.float32(direct)

    measured_blocks = {}
    chosen = places
    chosen = [one for one in places if one[:2] == ONLY]  #? only
    for row, column, place in chosen:
        measured_blocks[row, column] = effects(row, column, place, range(COARSE))
    hot = [one for one in chosen if FINE > 0 and np.abs(measured_blocks[one[:2]][0]).max() >= TOLERANCE]
    for row, column, place in hot:
        measured_blocks[row, column] = effects(row, column, place, range(COARSE, COARSE + FINE))
    print(f"{len(places)} blocks, {len(hot)} of them went through the second stage")

    fields = {}
    samples = np.full((*shape, 3, max(COARSE, FINE)), np.nan)
    for (row, column), (whole, direct) in measured_blocks.items():
        for kind, values in enumerate((whole, direct, whole - direct)):
            samples[row, column, kind, : len(values)] = values
    names = ["effect"]
    names = ["effect", "effect.direct", "effect.mediated"]  #? mediation
    for kind, name in enumerate(names):
        fields[name] = sampled(samples[:, :, kind], "row", "column")
        values = fields[name]["values"]
        values[np.abs(values) < np.float32(TOLERANCE)] = 0
    count(fields["effect"]["values"], fields["effect"]["stderr"], places, shape)
    return fields, {}
