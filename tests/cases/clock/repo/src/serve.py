def init(context, model):
    context.model = context.project.get_model(model)


def predict(context, event): ...
