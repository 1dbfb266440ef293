"""Documents -> descriptors: which documents are some, and whether their shape is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from gitopsc.model.descriptor import (
    COMPILED_KINDS,
    DATA_TYPES,
    OTHER_RUNTIMES,
    RUN_KINDS,
    TASK_KINDS,
    TRIGGER_KINDS,
    Descriptor,
)
from gitopsc.model.diagnostic import Diagnostic, has_errors
from gitopsc.model.document import Document
from gitopsc.validate import sentences
from gitopsc.validate.shape import odd_numbers, shape_problems

_MEANT_KINDS = {
    "function": "python",
    "job": "python+job:run",
    "run": "python+job:run",
    "serve": "python+serve:run",
    "service": "python+serve:run",
}


def descriptor_parts(document: Document) -> Iterator[Document]:
    """The document, and what is in it: a project's file may hold whole functions, runs and data
    entities (digitalhub.md 4.1)."""
    if not _is_descriptor(document.data):
        return
    yield document
    data = document.data
    if data["kind"] != "project" or not isinstance(data.get("spec"), dict):
        return
    for key, entries in data["spec"].items():
        if isinstance(entries, list):
            for entry in document.part("spec", key).items():
                is_whole = isinstance(entry.data, dict) and "spec" in entry.data
                if is_whole and _is_descriptor(entry.data):
                    yield entry


def almost_descriptors(document: Document) -> Iterator[Diagnostic]:
    """Files that are not descriptors are left alone; but one that lacks a key only is lost."""
    data = document.data
    if not isinstance(data, dict) or _is_descriptor(data):
        return
    kind, spec = data.get("kind"), data.get("spec")
    if "apiVersion" in data:
        if isinstance(kind, str) and kind in TASK_KINDS | RUN_KINDS:
            yield sentences.of_kubernetes(kind, document.key_span("apiVersion"))
        return
    if isinstance(kind, str) and kind.startswith("python"):
        yield sentences.no_spec(kind, document.span("kind"))
        return
    looks_like_ours = isinstance(spec, dict) and (
        "function" in spec or (isinstance(spec.get("source"), dict) and "handler" in spec["source"])
    )
    if not isinstance(kind, str) and looks_like_ours:
        yield sentences.no_kind(document.key_span("spec"))


def read_descriptor(document: Document) -> tuple[Descriptor, list[Diagnostic]]:
    data = document.data
    kind: str = data["kind"]
    spec = _meant(data, "spec") if isinstance(_meant(data, "spec"), dict) else {}
    if kind == "project" and (place := _mlrun_function(spec)) is not None:
        problem = sentences.of_mlrun(document.span("spec", "functions", place))
        return Descriptor(kind, "", None, document, {}, valid=False), [problem]
    problems = shape_problems(document, kind.replace(":", "."))
    problems += odd_numbers(document, ("spec",))
    problems += _reserved_labels(document)
    names = (_meant(data, "name"), data.get("id"))
    name, identifier = (each if isinstance(each, str) else None for each in names)
    if names == (None, None) and kind in RUN_KINDS:
        problems.append(sentences.no_name(document.span("kind")))
    valid = not has_errors(problems)
    found = Descriptor(kind, name or identifier or "", identifier, document, spec, valid)
    return found, problems


def misspelt(document: Document) -> Descriptor | None:
    """What a document of an unknown kind was meant to be: its name is not unknown then."""
    meant = _meant_kind(document.data)
    if meant is None:
        return None
    document = replace(document, data={**document.data, "kind": meant})
    descriptor, _ = read_descriptor(document)
    return replace(descriptor, valid=False)


def _meant(data: Mapping[str, Any], key: str) -> Any:
    """The value of a key, or of one that is nearly called so: what depends on it is not to be told
    of as well."""
    if key in data:
        return data[key]
    known = [each for each in data if isinstance(each, str)]
    close = get_close_matches(key, known, n=1, cutoff=_SLIP)
    return data[close[0]] if close else None


_SLIP = 0.7
"""How alike two keys are of which one is the other, misspelt."""


def _reserved_labels(document: Document) -> Iterator[Diagnostic]:
    """What Services and policies select pods by is not an author's to say."""
    metadata = document.data.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    for place, label in enumerate(labels) if isinstance(labels, list) else ():
        if isinstance(label, str) and label.startswith(_OWN_LABELS):
            yield sentences.reserved_label(label, document.span("metadata", "labels", place))


_OWN_LABELS = "gitopsc/"


def foreign_kind(kind: str, documents: Sequence[Document]) -> Diagnostic:
    """One for all documents of a kind that are of others, or that are all misspelt, at the first of
    them."""
    places = sorted(document.span("kind") for document in documents)
    if re.split(r"[+:]", kind)[0] in OTHER_RUNTIMES:
        return sentences.other_runtime(kind, places)
    if kind.startswith("container+build"):
        return sentences.container_build(kind, places)
    if (meant := _meant_kind(documents[0].data)) is not None:
        return sentences.unknown_kind(kind, meant, places)
    close = get_close_matches(kind, sorted(COMPILED_KINDS), n=1, cutoff=_NEAR_KIND)
    return sentences.foreign_kind(
        kind, close[0] if close else _MEANT_KINDS.get(kind.lower()), places
    )


def _meant_kind(data: Mapping[str, Any]) -> str | None:
    """The kind of a Python function, task or run that one is misspelt, or of a trigger."""
    kind, spec = str(data["kind"]).lower(), data.get("spec")
    if re.split(r"[+:]", kind)[0] in {*OTHER_RUNTIMES, *_OTHER_WORDS}:
        return None
    close = get_close_matches(kind, sorted(COMPILED_KINDS), n=1, cutoff=_NEAR_KIND)
    starts = isinstance(spec, dict) and bool({"function", "task"} & spec.keys())
    is_ours = close and (close[0].startswith("python") or (close[0] in TRIGGER_KINDS and starts))
    return close[0] if is_ours else None


_NEAR_KIND = 0.8
_OTHER_WORDS = ("cython", "ipython", "jython", "pythonic")
"""That are near `python`, and are no slips."""


def _is_descriptor(data: Any) -> bool:
    """design.md section 1."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("kind"), str)
        and "apiVersion" not in data
        and ("spec" in data or "metadata" in data or _is_bare_data(data) or _is_slip(data))
    )


def _is_slip(data: Mapping[str, Any]) -> bool:
    """`spec` is misspelt, of a Python function, task or run, or of data that has no other keys."""
    kind = data["kind"]
    if not isinstance(_meant(data, "spec"), dict):
        return False
    if kind in DATA_TYPES:
        return "name" in data and len(data.keys() - _KEYS_OF_DATA) == 1
    is_ours = kind.startswith("python") and kind in COMPILED_KINDS
    return is_ours or ("name" in data and _meant_kind(data) is not None)


def _is_bare_data(data: Mapping[str, Any]) -> bool:
    """Data may be declared by its name alone; with other keys it is of somebody else."""
    return data["kind"] in DATA_TYPES and "name" in data and data.keys() <= _KEYS_OF_DATA


_KEYS_OF_DATA = {"id", "key", "kind", "name", "project", "user"}


def _mlrun_function(spec: Mapping[str, Any]) -> int | None:
    """The first function that only MLRun writes so (digitalhub.md section 9.2)."""
    functions = spec.get("functions")
    for index, entry in enumerate(functions if isinstance(functions, list) else ()):
        if isinstance(entry, dict) and "spec" not in entry and {"url", "handler"} & entry.keys():
            return index
    return None
