def finish(arguments, fields, references):
    for name, value in references.items():
        print(f"{name}: {value:.6f}")
    if arguments.out:
        save(arguments.out, fields, references)
    compare(fields, references, arguments.against)  #? against
