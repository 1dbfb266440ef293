def serve(context, event):
    return "index"
