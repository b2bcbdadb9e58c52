def token_of(tokenizer, text):
    """The first token of a text."""
    return tokenizer.encode(text, add_special_tokens=False).ids[0]
