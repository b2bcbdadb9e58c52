def subject_of(offsets):
    """The experiment marks no subject."""
    return None
