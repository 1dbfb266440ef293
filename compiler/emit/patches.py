"""Manifests and the settings' patches -> the objects as they are patched.

A strategic merge is that of Kubernetes: lists whose items have a key are merged by it, other lists
are replaced, null deletes, and `$patch` says `delete` or `replace` of a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from gitopsc.adapters.template import Text, yaml_document
from gitopsc.emit import sentences
from gitopsc.emit.fields import REPLACED, field_of, misfits, type_of
from gitopsc.emit.pods import data_of
from gitopsc.emit.restricted import loosenings
from gitopsc.model.artifact import MUTABLE_OF_JOBS, ClusterObject
from gitopsc.model.descriptor import Environment
from gitopsc.model.diagnostic import (
    FOREIGN_IMAGE,
    MISSING_LABEL,
    NO_DIGEST,
    NOT_ASKED,
    OTHER_PULL_POLICY,
    Code,
    Diagnostic,
)
from gitopsc.model.document import Pointer
from gitopsc.model.patch import Misfit, Patch
from gitopsc.model.plan import Plan
from gitopsc.model.policy import Policies

_BETWEEN = "\n---\n"

_TEMPLATES: Sequence[Pointer] = (
    ("spec", "template"),
    ("spec", "jobTemplate", "spec", "template"),
)
"""Where objects have what their pods are made from."""

_IDENTITY: Sequence[Pointer] = (
    ("apiVersion",),
    ("kind",),
    ("metadata", "name"),
    ("metadata", "namespace"),
    *(("metadata", "labels", f"gitopsc/{name}") for name in ("project", "run")),
    ("spec", "completions"),
    ("spec", "podSelector"),
    ("spec", "selector"),
    ("spec", "scaleTargetRef"),
    *(
        (*template, "metadata", *rest)
        for template in _TEMPLATES
        for rest in (
            ("labels", "gitopsc/project"),
            ("labels", "gitopsc/run"),
            ("labels", "gitopsc/service"),
            ("annotations", "gitopsc/run.json"),
        )
    ),
    *((*template, "spec", "restartPolicy") for template in _TEMPLATES),
)
"""What objects, pods and controllers know each other by, and what exit codes depend on."""


_OURS = ("data", "function")
"""The two containers of a job with data: the runner, and the one of the author's image."""


class Patched(NamedTuple):
    """An object before and after its patches; `header` are the comments that its text begins with.
    Both are the same where no patch is for it."""

    header: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.after["kind"])

    @property
    def name(self) -> str:
        return str(self.after["metadata"]["name"])

    @property
    def text(self) -> Text:
        return Text(f"{self.header}{yaml_document(self.after)}")

    @property
    def pod(self) -> Text | None:
        """What its pods are made from, if patches have changed that."""
        for way in _TEMPLATES:
            if _at(self.before, way) != _at(self.after, way):
                return yaml_document(_at(self.after, way))
        return None

    @property
    def fixed(self) -> Mapping[str, Any]:
        """What of a Job patches have changed, and nobody can change on a live one."""
        was, is_now = self.before["spec"], self.after["spec"]
        return {
            key: is_now.get(key)
            for key in sorted({*was, *is_now} - {*MUTABLE_OF_JOBS, "template"})
            if was.get(key) != is_now.get(key)
        }

    def renamed(self, name: str) -> Patched:
        metadata = {**self.after["metadata"], "name": name}
        return self._replace(after={**self.after, "metadata": metadata})


def patched(
    text: str, environment: Environment, run: str
) -> tuple[tuple[str | Patched, ...], tuple[Diagnostic, ...]]:
    """The objects of a run's manifest, each as its text, or as data where a patch is for it."""
    found: list[str | Patched] = []
    problems: list[Diagnostic] = []
    for part in text.split(_BETWEEN):
        data = data_of(part)
        own = [each for each in environment.patches if each.is_for(data["kind"], run)]
        if not own:
            found.append(part)
            continue
        after: Mapping[str, Any] = data
        for patch in own:
            before = after
            after, wrong = _applied(patch, before, run, environment.kubernetes)
            wrong = wrong or [*_policy_problems(patch, before, after, environment.policies)]
            problems += wrong or _loosening(patch, before, after)
        lines = part.split("\n")
        header = "".join(f"{line}\n" for line in lines if line.startswith("# Compiled from"))
        found.append(Patched(f"{header}# Patched by the settings.\n", data, after))
    return tuple(found), tuple(problems)


def joined(texts: Iterable[str]) -> Text:
    return Text(_BETWEEN.join(text.removesuffix("\n") for text in texts) + "\n")


def unmatched_patches(plan: Plan, objects: Iterable[ClusterObject]) -> Iterator[Diagnostic]:
    """A patch of all environments that matches in none, or one of an environment that does not."""
    if plan.is_part:
        return
    objects = tuple(objects)
    patches = {
        each.way: (each, environment.environment.name)
        for environment in plan.environments
        for each in environment.environment.patches
    }
    for patch, environment in patches.values():
        there = [each for each in objects if not patch.is_own or each.environment == environment]
        if not any(patch.is_for(each.kind, each.run) for each in there):
            of_kind = (each.run for each in there if each.kind == patch.kind)
            kinds = {each.kind for each in there if each.run is not None}
            yield sentences.unmatched(patch, kinds, (run for run in of_kind if run is not None))


def _applied(
    patch: Patch, data: Mapping[str, Any], run: str, version: str
) -> tuple[Mapping[str, Any], list[Diagnostic]]:
    if patch.merge is not None:
        after, problems = _with_merge(patch, patch.merge, data, version)
    else:
        after, problems = _with_operations(patch, data, run, version)
    problems = problems or [*_identity_problems(patch, data, after), *_unmounted(patch, after)]
    return (data if problems else after), problems


def _with_merge(
    patch: Patch, merge: Mapping[str, Any], data: Mapping[str, Any], version: str
) -> tuple[Mapping[str, Any], list[Diagnostic]]:
    if "$patch" in merge:
        return data, [sentences.of_whole(patch)]
    known = type_of(patch.kind)
    wrong = list(_unknown_directives(merge, (), () if known is None else _DIRECTIVES))
    if known:
        wrong += misfits(known, merge, version, is_patch=True)
    if wrong:
        return data, [sentences.misfit(patch, each, version, each.pointer) for each in wrong]
    try:
        data = _merged(known, data, merge)
    except _Ambiguous as error:
        return data, [sentences.ambiguous(patch, *error.args)]
    wrong = list(misfits(known, data, version, is_patch=False)) if known else []
    return data, [
        sentences.misfit(patch, each, version, tuple(takewhile(_is_key, each.pointer)))
        for each in wrong
    ]


_DIRECTIVES = ("delete", "merge", REPLACED)


class _Ambiguous(Exception):
    """Of two items of a list that have one key, a merge keeps one: its list, and the key."""


def _unknown_directives(merge: Any, way: Pointer, known: Collection[str]) -> Iterator[Misfit]:
    """Wherever they stand; a custom resource is merged without any."""
    if isinstance(merge, dict):
        if "$patch" in merge and merge["$patch"] not in known:
            yield Misfit((*way, "$patch"), "directive", "", known=tuple(known))
        for key, each in merge.items():
            yield from _unknown_directives(each, (*way, key), known)
    elif isinstance(merge, list):
        for index, each in enumerate(merge):
            yield from _unknown_directives(each, (*way, index), known)


def _is_key(step: str | int) -> bool:
    """An item of a list that was merged may stand elsewhere in the patch."""
    return isinstance(step, str)


def _with_operations(
    patch: Patch, data: Mapping[str, Any], run: str, version: str
) -> tuple[Mapping[str, Any], list[Diagnostic]]:
    from gitopsc.adapters.json_patch import NotApplicable, applied  # few settings have them

    known = type_of(patch.kind)
    after: Any = data
    for index, operation in enumerate(patch.operations):
        try:
            after = applied(operation, after)
        except NotApplicable as error:
            return data, [sentences.not_applicable(patch, index, str(error), run)]
        is_whole = isinstance(after, dict)
        wrong = [] if is_whole else [Misfit((), "type", "mapping")]
        if known and is_whole:
            wrong = list(misfits(known, after, version, is_patch=False))
        if wrong:
            return data, [sentences.misfit(patch, each, version, (), index) for each in wrong]
    return after, []


def _merged(known: str | None, data: Mapping[str, Any], merge: Mapping[str, Any]) -> dict[str, Any]:
    """New keys come last, sorted, so that their order in the settings changes nothing."""
    if merge.get("$patch") == REPLACED:
        data = {}
    found = dict(data)
    for key in sorted(merge.keys() - {"$patch"}):
        own, new = found.get(key), merge[key]
        field = field_of(known, key) if known else None
        inner = field.type if field is not None and field.home is None else None
        if new is None or (isinstance(new, dict) and new.get("$patch") == "delete"):
            found.pop(key, None)
        elif isinstance(new, dict):
            found[key] = _merged(inner, own if isinstance(own, dict) else {}, new)
        elif isinstance(new, list) and field is not None and field.by is not None:
            found[key] = _merged_items(key, field.type, field.by, own or [], new)
        else:
            found[key] = new
    return found


def _merged_items(
    key: str, item: str, by: str, own: Sequence[Any], new: Sequence[Any]
) -> list[Any]:
    """Known by their key, or by themselves."""
    if not by:
        return list(dict.fromkeys((*own, *new)))
    if {"$patch": REPLACED} in new:
        own, new = (), [each for each in new if each != {"$patch": REPLACED}]
    # Kubernetes does not require every key: what has none is known by nothing, and stays.
    found = {each.get(by, f"\0{index}"): each for index, each in enumerate(own)}
    named = [each[by] for each in new if by in each]
    if len(found) < len(own) or len({*named}) < len(named):
        raise _Ambiguous(key, by)
    for each in new:
        if each.get("$patch") == "delete":
            found.pop(each[by], None)
        else:
            found[each[by]] = _merged(item, found.get(each[by], {}), each)
    return list(found.values())


def _identity_problems(
    patch: Patch, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    for pointer in _IDENTITY:
        if _at(before, pointer) != _at(after, pointer):
            yield sentences.of_identity(patch, pointer)
    for way in _TEMPLATES:
        containers = (*way, "spec", "containers")
        names = [{each["name"] for each in _at(data, containers) or ()} for data in (before, after)]
        if names[0] - names[1]:
            yield sentences.of_identity(patch, containers)
        elif "data" in names[0]:  # beside a container that a shell of ours starts
            commands = [
                [each.get("command") for each in _at(data, containers) if each["name"] in _OURS]
                for data in (before, after)
            ]
            if commands[0] != commands[1]:
                yield sentences.of_identity(patch, containers)


def _unmounted(patch: Patch, after: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """What the types of fields do not say: a volume that a container mounts is one of its pod."""
    for way in ((*template, "spec") for template in _TEMPLATES):
        pod = _at(after, way) or {}
        volumes = {each["name"] for each in pod.get("volumes") or ()}
        for container in (*(pod.get("containers") or ()), *(pod.get("initContainers") or ())):
            for mount in container.get("volumeMounts") or ():
                if mount["name"] not in volumes:
                    names = mount["name"], container["name"]
                    yield sentences.no_volume(patch, way, *names, volumes)


def _policy_problems(
    patch: Patch, before: Mapping[str, Any], after: Mapping[str, Any], policies: Policies
) -> Iterator[Diagnostic]:
    """What a patch makes of pods that the settings' policies do not allow; what was so before it is
    a problem of the run."""
    for way in _TEMPLATES:
        was, now = (
            set(_breaches(_at(data, way), policies)) if _at(data, way) is not None else set()
            for data in (before, after)
        )
        for code, what in sorted(now - was):
            yield sentences.breaks_policy(patch, code, what)


def _loosening(
    patch: Patch, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    """What a patch gives pods that gitopsc never does."""
    for way in _TEMPLATES:
        was, now = (
            set(loosenings(pod)) if (pod := _at(data, (*way, "spec"))) is not None else set()
            for data in (before, after)
        )
        if now - was:
            yield sentences.loosened(patch, sorted(now - was))


def _breaches(pod: Any, policies: Policies) -> Iterator[tuple[Code, str]]:
    labels = pod["metadata"].get("labels") or {}
    for label in policies.labels:
        if label not in labels:
            yield MISSING_LABEL, f"pods without the label `{label}`"
    spec = pod["spec"]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        name, image = container["name"], str(container.get("image", ""))
        if not policies.allows_registry(image) and not (
            policies.base_images and policies.allows_base(image)
        ):
            yield FOREIGN_IMAGE, f"the image `{image}`"
        if policies.misses_digest(image):
            yield NO_DIGEST, f"the image `{image}`, without a digest"
        if container.get("imagePullPolicy") != policies.pull_policy is not None:
            yield OTHER_PULL_POLICY, f"another pull policy of `{name}`"
        resources = container.get("resources") or {}
        for key, wanted in (("requests", policies.requests), ("limits", policies.limits)):
            for resource in wanted:
                field = "memory" if resource == "mem" else resource
                if field not in (resources.get(key) or {}):
                    yield NOT_ASKED, f"`{name}` without {key} of {resource}"


def _at(data: Any, pointer: Pointer) -> Any:
    for step in pointer:
        data = data.get(step) if isinstance(data, dict) else None
    return data
