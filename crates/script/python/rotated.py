def rotated(x, cos, sin):
    """The first dimensions of each head, as many as there are angles, rotated in pairs half of them apart."""
    width = cos.shape[-1]
    turning, rest = x[..., :width], x[..., width:]
    first, second = turning.chunk(2, -1)
    turned = turning * cos[:, None] + torch.cat([-second, first], -1) * sin[:, None]
    return torch.cat([turned, rest], -1)


def angles(seen):
    """Cosines and sines, [tokens, rotated dimensions] each."""
    return [table[0] for table in seen["attention"]["position_embeddings"]]
