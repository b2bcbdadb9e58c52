def prompt(tokenizer):
    """The token ids of the prompt, and the characters that each comes from."""
    encoding = tokenizer.encode(PROMPT)
    return encoding.ids, encoding.offsets
