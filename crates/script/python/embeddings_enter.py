def at_embeddings(model, change):
    """Changes the token embeddings, which are what enters the first block."""

    def hook(_module, arguments):
        changed = change(arguments[0])
        return None if changed is None else (changed,) + arguments[1:]

    return blocks(model)[0].register_forward_pre_hook(hook)
