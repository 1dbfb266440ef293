"""Plan and the manifests that clusters have -> the changes of objects that Kubernetes refuses.

An object outlives the text that made it: some of its fields never change, and a controller that is
refused one object applies nothing else, either. What is a rule here is one of Kubernetes' own
validation (kubernetes.md section 7), and each error names a way that it accepts. The output is the
same with any previous state, and with none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gitopsc.adapters.yaml import read_documents
from gitopsc.model.diagnostic import GIT_REFUSED, REFUSED_CHANGE, Diagnostic
from gitopsc.model.files import environment_of
from gitopsc.model.output import OutputFile
from gitopsc.model.plan import Claim, EnvironmentPlan, Plan, Workload
from gitopsc.model.previous import Previous
from gitopsc.model.quantity import amount, canonical
from gitopsc.model.source import Span, Unreadable

_CLAIM = "claim-"
_SELECTOR = "gitopsc/service"
_AGAIN = "or take the run out, with `gitops: {on_delete: delete}`, in a commit before this one"


class _Live(NamedTuple):
    """An object that a cluster has, as it was committed."""

    environment: str
    namespace: str | None
    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.data["metadata"]["name"])


def admit(plan: Plan, files: Sequence[OutputFile], previous: Previous) -> tuple[Diagnostic, ...]:
    """`files` are those of the project's output."""
    try:
        live = list(_live(plan, files, previous))
    except Unreadable as error:
        hint = "this is a partial clone: `git fetch --refetch --no-filter` brings what it lacks"
        message = f"the manifests of the base cannot be read: {error}"
        return (Diagnostic(GIT_REFUSED, message, Span(plan.prefix.rstrip("/") or "."), hint),)
    if not live:
        return ()
    problems: list[Diagnostic] = []
    known = {environment_of(path) for path in previous.names}
    for planned in plan.environments:
        is_new = planned.environment.name not in known
        there = {each.name: each for each in live if _meets(plan, planned, each, is_new=is_new)}
        for claim in planned.claims:
            if found := there.get(claim.name):
                problems += _claim_problems(claim, found.data)
        for workload in planned.workloads:
            found = there.get(workload.name)
            if found and found.data.get("kind") == "Deployment" and workload.action == "serve":
                problems += _deployment_problems(workload, found.data, plan)
    return tuple(problems)


def _live(plan: Plan, files: Sequence[OutputFile], previous: Previous) -> Iterator[_Live]:
    """What the project had, wherever it was written, but for what is in a file that stays."""
    written = {f"{plan.prefix}{plan.output}/{file.path}": file.content for file in files}
    changed = [
        path
        for path in previous.names
        if not (path in written and previous.is_same(path, written[path]))
    ]
    for path, content in previous.read(changed).items():
        environment, name = environment_of(path), path.rpartition("/")[2]
        is_claim = name.startswith(_CLAIM)
        # A selector of ours never changes, so a Deployment that has it needs no second look.
        if not is_claim and (b"kind: Deployment" not in content or _SELECTOR.encode() in content):
            continue
        documents, _ = read_documents(path, content.decode("utf-8", "replace"))
        for document in documents:
            data = document.data
            if _is_of(data, plan.project):
                yield _Live(environment, data["metadata"].get("namespace"), data)


def _is_of(data: Any, project: str) -> bool:
    metadata = data.get("metadata") if isinstance(data, dict) else None
    if not isinstance(metadata, dict) or not isinstance(data.get("spec"), dict):
        return False
    labels = metadata.get("labels")
    is_ours = isinstance(labels, dict) and labels.get("gitopsc/project") == project
    return is_ours and "name" in metadata


def _meets(plan: Plan, planned: EnvironmentPlan, live: _Live, *, is_new: bool) -> bool:
    """Whether it is in this environment's place; one that `is_new` may have had another name."""
    environment = planned.environment
    if live.namespace != environment.namespace:
        return False
    if live.environment == environment.name:
        return True
    names = {each.environment.name for each in plan.environments}
    return is_new and environment.namespace is not None and live.environment not in names


def _claim_problems(claim: Claim, live: Mapping[str, Any]) -> Iterator[Diagnostic]:
    spec = live["spec"]
    size = _size(spec)
    if size is not None and amount(claim.size) < amount(size):
        message = f"claim `{claim.name}` would shrink from {canonical(size)} to {claim.size}"
        hint = f"write `size: {canonical(size)}` again, give the volume another name, {_AGAIN}"
        yield _refused(message, claim.place, hint)
    for what, was, is_now in (
        ("class", spec.get("storageClassName"), claim.storage_class),
        ("access mode", _only(spec.get("accessModes")), claim.access_mode),
    ):
        if was != is_now:
            message = f"claim `{claim.name}` would change its {what}"
            message += f" from {_shown(was)} to {_shown(is_now)}"
            hint = f"give the volume another name, which is a new and empty claim, {_AGAIN}"
            yield _refused(message, claim.place, hint)


def _deployment_problems(
    workload: Workload, live: Mapping[str, Any], plan: Plan
) -> Iterator[Diagnostic]:
    selector = live["spec"].get("selector")
    if selector != {"matchLabels": {_SELECTOR: workload.name}}:
        message = f"Deployment `{workload.name}` would change its selector"
        hint = f"delete it first: `kubectl delete deployment {workload.name} --cascade=orphan`"
        yield _refused(message, Span(f"{plan.prefix}{workload.source}"), hint)


def _size(spec: Mapping[str, Any]) -> str | None:
    try:
        size = str(spec["resources"]["requests"]["storage"])
        amount(size)
    except (KeyError, TypeError, ValueError):
        return None
    return size


def _only(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _shown(value: Any) -> str:
    return "the cluster's own" if value is None else f"`{value}`"


def _refused(message: str, place: Span, hint: str) -> Diagnostic:
    return Diagnostic(REFUSED_CHANGE, f"{message}, which Kubernetes refuses", place, hint)
