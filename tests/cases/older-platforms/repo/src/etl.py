def process(threshold=10, di=None):
    return threshold
