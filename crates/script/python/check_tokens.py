def check_tokens(ids):
    if ids != TOKEN_IDS:
        raise SystemExit(f"Whyfinder split the prompt into other tokens: {TOKEN_IDS}, here {ids}")
