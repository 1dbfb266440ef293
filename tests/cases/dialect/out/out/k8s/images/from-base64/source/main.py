def run(context, event):
    return "ciao"
