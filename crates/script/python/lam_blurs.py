def lam(net, image, truth, output):
    """Local attribution map: pictures of less and less blur."""
    picture = unit(image)

    def at(i):
        return blurred(picture, LAM_SIGMA * (1 - i / LAM_FOLD), LAM_KERNEL)

    def step(i):
        before, here = at(i), at(i + 1)
        return here.astype(np.float32), ((here - before) * LAM_FOLD).astype(np.float32)

    return along(step, LAM_FOLD, LAM_DETECTOR, net, image, truth, at(0).astype(np.float32))
