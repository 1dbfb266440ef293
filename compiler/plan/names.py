"""Names of functions and runs -> what their folders, files and objects are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from gitopsc.model.descriptor import SIDECAR_IMAGE
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.names import RUN_NAME_LIMIT, cleaned
from gitopsc.model.plan import Labels
from gitopsc.model.program import Program, Run
from gitopsc.model.source import Span
from gitopsc.plan import sentences

FUNCTION_NAME_LIMIT = 63
"""Longest value of a label."""

_PATH_LIMIT = 200
"""Longest name of a folder, with some room to the 255 bytes of a file system."""

_SERVICE_NAME_LIMIT = 63
_WORD = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_PART = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = rf"(?=[a-z0-9.-]{{1,253}}/){_PART}(?:\.{_PART})*/"
_LABEL = re.compile(rf"(?P<key>(?:{_DOMAIN})?{_WORD})(?:[:=](?P<value>{_WORD})?)?")
"""The grammar of labels: kubernetes.io/docs/concepts/overview/working-with-objects/labels."""

_OF_CONTROLLERS = re.compile(r"(?:^|[.-])(?:(?:argoproj|fluxcd|k8s|kubernetes)\.io|knative\.dev)/")

_RESERVED_IMAGES = {
    "runner": "the runner's own folder",
    "docker-bake": "the bake file",
    SIDECAR_IMAGE: "the image beside containers",
}
_RESERVED_RUNS = {"kustomization": "the list of manifests"}


def name_problems(program: Program) -> Iterator[Diagnostic]:
    """What is called the same as something else, or what a cluster or a disk cannot hold."""
    functions = [(each.unique_name, each.descriptor.name_span) for each in program.functions]
    yield from _of_one_kind("function", functions, FUNCTION_NAME_LIMIT, _RESERVED_IMAGES)
    runs = [(run.name, run.descriptor.name_span) for run in program.runs if not run.local]
    if any(environment.builder is not None for environment in program.project.environments):
        builds = (build for build in program.builds if build.function.image is None)
        runs += [(build.name, build.merged.descriptor.name_span) for build in builds]
    yield from _of_one_kind("run", runs, RUN_NAME_LIMIT, _RESERVED_RUNS)
    yield from _service_problems(run for run in program.runs if not run.local)


def author_labels(words: Iterable[str]) -> Labels:
    """`domain:geo` is a label with a value, and `nightly` one without, as Kubernetes has them. What
    it would refuse is left out, and so is a second value of a key: the words are the platform's,
    which has no rules for them. What controllers act upon is not an author's word."""
    found: dict[str, str] = {}
    for word in words:
        match = _LABEL.fullmatch(word)
        if match is not None and not _OF_CONTROLLERS.search(match["key"]):
            found.setdefault(match["key"], match["value"] or "")
    return tuple(sorted(found.items()))


def _of_one_kind(
    what: str, named: Iterable[tuple[str, Span]], limit: int, reserved: Mapping[str, str]
) -> Iterator[Diagnostic]:
    first: dict[str, tuple[str, Span]] = {}
    for name, span in sorted(named, key=lambda pair: pair[1]):
        short = cleaned(name)
        if not short:
            yield sentences.empty_name(name, span)
        elif len(short) > _PATH_LIMIT:
            yield sentences.long_name(short, _PATH_LIMIT, span)
        elif len(cleaned(name.partition(":")[0])) > limit:
            yield sentences.long_name(short, limit, span)
        elif short in reserved:
            yield sentences.reserved_name(what, short, reserved[short], span)
        elif short in first:
            other, place = first[short]
            yield sentences.one_name(name, short, other, place, span)
        else:
            first[short] = (name, span)


def _service_problems(runs: Iterable[Run]) -> Iterator[Diagnostic]:
    first: dict[str, Run] = {}
    for run in sorted(runs, key=lambda each: cleaned(each.name)):
        if run.action != "serve":
            continue
        name, written = run.service_name, run.spec.service_name
        span = run.descriptor.name_span if written is None else run.span("service_name")
        other = first.setdefault(name, run)
        is_bad = len(name) > _SERVICE_NAME_LIMIT or not name[:1].isalpha()
        if written is not None and is_bad:
            yield sentences.bad_service_name(written, span)
        elif other is not run:
            yield sentences.one_service_name(run, other, name, span)
