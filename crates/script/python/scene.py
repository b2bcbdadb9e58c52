def read(path):
    """8 bits, [height, width, channels]."""
    image = Image.open(path).convert(MODE)
    return np.asarray(image).reshape(image.height, image.width, -1)


def unit(picture):
    """0 to 1, as the network takes it."""
    return picture.astype(np.float32) / np.float32(255)


def region(picture):
    """The part of the output, or of the truth, that is asked about."""
    x, y, width, height = REGION
    return picture[..., y : y + height, x : x + width, :]


def eight_bits(values):
    """What values of 0 to 1 are saved as."""
    return np.rint(np.clip(values, 0, 1) * np.float32(255)).astype(np.uint8)


def psnr(output, truth):
    """Of an output of 0 to 1, as it would be saved, against 8 bits, dB."""
    error = (eight_bits(output).astype(np.float64) - truth) ** 2
    return 20 * np.log10(255 / np.sqrt(max(error.mean(), 1e-12)))


def to_tensor(pictures):
    return torch.tensor(np.asarray(pictures, dtype=np.float32)).permute(0, 3, 1, 2)


def outputs(net, pictures, **more):
    """What the network makes of pictures [N, height, width, channels] of 0 to 1: the same, not clipped."""
    with torch.no_grad():
        return network(net, to_tensor(pictures), NOISE, **more).permute(0, 2, 3, 1).numpy()


def qualities(image, truth, output):
    """PSNR of the output in the region and as a whole, and of the input, enlarged as viewers do."""
    if truth is None:
        return {}
    shown = image
    if SCALE > 1:
        size = (truth.shape[1], truth.shape[0])
        flat = image[..., 0] if image.shape[2] == 1 else image
        shown = np.asarray(Image.fromarray(flat).resize(size, Image.BICUBIC)).reshape(truth.shape)
    return {
        "psnr": psnr(region(output), region(truth)),
        "psnr.image": psnr(output, truth),
        "psnr.input": psnr(region(unit(shown)), region(truth)),
    }


def pictures(image, truth, output):
    fields = {"input": measured(unit(image), "y", "x", "channel"), "output": measured(output, "y", "x", "channel")}
    if truth is not None:
        fields["truth"] = measured(unit(truth), "y", "x", "channel")
    return fields
