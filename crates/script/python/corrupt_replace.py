def corruption(tokenizer, ids, subject, embeddings):
    """The corrupted prompt, what is changed in it, and which of its tokens stands for each of the prompt's.

    Prompts of one length are aligned token by token. Otherwise what lies before and behind the subject is the same in
    both, and the subjects are aligned at their last tokens; None stands for the tokens that are left over.
    """
    other = tokenizer.encode(REPLACEMENT).ids
    if len(other) == len(ids):
        return other, [], list(range(len(ids)))
    first, end = subject
    moved = len(other) - len(ids)
    places = [t if t < first else t + moved for t in range(len(ids))]
    return other, [], [p if t < first or p >= first else None for t, p in enumerate(places)]
