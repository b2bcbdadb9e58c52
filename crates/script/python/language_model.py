def open_model(path):
    """The tokenizer as its file describes it, and the model in float32 with attention that can be looked into."""
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
    return tokenizer, model.eval()
