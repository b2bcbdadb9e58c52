def token_of(tokenizer, text):
    """The first token of a text right behind the prompt."""
    before = tokenizer.encode(PROMPT, add_special_tokens=False).ids
    joint = tokenizer.encode(PROMPT + text, add_special_tokens=False).ids
    if len(joint) > len(before) and joint[: len(before)] == before:
        return joint[len(before)]
    return tokenizer.encode(text, add_special_tokens=False).ids[0]
