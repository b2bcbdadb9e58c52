def cover(image, place, blurry):
    """What a block is covered with."""
    part = image[place]
    return np.full_like(part, 128)  #? grey
    return eight_bits(unit(part).astype(np.float64).mean((0, 1)).astype(np.float32))  #? mean
    return blurry[place]  #? blur


def occlusion(net, image, truth, output):
    """Covers each block once and reads the change of the region's PSNR."""
    blurry = eight_bits(blurred(unit(image), BLUR_SIGMA, BLUR_SIDE).astype(np.float32))  #? blur
    blurry = None  #? grey
    blurry = None  #? mean
    places, shape = blocks(image, OCCLUSION_BLOCK // SCALE)
    base = psnr(region(output), region(truth))
    samples = np.full((*shape, 1), np.nan)
    for first in range(0, len(places), BATCH):
        some = places[first : first + BATCH]
        changed = [unit(put(image, place, cover(image, place, blurry))) for _, _, place in some]
        for (row, column, _), out in zip(some, outputs(net, changed)):
            samples[row, column] = np.float32(base - psnr(region(out), region(truth)))
    fields = {"effect": sampled(samples, "row", "column")}
    count(fields["effect"]["values"], fields["effect"]["stderr"], places, shape)
    return fields, {}
