def at_output(module, change):
    """Goes on with `change(output)` in place of the module's output; None leaves it as it is."""

    def hook(_module, _arguments, output):
        if isinstance(output, tuple):
            changed = change(output[0])
            return None if changed is None else (changed,) + output[1:]
        return change(output)

    return module.register_forward_hook(hook)


def run(model, ids, rows, changes):
    """Logits at the last position, [rows, vocabulary]. `changes` are pairs of a place and a function of its values."""
    handles = []
    for place, change in changes:
        if place == "embeddings":
            handles.append(at_embeddings(model, change))
        else:
            handles.append(at_output(output_of(model, *place), change))
    try:
        with torch.no_grad():
            return model(torch.tensor([ids] * rows), use_cache=False).logits[:, -1]
    finally:
        for handle in handles:
            handle.remove()


def keep(into, place):
    """Keeps the values of a place, [rows, tokens, width]."""
    return place, lambda values: into.update({place: values.clone()})


def put(place, token, value):
    """Puts a value at one token of a place, in all rows."""

    def change(values):
        values = values.clone()
        values[:, token] = value
        return values

    return place, change
