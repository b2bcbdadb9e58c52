def side_of(at, length, size, key_size, shift):
    """Window and query of a pixel along one side, the pixels that its keys stand for, and the first key of them."""
    if key_size > size:
        margin = (key_size - size) // 2
        start = at // size * size
        pixels = range(max(start - margin, 0), min(start + size + margin, length))
        return at // size, at - start, pixels, margin + pixels.start - start
    moved = (at - shift) % length
    start, around = moved // size * size, length - shift
    first, end = start, start + size
    if shift and end > around:
        first, end = (start, around) if moved < around else (around, end)
    back = (first + shift) % length
    return moved // size, moved - start, range(back, back + end - first), first - start


def window_attention(net, image, truth, output):
    """Which pixels one pixel attends to, in every layer that attends inside windows."""
    patterns, fields = {}, {}
    outputs(net, unit(image)[None], patterns=patterns)
    pixel = (PIXEL[1] // SCALE, PIXEL[0] // SCALE)
    for name, (weights, size, key_size, shift, lengths) in patterns.items():
        sides = []
        for at, length, there in zip(pixel, lengths, image.shape):
            at = min(at * length // there if length < there else at, length - 1)
            window, query, pixels, first = side_of(at, length, size, key_size, shift)
            sides.append((window, query, range(pixels.start, min(pixels.stop, there)), first))
        (row, down, ys, top), (column, across, xs, left) = sides
        window = weights[row * (lengths[1] // size) + column, :, down * size + across]
        square = window.view(-1, key_size, key_size)[:, top : top + len(ys), left : left + len(xs)]
        fields[f"attention.{name}"] = measured(square.numpy(), "head", "y", "x")
    return fields, {"pixel.y": pixel[0], "pixel.x": pixel[1]}
