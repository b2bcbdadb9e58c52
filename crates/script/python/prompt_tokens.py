def prompt(tokenizer):
    """The token ids of the prompt; none comes from a text."""
    return TOKENS, None
