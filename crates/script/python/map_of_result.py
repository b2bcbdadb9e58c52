def map_of_result(path):
    """A map that an earlier run made."""
    arrays = np.load(path)
    names = [name for name in ("effect", "attribution") if f"{name}.values" in arrays]
    return lambda net, image, truth, output: {name: {"values": arrays[f"{name}.values"]} for name in names}
