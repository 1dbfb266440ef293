MODELS = {}


def load(context, model):
    MODELS["newest"] = context.project.get_model(model)


def init(context, model):
    load(context, model)


def predict(context, event): ...
