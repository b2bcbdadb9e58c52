def load_weights(path):
    """The network's tensors by name."""
    return {name: tensor.float() for name, tensor in load_file(path).items()}
