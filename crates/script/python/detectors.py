def detect_gradient(output, truth):
    """The sum of the lengths of the brightness gradients in the region (Gu and Dong 2021)."""
    x, y, width, height = REGION
    part = output[:, :, y : y + height + 1, x : x + width + 1]
    here = part[:, :, :-1, :-1]
    squares = (here - part[:, :, 1:, :-1]) ** 2 + (here - part[:, :, :-1, 1:]) ** 2
    positive = squares > 0
    return (torch.where(positive, squares, torch.ones_like(squares)).sqrt() * positive).sum()


def detect_sum(output, truth):
    """The sum of the region's values."""
    x, y, width, height = REGION
    return output[:, :, y : y + height, x : x + width].sum()


def detect_psnr(output, truth):
    """The region's PSNR, dB, of the output as it is."""
    x, y, width, height = REGION
    part = output[:, :, y : y + height, x : x + width]
    error = ((part - to_tensor(unit(region(truth))[None])) ** 2).mean() + 1e-12
    return -10 / np.log(10) * error.log()
