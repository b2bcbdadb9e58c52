def doubled(net):
    """The weights in double precision: where the output is almost flat, the last bits decide which way it leans."""
    return {name: tensor.double() for name, tensor in net.items()}


def number_of(detector, net, picture, truth):
    """What a detector reads of a picture's output."""
    with torch.no_grad():
        return detector(network(net, to_tensor(picture[None]).double(), NOISE), truth).item()


def gradient_of(detector, net, picture, truth):
    """What a detector reads of a picture's output, and how fast that changes with each value of the picture."""
    x = to_tensor(picture[None]).double().requires_grad_()
    number = detector(network(net, x, NOISE), truth)
    number.backward()
    return number.item(), x.grad[0].permute(1, 2, 0).numpy()
