def open_bank():
    """Patches [number, 8, 8, 3], from the sheet that they are tiles of."""
    sheet = np.asarray(Image.open(BANK).convert("RGB"))
    rows, columns = sheet.shape[0] // 8, sheet.shape[1] // 8
    return sheet.reshape(rows, 8, columns, 8, 3).swapaxes(1, 2).reshape(-1, 8, 8, 3)
