def compare(fields, references, path):
    """Sets the numbers beside Whyfinder's and prints the largest differences."""
    for name, value in references.items():
        if name in REFERENCES:
            print(f"reference {name}: {value:.6f} here, {REFERENCES[name]:.6f} by Whyfinder")
    if not path.exists():
        print(f"Whyfinder's own numbers are not here, so nothing more is compared: {path}")
        return
    theirs = np.load(path)
    worst = 0.0
    for name, field in fields.items():
        if isinstance(field, np.ndarray):  #? records
            field = {"values": field, "mask": np.ones(field.shape, bool)}  #? records
        if f"{name}.values" not in theirs:
            continue
        here, there = field["values"], theirs[f"{name}.values"]
        if here.shape != there.shape:
            raise SystemExit(f"{name} has the shape {here.shape} here and {there.shape} by Whyfinder")
        both = field["mask"] & theirs[f"{name}.mask"]
        if "count" in field and f"{name}.count" in theirs:
            counts = theirs[f"{name}.count"]  # 0 where the answer was known without a measurement
            both &= (field["count"] == counts) | (counts == 0)
        alike = here == there  # infinite ones among them
        apart = np.abs(here[both & ~alike].astype(np.float64) - there[both & ~alike])
        sizes = np.abs(there[both & np.isfinite(there)])
        scale = max(float(sizes.max()) if sizes.size else 0.0, 1e-12)
        largest = float(np.nan_to_num(apart, nan=np.inf).max()) if apart.size else 0.0
        worst = max(worst, largest / scale)
        print(
            f"{name}: {both.sum()} values compared, largest difference {largest:.2e}, "
            f"{largest / scale:.2e} of the largest value {scale:.4g}"
        )
    print(f"Largest difference of all: {worst:.2e} of a field's largest value")
