def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL, help="where the weights are")
    parser.add_argument("--out", type=Path, help="an .npz file for the numbers")
    parser.add_argument("--against", type=Path, default=WHYFINDER, help="an .npz file with Whyfinder's numbers")  #? against
    return parser.parse_args()
