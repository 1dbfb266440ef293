"""What is said of what a notebook does not tell: where, in which words, and what to do."""

from __future__ import annotations

import re

from gitopsc.model.credentials import masked
from gitopsc.model.diagnostic import NOT_A_NOTEBOOK, NOT_TRANSCRIBED, Diagnostic
from gitopsc.model.source import Span

_LONGEST = 100
"""Characters of an expression that is shown."""

_TEXT = re.compile(
    r"(?P<comment>#[^\n]*)|(?P<before>(?<=[\w)\]]\[))?[A-Za-z]{0,2}"
    r"(?:\"{3}.*?(?:\"{3}|$)|'{3}.*?(?:'{3}|$)"
    r"|\"(?:\\.|[^\"\\])*(?:\"|$)|'(?:\\.|[^'\\])*(?:'|$))",
    re.DOTALL,
)
_HIDDEN = "'...'"
_PLACES = ("code_src", "handler", "init_function", "path")
"""Keys whose values are paths and names."""

_NAME = re.compile(r"['\"][A-Z][A-Z0-9_]*['\"]")


def shown(text: str, what: str = "") -> str:
    """An expression of the script, in one line, for people. Texts in it may be secrets: only names
    of variables and keys are left. `what` is the name of what it is the value of."""
    if what in _PLACES:
        return _written(text)
    line = " ".join(_TEXT.sub(_hidden, text).split())
    return _short(masked(line, f"{what}: {line}"))


def _written(text: str) -> str:
    """A name, as far as it is written."""
    return _short(masked(" ".join(text.split())))


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def _hidden(found: re.Match[str]) -> str:
    if found["comment"] is not None:
        return ""
    is_name = found["before"] is not None or _NAME.fullmatch(found[0])
    return found[0] if is_name else _HIDDEN


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


def cell_not_text(cell: int, span: Span) -> Diagnostic:
    message = f"cell {cell} holds lone surrogates, which UTF-8 cannot encode, and is left out"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "fix it, and import again")


def other_kind(what: str, kind: str, span: Span) -> Diagnostic:
    message = f"{what} is of kind `{_written(kind)}`, and is left out with its runs"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "gitopsc compiles functions of kind `python`")


def no_name(what: str, text: str, span: Span) -> Diagnostic:
    return unknown_key(what, "its name", text, span)


def unknown_key(what: str, key: str, text: str, span: Span) -> Diagnostic:
    message = f"{what} is left out: {key} is known only at run time, `{_written(text)}`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write its descriptor by hand")


def unknown_function(what: str, text: str, span: Span) -> Diagnostic:
    return unknown_key(what, "its function", text, span)


def not_followed(method: str, span: Span) -> Diagnostic:
    message = f"`{method}` is not followed: what it makes is left out"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write its descriptor by hand")


def handed_on(name: str, span: Span) -> Diagnostic:
    message = f"`{name}` is handed to what is not followed: what it makes there is left out"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write the descriptors by hand")


def never_called(name: str, span: Span) -> Diagnostic:
    message = f"no call of `{name}` is followed: what it would make is left out"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write the descriptors by hand")


def conditional(what: str, condition: str, span: Span) -> Diagnostic:
    message = f"{what} is written though it is made only if `{shown(condition)}`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "delete it if it is not meant")


def too_deep(span: Span) -> Diagnostic:
    message = "this is nested too deep to be followed, and is left out"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write its descriptors by hand")


def too_much(span: Span) -> Diagnostic:
    message = "it does too much to be followed: what comes after this is left out"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write those descriptors by hand")


def unknown_action(what: str, action: str, span: Span) -> Diagnostic:
    message = f"{what} is left out: its action is `{_written(action)}`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write `job`, `serve` or `build`")


def triggered_action(what: str, action: str, span: Span) -> Diagnostic:
    message = f"{what} is left out: it starts `{_written(action)}`, and triggers start jobs"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write `job`")


def unknown_value(what: str, key: str, text: str, span: Span) -> Diagnostic:
    message = f"{what}: `{key}` is known only at run time, `{shown(text, key)}`"
    hint = "write its value where the comment is"
    return Diagnostic(NOT_TRANSCRIBED, message, span, hint, private=_HIDDEN in message)


def ignored_key(what: str, key: str, span: Span) -> Diagnostic:
    message = f"{what}: `{key}` is left out, for no descriptor has it"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "see `gitopsc schema` for what one may say")


def unknown_arguments(what: str, text: str, span: Span) -> Diagnostic:
    message = f"{what}: `{shown(text)}` is known only at run time"
    hint = "write their values where the comment is"
    return Diagnostic(NOT_TRANSCRIBED, message, span, hint, private=_HIDDEN in message)


def in_a_loop(what: str, where: str, span: Span) -> Diagnostic:
    message = f"{what} is left out, for it is in {where}"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write one descriptor for each by hand")


def project_name(text: str, called: str, span: Span) -> Diagnostic:
    message = f"the project's name is known only at run time, `{_written(text)}`; it is {called}"
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
    return Diagnostic(NOT_TRANSCRIBED, message, span, hint, private=True)


def workflow(name: str, span: Span) -> Diagnostic:
    message = f"the workflow `{name}` is left out: runs are ordered by the data that they read"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "write a run for each of its steps")


def scheduled_workflow(name: str, schedule: str, span: Span) -> Diagnostic:
    message = f"the workflow `{name}` is left out, with its schedule `{_written(schedule)}`"
    hint = "write `schedule` in the run of its first step"
    return Diagnostic(NOT_TRANSCRIBED, message, span, hint)


def uploaded(what: str, source: str, span: Span) -> Diagnostic:
    message = f"{what} is uploaded by the notebook, from `{shown(source)}`"
    hint = "put the file where pods can fetch it, and write its URL under `path`"
    return Diagnostic(NOT_TRANSCRIBED, message, span, hint)


def no_source(what: str, path: str, span: Span) -> Diagnostic:
    message = f"{what}: its source `{path}` is in no cell and not beside the notebook"
    return Diagnostic(NOT_TRANSCRIBED, message, span, f"put it at `{path}` in the new repository")


def whole_folder(what: str, span: Span) -> Diagnostic:
    message = f"{what}: its source is the notebook's folder; only files that cells write are copied"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "copy the files that it needs beside them")


def defined_again(what: str, span: Span) -> Diagnostic:
    message = f"{what} is defined again with other values; the last ones are written"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "rename one of them, if both are needed")


def guessed_version(what: str, version: str, span: Span) -> Diagnostic:
    message = f"{what} says no `python_version`; it gets the notebook's, {version}"
    return Diagnostic(NOT_TRANSCRIBED, message, span, "change it if the function needs another")
