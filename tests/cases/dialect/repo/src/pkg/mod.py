def prepare(context, model=None):
    context.model = model


def run(country="IT", limit=10, table=None, project=None):
    return country
