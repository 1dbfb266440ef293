def init(context, greeting="hello"):
    context.greeting = greeting


def serve(context, event):
    return context.greeting
