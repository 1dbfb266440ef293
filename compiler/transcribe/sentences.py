"""What is said of what a notebook does not tell: where, in which words, and what to do."""

from __future__ import annotations

from gitopsc.model.diagnostic import NOT_A_NOTEBOOK, NOT_TRANSCRIBED, Diagnostic
from gitopsc.model.source import Span


def not_text(path: str) -> Diagnostic:
    return _not_a_notebook(path, "it is not text in UTF-8")


def not_a_notebook(path: str, reason: str) -> Diagnostic:
    return _not_a_notebook(path, reason)


def other_language(path: str, language: str) -> Diagnostic:
    return _not_a_notebook(path, f"its language is {language}")


def _not_a_notebook(path: str, reason: str) -> Diagnostic:
    message = f"this is not a notebook in Python: {reason}"
    return Diagnostic(NOT_A_NOTEBOOK, message, Span(path), "name a `.ipynb` or a `.py` file")


def nothing_of_the_platform(path: str) -> Diagnostic:
    message = "nothing in it makes a Python function of the platform"
    hint = "what is read are calls such as `project.new_function(kind='python', ...)`"
    return Diagnostic(NOT_A_NOTEBOOK, message, Span(path), hint)


def written_outside(path: str, span: Span) -> Diagnostic:
    message = f"the file `{path}` lies outside the notebook's folder, and is left out"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "put it into the new repository by hand")


def not_python(cell: int, fault: str, span: Span) -> Diagnostic:
    message = f"cell {cell} is not valid Python, and is left out: {fault}"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "fix it, and import again")


def other_kind(what: str, kind: str, span: Span) -> Diagnostic:
    message = f"{what} is of kind `{kind}`, and is left out with its runs"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "gitopsc compiles functions of kind `python`")


def no_name(what: str, text: str, span: Span) -> Diagnostic:
    message = f"{what} is left out: only running it tells its name, `{text}`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write its descriptor by hand")


def unknown_action(name: str, action: str, span: Span) -> Diagnostic:
    message = f"a run of `{name}` is left out: its action is `{action}`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write `job`, `serve` or `build`")


def unknown_value(what: str, key: str, text: str, span: Span) -> Diagnostic:
    message = f"{what}: only running it tells `{key}`, which is `{text}`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write its value where the comment is")


def ignored_key(what: str, key: str, span: Span) -> Diagnostic:
    message = f"{what}: `{key}` is left out, for no descriptor has it"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "see `gitopsc schema` for what one may say")


def in_a_loop(what: str, span: Span) -> Diagnostic:
    message = f"{what} is left out, for it is in a loop"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write one descriptor for each by hand")


def project_name(text: str, name: str, span: Span) -> Diagnostic:
    message = f"only running it tells the project's name, `{text}`; it is called `{name}`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "change `project` in gitopsc.yaml")


def renamed_project(written: str, name: str, span: Span) -> Diagnostic:
    message = f"newer platforms allow no project `{written}`; it is called `{name}`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "change `project` in gitopsc.yaml")


def second_project(name: str, span: Span) -> Diagnostic:
    message = f"a second project, `{name}`, is taken for the first"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "import it into a repository of its own")


def secret(name: str, span: Span) -> Diagnostic:
    message = f"the secret `{name}` is left out: values of secrets are in no repository"
    hint = "put it into the Secret that `gitopsc.yaml` names, or `proj-secrets-<project>`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, hint)


def workflow(name: str, span: Span) -> Diagnostic:
    message = f"the workflow `{name}` is left out: runs are ordered by the data that they read"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write a run for each of its steps")


def uploaded(what: str, source: str, span: Span) -> Diagnostic:
    message = f"{what} is uploaded by the notebook, from `{source}`"
    hint = "put the file where pods can fetch it, and write its URL under `path`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, hint)


def no_source(what: str, path: str, span: Span) -> Diagnostic:
    message = f"{what}: its source `{path}` is in no cell and not beside the notebook"
    return Diagnostic(NOT_TRANSCRIBED, message, span, f"put it at `{path}` in the new repository")


def defined_again(what: str, span: Span) -> Diagnostic:
    message = f"{what} is defined again with other values; the last ones are written"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "rename one of them, if both are needed")


def guessed_version(what: str, version: str, span: Span) -> Diagnostic:
    message = f"{what} says no `python_version`; it gets the notebook's, {version}"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "change it if the function needs another")
