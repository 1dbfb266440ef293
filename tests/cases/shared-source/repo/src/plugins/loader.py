import importlib


def run(name):
    return importlib.import_module(f"plugins.{name}").run()
