def mirrored(picture, kernel):
    """Correlation; beyond its edges the picture is mirrored at its outermost pixels."""
    rows, columns = kernel.shape
    before = (rows // 2, columns // 2)
    around = [(before[0], rows - 1 - before[0]), (before[1], columns - 1 - before[1])]
    wide = np.pad(picture, around, mode="reflect")
    total = np.zeros_like(picture)
    for down, across in np.argwhere(kernel):
        part = wide[down : down + picture.shape[0], across : across + picture.shape[1]]
        total += kernel[down, across] * part
    return total


def turned_diagonal(side, degrees):
    """A diagonal of ones turned about its middle, in the fixed steps of OpenCV's warpAffine."""
    centre = (side - 1) / 2
    sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    shift_x, shift_y = (1 - cos) * centre + sin * centre, (1 - cos) * centre - sin * centre
    y, x = np.mgrid[:side, :side].astype(float)

    def fixed(value):
        return np.rint(1024 * value).astype(int)

    def one(row, column):
        return ((row == column) & (row >= 0) & (row < side)).astype(float)

    from_x = (fixed(-sin * y + shift_x) + 16 + fixed(cos * x)) >> 5
    from_y = (fixed(cos * y + shift_y) + 16 + fixed(sin * x)) >> 5
    left, top = from_x >> 5, from_y >> 5
    right, down = (from_x & 31) / 32, (from_y & 31) / 32
    upper = one(top, left) * (1 - right) + one(top, left + 1) * right
    lower = one(top + 1, left) * (1 - right) + one(top + 1, left + 1) * right
    return upper * (1 - down) + lower * down


def falling_rain(height, width, channels):
    """What each pixel gains by medium rain, with the draws of the published program and in its order."""
    random = np.random.RandomState(SEED)
    weight, amount = random.uniform(0.6, 1.0), random.uniform(0.005, 0.007)
    chance = random.uniform()
    length, angle = 35 + random.randint(11), random.randint(61) - 30.0
    lit = random.uniform(0, 256, (height, width))
    lit[lit < 256 - 256 * amount] = 0
    spread = mirrored(lit, np.array([[0, 0.1, 0], [0.1, 8, 0.1], [0, 0.1, 0]]))
    if chance < 0.25:
        across = [0.25, 0.5, 0.25]
    elif chance < 0.75:
        across = [0.0625, 0.25, 0.375, 0.25, 0.0625]
    else:
        across = [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125]
    line = turned_diagonal(length, angle - 45)
    line = mirrored(mirrored(line, np.array([across])), np.array([across]).T)
    streaks = mirrored(spread, line)
    least, most = streaks.min(), streaks.max()
    stretched = np.floor(255 * (streaks - least) / (most - least)) if most > least else 0 * streaks
    return np.repeat(np.rint(weight * stretched)[..., None].astype(int), channels, axis=2)
