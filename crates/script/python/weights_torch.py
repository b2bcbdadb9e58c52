def load_weights(path):
    """The network's tensors by name."""
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    if WRAPPER is not None:
        tensors = tensors[WRAPPER]
    for prefix in ("module.", "netG."):
        if all(name.startswith(prefix) for name in tensors):
            tensors = {name[len(prefix) :]: tensor for name, tensor in tensors.items()}
    return {name: tensor.float() for name, tensor in tensors.items()}
