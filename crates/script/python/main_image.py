def main():
    arguments = parse_arguments()
    net = load_weights(arguments.model)
    truth = None  #? no_truth
    truth = read(TRUTH)  #? truth
    image = degraded(truth)
    output = outputs(net, unit(image)[None])[0]
    fields, references = instrument(net, image, truth, output)
    fields.update(pictures(image, truth, output))
    finish(arguments, fields, {**qualities(image, truth, output), **references})


if __name__ == "__main__":
    main()
