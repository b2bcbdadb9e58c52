def most_likely(tokenizer, logits, count):
    """The most likely next tokens, in words."""
    probabilities = torch.softmax(logits.double(), -1)
    best = probabilities.topk(min(count, probabilities.numel()))
    pairs = zip(best.indices.tolist(), best.values.tolist())
    return ", ".join(f"{tokenizer.decode([i], skip_special_tokens=False)!r} {p:.4f}" for i, p in pairs)
