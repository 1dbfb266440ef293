"""What the function `hello` runs."""


def hello(name):
    print(f"Hello, {name}!")
