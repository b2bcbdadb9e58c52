def restored(kind, layer, layers):
    """The layers whose values a cell restores."""
    if kind == "residual":
        return range(layer, layer + 1)
    return range(max(0, layer - WINDOW // 2), min(layers, layer + (WINDOW + 1) // 2))


def main():
    arguments = parse_arguments()
    tokenizer, model = open_model(arguments.model)
    ids, offsets = prompt(tokenizer)
    check_tokens(ids)  #? tokens
    subject = subject_of(offsets)
    layers = len(blocks(model))

    clean, seen = {}, {}
    places = [(kind, layer) for kind in KINDS for layer in range(layers)]
    clean_logits = run(model, ids, 1, [keep(seen, "embeddings")] + [keep(clean, place) for place in places])
    answer = clean_logits[0].argmax().item() if ANSWER is None else token_of(tokenizer, ANSWER)
    foil = None if FOIL is None else token_of(tokenizer, FOIL)
    print(f"{len(ids)} tokens, {layers} layers; clean run: {most_likely(tokenizer, clean_logits[0], 5)}")

    other, spoilt, stands_for = corruption(tokenizer, ids, subject, seen["embeddings"][0])
    held = {}
    severed = [(kind, layer) for kind in SEVERED for layer in range(layers)]
    corrupted_logits = run(model, other, SAMPLES, spoilt + [keep(held, place) for place in severed])
    references = {
        "clean": metric(clean_logits, answer, foil).mean(),
        "corrupted": metric(corrupted_logits, answer, foil).mean(),
    }

    fields = {}
    for kind in KINDS:
        samples = np.full((len(ids), layers, SAMPLES), np.nan)
        for token, place in enumerate(stands_for):
            for layer in range(layers) if place is not None else ():
                changes = [put((kind, l), place, clean[kind, l][0, token]) for l in restored(kind, layer, layers)]
                changes += [put(at, place, held[at][:, place]) for at in severed]
                samples[token, layer] = metric(run(model, other, SAMPLES, spoilt + changes), answer, foil)
        fields[kind] = sampled(samples, "token", "layer")
        values = fields[kind]["values"] - references["corrupted"]
        token, layer = np.unravel_index(np.nanargmax(np.abs(values)), values.shape)
        text = tokenizer.decode([ids[token]], skip_special_tokens=False)
        value = fields[kind]["values"][token, layer]
        print(f"{kind}: farthest from corrupted at token {token} {text!r}, layer {layer}: {value:.4f}")
    finish(arguments, fields, references)


if __name__ == "__main__":
    main()
