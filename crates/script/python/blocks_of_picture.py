def blocks(image, step):
    """Row, column and place of each block of the input; cut at the right and lower edges."""
    height, width = image.shape[:2]
    rows, columns = -(-height // step), -(-width // step)
    rows = min(rows, columns)  #? square_grid
    found = []
    for row in range(rows):
        for column in range(columns):
            down = slice(row * step, min((row + 1) * step, height))
            across = slice(column * step, min((column + 1) * step, width))
            found.append((row, column, (down, across)))
    return found, (rows, columns)


def put(image, place, patch):
    changed = image.copy()
    changed[place] = patch
    return changed


def in_region(place):
    """Whether a block touches the region."""
    x, y, width, height = REGION
    down, across = place
    beside = across.stop * SCALE <= x or x + width <= across.start * SCALE
    return not beside and down.start * SCALE < y + height and y < down.stop * SCALE


def count(values, stderr, places, shape):
    """How many blocks outside the region help and harm."""
    outside = np.array([not in_region(place) for _, _, place in places]).reshape(shape)
    sure = np.abs(values) > 2 * np.nan_to_num(stderr, nan=np.inf)
    for name, chosen in (("positive", values > 0), ("negative", values < 0), ("zero", values == 0)):
        number = int((outside & chosen).sum())
        number += int((~outside).sum()) if name == "positive" else 0  #? region_counted
        beyond = int((outside & chosen & sure).sum())
        print(f"{number} {name} blocks outside the region, {beyond} of them beyond two standard errors")
