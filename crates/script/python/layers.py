def conv(w, name, x, stride=1, padding=None, dilation=1):
    """A convolution; without a word on padding, one that keeps the size."""
    weight = w[f"{name}.weight"]
    if padding is None:
        padding = dilation * (weight.shape[-1] // 2)
    return F.conv2d(x, weight, w.get(f"{name}.bias"), stride=stride, padding=padding, dilation=dilation)


def conv_normed(w, name, norm, eps, x, stride=1, padding=None, dilation=1):
    """A convolution with a batch norm behind it."""
    statistics = [w[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return F.batch_norm(conv(w, name, x, stride, padding, dilation), *statistics, eps=eps)


def linear(w, name, x):
    """A matrix over the channels of each pixel."""
    return F.conv2d(x, w[f"{name}.weight"][:, :, None, None], w.get(f"{name}.bias"))


def layer_norm(w, name, x, eps):
    """Over the channels of each pixel."""
    channels = x.permute(0, 2, 3, 1)
    weight = w[f"{name}.weight"]
    return F.layer_norm(channels, weight.shape, weight, w[f"{name}.bias"], eps).permute(0, 3, 1, 2)


def prelu(w, name, x):
    return F.prelu(x, w[f"{name}.weight"].flatten())


def affine(x, scale, shift):
    """`x * scale + shift`, one of each for a channel."""
    return x * torch.tensor(scale).view(-1, 1, 1) + torch.tensor(shift).view(-1, 1, 1)


def level(x, noise):
    """A channel that holds the noise's standard deviation, as large as x."""
    return torch.full_like(x[:, :1], noise)


def upscaled(x, factor):
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def resized_to(x, other):
    return F.interpolate(x, size=other.shape[-2:], mode="bilinear", align_corners=False)


def mean(x):
    """Over the picture."""
    return x.mean((2, 3), keepdim=True)


def contrast(x):
    """Standard deviation plus mean over the picture (Hui et al. 2019, eq. 4)."""
    return x.std((2, 3), keepdim=True, unbiased=False) + mean(x)


def held(pools, name, value):
    """A value pooled over the picture: kept where `pools` does not have it yet, else what it has."""
    return value if pools is None else pools.setdefault(name, value)


def padded(x, multiple, mode):
    """Continued at the bottom and the right until both sides are multiples."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode=mode)


def cropped(x, picture, scale):
    """The top left, `scale` times as large as the picture."""
    return x[:, :, : picture.shape[-2] * scale, : picture.shape[-1] * scale]


def position_bias(table, size, key_size):
    """[heads, queries, keys] from a table with one row for each relative position of a query and a key."""
    query, key = torch.arange(size * size)[:, None], torch.arange(key_size * key_size)[None]
    side = size + key_size - 1
    if key_size == size:
        rows = query // size - key // size + size - 1
        columns = query % size - key % size + size - 1
    else:  # counted the other way round, as the published code does
        rows = key // key_size - query // size + size - key_size + 1
        columns = key % key_size - query % size + size - key_size + 1
    return table[(rows * side + columns) % (side * side)].permute(2, 0, 1)


def apart(height, width, size, shift):
    """-100 for pixels that only the shift has brought into one window, [windows, 1, queries, keys]."""
    parts = torch.zeros(height, width)
    cuts = (slice(0, -size), slice(-size, -shift), slice(-shift, None))
    for number, (rows, columns) in enumerate((r, c) for r in cuts for c in cuts):
        parts[rows, columns] = number
    parts = parts.view(height // size, size, width // size, size).permute(0, 2, 1, 3).reshape(-1, size * size)
    return (parts[:, :, None] != parts[:, None]).float()[:, None] * -100.0


def windows(x, heads, size, shift):
    """[N, C, H, W] cut into windows, [N windows, heads, pixels, C / heads]."""
    x = torch.roll(x, (-shift, -shift), (2, 3))
    n, c, h, w = x.shape
    x = x.reshape(n, heads, c // heads, h // size, size, w // size, size)
    return x.permute(0, 3, 5, 1, 4, 6, 2).reshape(-1, heads, size * size, c // heads)


def wide_windows(x, heads, size, key_size):
    """As `windows`, but each reaches over its neighbours; zeros stand outside the picture."""
    n, c = x.shape[:2]
    x = F.unfold(x, key_size, stride=size, padding=(key_size - size) // 2)
    x = x.view(n, heads, c // heads, key_size * key_size, -1)
    return x.permute(0, 4, 1, 3, 2).flatten(0, 1)


def pattern(w, table, qkv, heads, size, key_size, shift):
    """Attention inside windows, [N windows, heads, queries, keys]."""
    queries, keys, _ = qkv.chunk(3, 1)
    q = windows(queries, heads, size, shift)
    k = windows(keys, heads, size, shift) if key_size == size else wide_windows(keys, heads, size, key_size)
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5 + position_bias(w[table], size, key_size)
    if shift:
        scores = scores + apart(*qkv.shape[-2:], size, shift).repeat(len(qkv), 1, 1, 1)
    return scores.softmax(-1)


def mix(weights, qkv, heads, size, key_size, shift):
    """The values of the windows, weighed and put back, [N, C, H, W]."""
    values = qkv.chunk(3, 1)[2]
    v = windows(values, heads, size, shift) if key_size == size else wide_windows(values, heads, size, key_size)
    n, c, h, w = values.shape
    x = (weights @ v).view(n, h // size, w // size, heads, size, size, c // heads)
    x = x.permute(0, 3, 6, 1, 4, 2, 5).reshape(n, c, h, w)
    return torch.roll(x, (shift, shift), (2, 3))


def seen(patterns, name, weights, *form):
    """Keeps the attention of a layer, and how its windows lie, where it is asked for."""
    if patterns is not None:
        patterns[name] = (weights, *form)
    return weights
