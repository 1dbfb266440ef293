def train(epochs=1):
    return epochs


def init(context): ...


def serve(context, event):
    return "ok"
