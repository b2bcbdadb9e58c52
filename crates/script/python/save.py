def save(path, fields, references):
    """Writes the numbers under the names that Whyfinder's result.npz has them under."""
    arrays = {f"reference.{name}": np.float32(value) for name, value in references.items()}
    for name, field in fields.items():
        if isinstance(field, np.ndarray):  #? records
            arrays[name] = field  #? records
            continue  #? records
        for part, values in field.items():
            arrays[f"{name}.{part}"] = values
    np.savez(path, **arrays)
    print(f"Wrote {path}")
