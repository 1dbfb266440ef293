"""What is said of patches, and of what a target cannot have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from gitopsc.model.diagnostic import (
    LOOSENED_POD,
    PATCH_MISFIT,
    PATCH_OF_IDENTITY,
    TOO_LARGE,
    UNFIT_VALUE,
    UNMATCHED_PATCH,
    Code,
    Diagnostic,
    did_you_mean,
    listed,
)
from gitopsc.model.document import Pointer
from gitopsc.model.patch import Misfit, Patch
from gitopsc.model.plan import Workload
from gitopsc.model.source import Span


def unmatched(patch: Patch, kinds: Iterable[str], runs: Iterable[str]) -> Diagnostic:
    """`kinds` are those of all objects, `runs` those that have one of the patch's kind."""
    known = sorted(set(runs))
    if patch.run is None or not known:
        hint = f"there are {listed(sorted(set(kinds)))}" if kinds else "nothing is made here"
        return Diagnostic(
            UNMATCHED_PATCH, f"no {patch.kind} is made here", patch.span("target", "kind"), hint
        )
    message = f"run `{patch.run}` has no {patch.kind}"
    hint = did_you_mean(patch.run, known) or f"runs with one: {listed(known)}"
    return Diagnostic(UNMATCHED_PATCH, message, patch.span("target", "run"), hint)


def misfit(
    patch: Patch, found: Misfit, version: str, place: Pointer, operation: int | None = None
) -> Diagnostic:
    """`place` is where the merge has it, `operation` what else has made it."""
    key = found.pointer[-1] if found.pointer else patch.kind
    way: Pointer = ("merge", *place) if operation is None else ("json", operation)
    span = patch.span(*way)
    hint = None
    if found.why == "type":
        message = f"`{_path(found.pointer)}` is not of type {found.type}"
        hint = "quote it" if found.type == "string" else f"write {_article(found.type)}"
    elif found.why == "directive":
        message, hint = "an unknown `$patch`", "it is `delete`, `merge` or `replace`"
        if not found.known:
            message = f"a merge of {_article(patch.kind)} has no `$patch`"
            hint = "write operations (`json:`) instead"
    elif found.why == "unnamed":
        message = f"an item of `{_path(found.pointer[:-1])}` does not say which one it changes"
        hint = f"add `{found.type}`, by which Kubernetes knows these items"
    elif found.why == "negative":
        message = f"`{_path(found.pointer)}` is below 0, which Kubernetes refuses"
        hint = "write 0 or more"
    elif found.why == "missing":
        message = f"Kubernetes requires `{key}` in `{_path(found.pointer[:-1])}`"
        hint = f"add `{key}:`"
    else:
        span = patch.key_span(*way) if operation is None else span
        message = f"Kubernetes {version} has no field `{key}` in {_article(found.type)}"
        hint = did_you_mean(str(key), found.known)
        if found.since is not None and found.until is None:
            hint = f"it came with {found.since}"
        elif found.until is not None:
            hint = f"it went after {found.until}"
        elif hint is None:
            hint = f"it has {listed(found.known, 12)}"
    return Diagnostic(PATCH_MISFIT, message, span, hint)


def not_applicable(patch: Patch, index: int, why: str, run: str | None) -> Diagnostic:
    path = patch.operations[index]["path"]
    message = f"{why} at `{path}` of {patch.kind} `{run}`"
    hint = "paths begin at the object: `/spec/template/spec/...`; `-` is the end of a list"
    return Diagnostic(PATCH_MISFIT, message, patch.span("json", index, "path"), hint)


def of_identity(patch: Patch, pointer: Pointer) -> Diagnostic:
    place = ("merge", *pointer) if patch.merge is not None else ("json",)
    message = f"a patch may not change `{_path(pointer)}`"
    hint = "gitopsc, controllers or running pods rely on it"
    return Diagnostic(PATCH_OF_IDENTITY, message, patch.key_span(*place), hint)


def of_whole(patch: Patch) -> Diagnostic:
    message = f"a patch may not delete or replace a whole {patch.kind}"
    hint = "say what is different in it"
    return Diagnostic(PATCH_OF_IDENTITY, message, patch.key_span("merge", "$patch"), hint)


def no_volume(
    patch: Patch, pod: Pointer, name: str, container: str, known: Collection[str]
) -> Diagnostic:
    message = f"container `{container}` mounts `{name}`, and its pod has no volume of that name"
    place = ("merge", *pod, "containers") if patch.merge is not None else ("json",)
    hint = did_you_mean(name, known) or f"add it to `volumes`; there are {listed(sorted(known))}"
    return Diagnostic(PATCH_MISFIT, message, patch.key_span(*place), hint)


def ambiguous(patch: Patch, key: str, by: str) -> Diagnostic:
    message = f"two items of `{key}` have the same `{by}`, by which a merge knows them"
    hint = "write operations (`json:`) instead, or `$patch: replace` and all items"
    return Diagnostic(PATCH_MISFIT, message, patch.key_span("merge"), hint)


def breaks_policy(patch: Patch, code: Code, what: str) -> Diagnostic:
    message = f"a patch makes {what}, which the settings' policies do not allow"
    place = ("merge",) if patch.merge is not None else ("json",)
    return Diagnostic(code, message, patch.key_span(*place), "leave it out of the patch")


def loosened(patch: Patch, fields: Sequence[str]) -> Diagnostic:
    message = "a patch takes pods out of the restricted Pod Security Standard:"
    message += f" {', '.join(fields)}"
    place = ("merge",) if patch.merge is not None else ("json",)
    hint = "leave it out, unless the namespace allows it"
    return Diagnostic(LOOSENED_POD, message, patch.key_span(*place), hint)


def large_workflow(group: Sequence[Workload], most: int, prefix: str) -> Diagnostic:
    first = group[0]
    message = f"the Workflow of `{first.run}` and all that is beside it takes over {most:,} bytes"
    hint = "a cluster stores no object of that size: give some of its runs a `group` under `gitops`"
    return Diagnostic(TOO_LARGE, message, Span(f"{prefix}{first.source}"), hint)


def tag_of_argo(job: Workload, way: str, prefix: str) -> Diagnostic:
    message = f"`{{{{` in `{way}` of the pods of `{job.run}` is a variable of Argo Workflows"
    hint = "leave it out: only parameters, variables and arguments may have it"
    return Diagnostic(UNFIT_VALUE, message, Span(f"{prefix}{job.source}"), hint)


def _path(pointer: Pointer) -> str:
    return ".".join(map(str, pointer)) or "."


def _article(type_name: str) -> str:
    return f"an {type_name}" if type_name[0] in "AEIOaeio" else f"a {type_name}"
