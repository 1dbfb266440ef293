"""What the functions `hello` and `count` run."""


def hello(project, name):
    """Makes data: the artifact `greeting`."""
    with open("greeting.txt", "w") as file:
        file.write(f"Hello, {name}!\n")
    project.log_artifact(name="greeting", kind="artifact", source="greeting.txt")


def count(greeting):
    """Reads it. What a handler returns is a result, or data where it is more than a number."""
    with open(greeting.as_file()) as file:
        return len(file.read())
