def resized(patch, side):
    return np.asarray(Image.fromarray(patch).resize((side, side), Image.BICUBIC))


def clean_patch(bank, choice):
    """A patch of the bank as large as a block of the input, in the network's colours."""
    patch = bank[choice]
    patch = patch[..., ::-1].copy()  #? bgr
    if len(patch) != BLOCK:
        patch = resized(patch, BLOCK)
    if SCALE > 1:
        patch = unsmoothed(patch, BLOCK // SCALE)  #? opencv
        patch = resized(patch, BLOCK // SCALE)  #? pillow
    image = Image.fromarray(patch).convert(MODE)
    return np.asarray(image).reshape(*patch.shape[:2], -1)
