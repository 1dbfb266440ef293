"""A run and its function's signatures -> whether what is given is what is taken.

digitalhub.md section 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gitopsc.link import sentences
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.program import INJECTED_ARGUMENTS, Output, Run
from gitopsc.model.source import FunctionFile

_BY_PLACE = re.compile(r"output_[0-9]+")
"""What is returned and has no name of its own (digitalhub.md section 6)."""

_COMPUTED = re.compile(rb"\.(?:log|new)_\w+\(\s*(?!(?:name\s*=\s*)?[\"'])")
"""A call that stores data under a name which is put together."""

_MOST_REPORTED = 20
"""Arguments of one run that are reported, when a handler does not take them."""


def misfits(run: Run, init_key: str) -> Iterator[Diagnostic]:
    """`init_key` is where the init function's parameters are written."""
    function = run.function
    given: dict[str, tuple[str, str]] = {}
    if run.action == "job":
        given = {name: ("parameters", name) for name in run.parameters}
        given |= {name: ("inputs", name) for name in run.spec.inputs or {}}
        yield from _data_as_text(run)
    yield from _call_misfits(run, function.handler, given)
    yield from _output_misfits(run)
    if function.init is not None:
        given = {name: (init_key, name) for name in run.init_parameters}
        yield from _call_misfits(run, function.init, given)
    elif run.init_parameters:
        yield sentences.no_init(function, run.span(init_key))
    if not function.descriptor.may_have_sdk:  # where a platform would be asked
        named = {*(run.spec.secrets or ())}
        for name, place in function.secrets:
            if name not in named:
                yield sentences.unnamed_secret(name, run, place)


def _data_as_text(run: Run) -> Iterator[Diagnostic]:
    """Inputs become data; parameters stay what is written."""
    given = {*run.function.opened} - {*(run.spec.inputs or {})}
    for argument in sorted(given & run.parameters.keys()):
        if isinstance(run.parameters[argument], str):
            yield sentences.data_as_text(argument, run)


def _output_misfits(run: Run) -> Iterator[Diagnostic]:
    """A decorator that names the handler's outputs names all of them."""
    signature = run.function.signatures.get(run.function.handler)
    if signature is None:
        return
    for output in run.outputs:
        if signature.outputs is None:
            if _is_never_made(run, output):
                yield sentences.unmade_output(output, run)
        elif output.name not in signature.outputs:
            yield sentences.no_such_output(output, run, signature)


def _is_never_made(run: Run, output: Output) -> bool:
    """Neither its place among what is returned, nor anything in the source or the parameters, has
    its name."""
    function = run.function
    names = {output.name, output.key.name}
    if _BY_PLACE.fullmatch(output.name) or function.fetch is not None or not function.files:
        return False
    if any(use.name is None or use.name in names for use in function.made):
        return False
    if any(_COMPUTED.search(file.content) for file in function.files):
        return False
    given = repr((run.parameters, run.init_parameters, run.spec.envs))
    return not any(
        name in given or any(_names(file, name) for file in function.files) for name in names
    )


def _names(file: FunctionFile, name: str) -> bool:
    """In Python, a quote is before it in its line, or it is in a text of several lines."""
    content = file.content
    if not file.path.endswith(".py"):
        return name.encode() in content
    word = re.escape(name.encode())
    return re.search(rb"[\"'][^\"'\n]*" + word, content) is not None or any(
        name.encode() in each[0] for each in _LONG_TEXT.finditer(content)
    )


_LONG_TEXT = re.compile(rb"(\"\"\"|''').*?\1", re.DOTALL)


def _call_misfits(
    run: Run, name: str, given: Mapping[str, tuple[str, str]]
) -> Iterator[Diagnostic]:
    """`given` are the arguments of a call of `name`, with the keys where they stand."""
    signature = run.function.signatures.get(name)
    if signature is None:
        return
    known = [argument for argument in signature.arguments if argument not in INJECTED_ARGUMENTS]
    strange = sorted(given.keys() - set(signature.arguments)) if not signature.open else []
    for argument in strange[:_MOST_REPORTED]:
        span = run.merged.key_span(*given[argument])
        yield sentences.no_such_argument(name, argument, known, signature, span)
    for argument in signature.required:
        if argument not in given and argument not in INJECTED_ARGUMENTS:
            yield sentences.argument_missing(name, argument, run, signature)
