"""Manifests of both sides -> the objects that change, and what an API server does with each.

Objects are paired by what a cluster knows them by: environment, namespace, kind and name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

from gitopsc.adapters.yaml import read_documents
from gitopsc.model.artifact import KNATIVE_SERVICE, MUTABLE_OF_JOBS
from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import ObjectChange, ObjectVerb
from gitopsc.model.files import environment_of
from gitopsc.model.quantity import amount

_KEPT = "kustomize.toolkit.fluxcd.io/prune"
_KINDS_IGNORED = ("Kustomization",)
_NO_CHANGE = ("gitopsc/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/")

File = tuple[str, str, str]
"""Project, environment, and the path in the tree."""

Key = tuple[str, str, str | None, str, str]
"""Project, environment, namespace, kind and name of an object."""


class Manifests(NamedTuple):
    """Texts of files; and the runs that an object is of, by project, environment, kind and name:
    one, but of a Workflow."""

    texts: Mapping[File, str]
    runs: Mapping[tuple[str, str, str, str], tuple[str, ...]]

    def called(self, names: Mapping[tuple[str, str], str]) -> Manifests:
        """With other names of environments, by project and name."""
        if not names:
            return self
        texts = {
            (file[0], names.get(file[:2], file[1]), file[2]): text
            for file, text in self.texts.items()
        }
        runs = {
            (key[0], names.get(key[:2], key[1]), *key[2:]): own for key, own in self.runs.items()
        }
        return Manifests(texts, runs)

    def without(self, left: Set[tuple[str, str]]) -> Manifests:
        """Without environments, by project and name."""
        if not left:
            return self
        texts = {file: text for file, text in self.texts.items() if file[:2] not in left}
        return Manifests(texts, self.runs)


def manifests_of(compilation: Compilation) -> Manifests:
    texts: dict[File, str] = {}
    for project, files in compilation.outputs:
        for file in files:
            if file.path.startswith("manifests/"):
                environment = environment_of(file.path)
                path = f"{project.prefix}{project.output}/{file.path}"
                texts[project.name, environment, path] = file.content.decode()
    runs: dict[tuple[str, str, str, str], tuple[str, ...]] = {}
    for project, objects in compilation.objects:
        for each in objects:
            if each.run is not None:
                key = (project.name, each.environment, each.kind, each.name)
                runs[key] = (*runs.get(key, ()), each.run)
    return Manifests(texts, runs)


def changed_objects(before: Manifests, after: Manifests) -> tuple[ObjectChange, ...]:
    """Sorted; files that are the same on both sides are not read."""
    same = {file for file, text in before.texts.items() if after.texts.get(file) == text}
    old, new = _objects(before, same), _objects(after, same)
    runs = {**before.runs, **after.runs}
    found = []
    for key in old.keys() | new.keys():
        change = _change(old.get(key), new.get(key))
        if change is not None:
            project, environment, _, kind, name = key
            verb, fields, strategy = change
            for run in runs.get((project, environment, kind, name), (None,)):
                found.append(
                    ObjectChange(project, environment, kind, name, verb, run, fields, strategy)
                )
    return tuple(sorted(found))


def _objects(manifests: Manifests, same: set[File]) -> Mapping[Key, Any]:
    found: dict[Key, Any] = {}
    for file in sorted(manifests.texts.keys() - same):
        documents, _ = read_documents(file[2], manifests.texts[file])
        for data in (each.data for each in documents):
            if isinstance(data, dict) and data.get("kind") not in (None, *_KINDS_IGNORED):
                metadata = data.get("metadata")
                metadata = metadata if isinstance(metadata, dict) else {}
                name, namespace = str(metadata.get("name")), metadata.get("namespace")
                is_knative = str(data.get("apiVersion")).startswith("serving.knative.dev/")
                kind = KNATIVE_SERVICE if is_knative else str(data["kind"])
                found[file[0], file[1], namespace, kind, name] = data
    return found


Change = tuple[ObjectVerb, tuple[str, ...], str | None]


def _change(old: Any, new: Any) -> Change | None:
    """None where nothing is different that a cluster would see."""
    if old is None:
        return "created", (), None
    if new is None:
        annotations = (old.get("metadata") or {}).get("annotations") or {}
        return ("kept" if annotations.get(_KEPT) == "disabled" else "pruned"), (), None
    fields = tuple(_differences(old, new, ()))
    if not fields:
        return None
    kind = new["kind"]
    if kind == "Deployment":
        return _deployment(old, new, fields)
    if kind == "PersistentVolumeClaim" and (refused := tuple(_claim_refusals(old, new))):
        return "refused", refused, None
    if new.get("apiVersion") == "serving.knative.dev/v1":
        is_rolled = any(each.startswith("spec.template") for each in fields)
        return ("rolled" if is_rolled else "patched"), fields, "RollingUpdate"
    if kind == "Job":
        spec = {each.split(".")[1] for each in fields if each.startswith("spec.")}
        if refused := tuple(sorted(f"spec.{each}" for each in spec - {*MUTABLE_OF_JOBS})):
            return "refused", refused, None
    return "patched", fields, None


def _deployment(old: Any, new: Any, fields: tuple[str, ...]) -> Change:
    spec = {each.split(".")[1] for each in fields if each.startswith("spec.")}
    if "selector" in spec:
        return "refused", ("spec.selector",), None
    if "template" in spec:
        return "rolled", fields, (new["spec"].get("strategy") or {}).get("type", "RollingUpdate")
    return ("scaled" if "replicas" in spec else "patched"), fields, None


def _claim_refusals(old: Any, new: Any) -> Iterator[str]:
    """A claim may grow, where its class allows it; nothing else of it changes."""
    was, now = old["spec"], new["spec"]
    for key in ("accessModes", "storageClassName", "volumeMode", "volumeName", "selector"):
        if was.get(key) != now.get(key):
            yield f"spec.{key}"
    sizes = [each.get("resources", {}).get("requests", {}).get("storage") for each in (was, now)]
    try:
        shrinks = amount(str(sizes[1])) < amount(str(sizes[0]))
    except ValueError:
        shrinks = sizes[0] != sizes[1]
    if shrinks:
        yield "spec.resources.requests.storage"


_DEEPEST = 4
"""Parts of a way that are told; what lies below differs by one of them."""


def _differences(old: Any, new: Any, way: tuple[str, ...]) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and len(way) < _DEEPEST:
        for key in sorted({*old, *new}, key=str):
            if old.get(key) != new.get(key) or (key in old) != (key in new):
                yield from _differences(old.get(key), new.get(key), (*way, str(key)))
        return
    yield ".".join(way)
