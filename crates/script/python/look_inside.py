def look_inside(model, ids):
    """What goes in and out of the modules of each block in one pass, and the logits.

    `inside[layer]["ln1.in"]` is what enters the first norm of a block, `inside[layer]["ln1.out"]` what leaves it;
    `inside[layer]["attention"]` holds what attention is told beside its input. `inside[None]` is about the whole model.
    """
    inside = {layer: {} for layer in [None, *range(len(blocks(model)))]}
    watched = [(None, name, module) for name, module in whole_modules(model).items()]
    for layer, block in enumerate(blocks(model)):
        watched += [(layer, name, block.get_submodule(path)) for name, path in MODULES.items()]
        watched += [(layer, "block", block)]

    def watch(layer, name, module):
        def hook(_module, arguments, options, output):
            seen = inside[layer]
            entered = arguments[0] if arguments else options.get("hidden_states")
            seen[f"{name}.in"] = entered[0] if torch.is_tensor(entered) else None
            seen[f"{name}.out"] = (output[0] if isinstance(output, tuple) else output)[0]
            if name == "attn":
                seen["attention"] = options

        return module.register_forward_hook(hook, with_kwargs=True)

    handles = [watch(*one) for one in watched]
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0]
    for handle in handles:
        handle.remove()
    return inside, logits
