def subject_of(offsets):
    """The tokens that hold some of the subject's characters, half-open."""
    subject = SUBJECT.strip()
    begin = PROMPT.index(subject)
    end = begin + len(subject)
    held = [i for i, (first, last) in enumerate(offsets) if first < end and begin < last]
    return held[0], held[-1] + 1
