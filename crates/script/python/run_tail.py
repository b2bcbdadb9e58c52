def main():
    arguments = parse_arguments()
    tokenizer, model = open_model(arguments.model)
    ids, _ = prompt(tokenizer)
    check_tokens(ids)  #? tokens
    inside, logits = look_inside(model, ids)
    print(f"{len(ids)} tokens, {len(blocks(model))} layers; next: {most_likely(tokenizer, logits[-1], 5)}")

    found = sites_of_model(model, inside, logits)
    for layer, block in enumerate(blocks(model)):
        found.update(sites_of_block(layer, block, inside[layer]))
    fields = {}
    for name, (values, *axes) in found.items():
        fields[name] = measured(values.detach().numpy(), *axes)
        print(f"{name}: {list(values.shape)}")
    best = torch.softmax(logits.double(), -1).topk(min(TOP, logits.shape[-1]))  #? top
    fields["top"] = measured(best.indices.numpy(), "token", "rank")  #? top
    fields["top.probability"] = measured(best.values.numpy(), "token", "rank")  #? top
    for layer, block in enumerate(blocks(model)):  #? records
        fields.update(attention_record(layer, block, inside[layer]))  #? records
    finish(arguments, fields, {})


if __name__ == "__main__":
    main()
