def subject_of(offsets):
    """The tokens of the subject, half-open."""
    return SUBJECT_TOKENS
