from . import text


def read(path):
    """Lines of a file; what is not a place (`# ...`) is left out."""
    return [text.clean(line) for line in open(path)]
