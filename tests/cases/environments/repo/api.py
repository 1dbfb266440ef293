def start(context, tariffs, most):
    context.most = most


def serve(context, event):
    return context.most
