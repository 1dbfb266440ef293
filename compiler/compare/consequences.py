"""Runs and objects of both sides -> Consequences: one for each run, claim or image that changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitopsc.adapters.yaml import read_documents
from gitopsc.compare.causes import causes_of
from gitopsc.compare.focus import Focus
from gitopsc.compare.runs import ClusterRun, Where
from gitopsc.model.artifact import KNATIVE_SERVICE, ImageReference, bake_command
from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import VERBS, Cause, Consequence, ObjectChange, Subject, Verb
from gitopsc.model.descriptor import SecretKey

_NEW: Mapping[str, Verb] = {"job": "runs", "schedule": "schedules", "service": "starts"}
_OF_A_DEPLOYMENT: Mapping[str, Verb] = {
    "created": "starts",
    "refused": "refused",
    "rolled": "rolls",
    "scaled": "scales",
}
_TICK = ("spec.schedule", "spec.schedules", "spec.timeZone", "spec.timezone")

Runs = Mapping[Where, ClusterRun]


def consequences(
    before: Runs,
    after: Runs,
    base: Compilation,
    head: Compilation,
    objects: Sequence[ObjectChange],
    renamed: Mapping[tuple[str, str], str],
    focus: Focus,
) -> tuple[tuple[Consequence, ...], tuple[str, ...], tuple[str, ...]]:
    """With the runs that nothing happens to, and what else is to be known, in sentences. `renamed`
    are environments of the base by what they are called in the head."""
    changes: dict[Where, list[ObjectChange]] = {}
    for change in objects:
        if change.run is not None:
            changes.setdefault((change.project, change.environment, change.run), []).append(change)
    found: list[Consequence] = []
    arrivals = _Arrivals(before, after)
    for where in sorted({*before, *after}):
        old, new = before.get(where), after.get(where)
        found += _of_run(old, new, changes.get(where, ()), arrivals)
    found += _of_builds(before, after, objects)
    found += _of_shared(objects)
    found += _of_images(base, head)
    found = [each for each in found if focus.has(each)]
    before, after, objects = focus.on(before), focus.on(after), focus.objects(objects)
    names = {(project, run) for project, _, run in after}
    names -= {(each.project, each.subject) for each in found if each.kind in _NEW}
    names -= {(each.project, str(each.parent)) for each in found if each.kind == "object"}
    folded = _folded(found)
    notes = (*_of_environments(base, head, renamed), *_of_secrets(before, after))
    notes = (
        *notes,
        *_addresses(objects),
        *_scaled(objects, before),
        *_old_data(folded),
        *_cut_off(before, after),
    )
    notes = (*notes, *_images_to_push(folded, head), *_excused(base, head))
    notes = (*notes, *_regrouped(before, after), *_of_controllers(base, head))
    notes = (*notes, *_followed(folded, head), *_of_needs(base, head, focus))
    return folded, tuple(sorted(run for _, run in names)), notes


class _Arrivals:
    """Why a run is on one side only: it is new or gone, its environment is, or it is renamed."""

    def __init__(self, before: Runs, after: Runs) -> None:
        self._environments = [{where[:2] for where in runs} for runs in (before, after)]
        gone = {where: run for where, run in before.items() if where not in after}
        came = {where: run for where, run in after.items() if where not in before}
        self._old_names = {
            (*where[:2], run.resolved.compute): run.name for where, run in sorted(gone.items())
        }
        self._new_names = {
            (*where[:2], run.resolved.compute): run.name for where, run in sorted(came.items())
        }

    def new(self, run: ClusterRun) -> Cause:
        where = run.program.project.name, run.environment.name
        old = self._old_names.get((*where, run.resolved.compute))
        text = "new run" if where in self._environments[0] else "new environment"
        if old is not None:
            text = f"{old} is called {run.name} now"
        return Cause("new", text, run.resolved.run.descriptor.name_span)

    def removed(self, run: ClusterRun) -> Cause:
        where = run.program.project.name, run.environment.name
        new = self._new_names.get((*where, run.resolved.compute))
        text = "removed" if where in self._environments[1] else "environment removed"
        if new is not None:
            text = f"{run.name} is called {new} now"
        return Cause("removed", text, run.resolved.run.descriptor.name_span)


def _of_run(
    old: ClusterRun | None,
    new: ClusterRun | None,
    changes: Sequence[ObjectChange],
    arrivals: _Arrivals,
) -> Iterator[Consequence]:
    if old is None and new is not None:
        yield _started(new, arrivals.new(new))
    elif old is not None and new is None:
        yield _ended(old, arrivals.removed(old))
    elif old is not None and new is not None and old.kind != new.kind:
        causes = causes_of(old, new) or (_kind_cause(new),)
        if old.kind == "service":
            yield _ended(old, causes[0])
        yield _started(new, *causes)
    elif old is not None and new is not None and _is_beside(old, new):
        if new.resolved.record is None:
            place = new.resolved.run.descriptor.name_span
            cause = Cause("settings", "another run of its Workflow changes", place)
            yield _made("runs", new, (cause,), _without_record(new))
    elif old is not None and new is not None and changes:
        verb, note = _verb(old, new, changes)
        causes = causes_of(old, new) or (_last_cause(old, new, changes),)
        gone = tuple(_deleted(new, changes))
        if len(gone) == len(changes):  # nothing else of it changes
            yield from (each._replace(causes=tuple(causes)) for each in gone)
        else:
            yield _made(verb, new, causes, note)
            yield from gone


_DELETED = {
    "HTTPRoute": "its host no longer leads to it",
    "HorizontalPodAutoscaler": "nothing scales it any more",
    "Ingress": "its host no longer leads to it",
    "NetworkPolicy": "every pod that can reach it may",
    "PodDisruptionBudget": "a drained node may stop all its pods",
    "PodMonitor": "Prometheus no longer scrapes it",
    "Service": "its address is gone",
}
"""Objects beside that which has a run's pods, and what it means that they are gone."""


def _deleted(new: ClusterRun, changes: Sequence[ObjectChange]) -> Iterator[Consequence]:
    """Objects of a run that stays; one of the same kind may take the place of one."""
    made = {each.kind for each in changes if each.verb == "created"}
    for change in changes:
        if change.verb == "pruned" and change.kind in _DELETED.keys() - made:
            if change.kind == "Service" and KNATIVE_SERVICE in made:
                continue
            yield Consequence(
                "deletes",
                change.project,
                f"{change.kind} {change.name}",
                "object",
                (change.environment,),
                parent=new.name,
                note=_DELETED[change.kind],
            )


def _is_beside(old: ClusterRun, new: ClusterRun) -> bool:
    """A new Workflow has it as it was: its pod finds its work done, where it has a record."""
    was, now = old.main, new.main
    is_other = was.kind == now.kind == "Workflow" and was.name != now.name
    same = (was.pod_template, was.compute) == (now.pod_template, now.compute)
    return is_other and same and old.environment.executor == new.environment.executor


def _verb(old: ClusterRun, new: ClusterRun, changes: Sequence[ObjectChange]) -> tuple[Verb, str]:
    kind, main_kind = new.kind, new.main.kind
    main = next(
        (each for each in changes if each.kind == main_kind and each.name == new.main.name), None
    )
    if any(each.verb == "refused" for each in changes):
        return "refused", ", ".join(sorted({f for each in changes for f in each.fields}))
    if kind == "service":
        note = _addressed(changes) or _handed_over(changes)
        verb = _OF_A_DEPLOYMENT.get(main.verb, "patches") if main is not None else "patches"
        if main is not None and main.strategy == "Recreate":
            note = note or "it does not answer meanwhile: its old pod stops before the new one"
        return verb, note
    if kind == "schedule":
        if main is not None and main.verb == "created":
            return "schedules", ""
        is_other = main is not None and not {*_TICK}.isdisjoint(main.fields)
        return ("reschedules", "") if is_other else ("patches", "from its next tick on")
    if main is None or main.verb == "patched":
        return "patches", ""
    if new.resolved.record is None:
        return "runs", _without_record(new)
    return ("new job" if old.resolved.record == new.resolved.record else "runs"), ""


def _without_record(new: ClusterRun) -> str:
    why = "a container keeps no record" if new.resolved.run.function.is_container else ""
    return f"{why or 'it has no store'}, so it is done again even where it was done before"


def _addressed(changes: Sequence[ObjectChange]) -> str:
    """What becomes of the address of a service."""
    gone = sorted(each.name for each in changes if (each.kind, each.verb) == ("Service", "pruned"))
    made = sorted(each.name for each in changes if (each.kind, each.verb) == ("Service", "created"))
    if gone and made:
        return f"its address {gone[0]} is {made[0]}"
    return ""


def _handed_over(changes: Sequence[ObjectChange]) -> str:
    """Knative makes a Service of the same name, and takes none that is not its own."""
    found = {(each.kind, each.verb) for each in changes}
    if {(KNATIVE_SERVICE, "created"), ("Service", "pruned")} <= found:
        return "it does not answer until its old Service is deleted and Knative has made its own"
    return ""


def _started(new: ClusterRun, *causes: Cause) -> Consequence:
    note = ""
    if new.kind == "job" and new.resolved.record is None:
        note = _without_record(new)
    return _made(_NEW[new.kind], new, causes, note)


def _ended(old: ClusterRun, cause: Cause) -> Consequence:
    notes = {
        "job": "what it made stays in the store",
        "schedule": "what it made stays in the store",
        "service": "its address is gone" if old.resolved.run.has_address else "",
    }
    return _made("deletes", old, (cause,), notes[old.kind])


def _kind_cause(new: ClusterRun) -> Cause:
    return Cause("settings", f"is a {new.kind} now", new.resolved.place_of("action"))


def _last_cause(old: ClusterRun, new: ClusterRun, changes: Sequence[ObjectChange]) -> Cause:
    """Where no value of the run differs."""
    place = new.resolved.run.descriptor.name_span
    fields = {field for each in changes for field in each.fields}
    if old.main.image != new.main.image:
        return Cause("template", "its image, by what decides no result", place)
    if all(field.startswith("metadata.") for field in fields):
        moved = "metadata.annotations.gitopsc/source" in fields
        return Cause("settings", "its descriptor moved" if moved else "labels, annotations", place)
    return Cause("template", f"the template: {', '.join(sorted(fields)[:3])}", place)


def _made(verb: Verb, run: ClusterRun, causes: Sequence[Cause], note: str = "") -> Consequence:
    upstream = [cause for cause in causes if cause.reason == "upstream"]
    parent = upstream[0].makers[0] if upstream and len(upstream) == len(causes) else None
    return Consequence(
        verb,
        run.program.project.name,
        run.name,
        run.kind,
        (run.environment.name,),
        tuple(causes),
        parent,
        note,
    )


# What is no run's


def _of_builds(before: Runs, after: Runs, objects: Sequence[ObjectChange]) -> Iterator[Consequence]:
    """Runs that build in the cluster: their Jobs are named after their content."""
    known = {*before, *after}
    for change in objects:
        run = change.run
        if run is None or (change.project, change.environment, run) in known:
            continue
        if change.kind == "Job" and change.verb in ("created", "pruned"):
            others = [
                each
                for each in objects
                if each.kind == "Job"
                and each.run == run
                and each.verb == "created"
                and each.environment == change.environment
            ]
            if change.verb == "created" or not others:
                verb: Verb = "builds" if change.verb == "created" else "deletes"
                place = (change.environment,)
                yield Consequence(verb, change.project, run, "build", place, note="in the cluster")


def _of_shared(objects: Sequence[ObjectChange]) -> Iterator[Consequence]:
    """Of what no single run has: claims, and Secrets that are fetched."""
    verbs: Mapping[str, tuple[Verb, str]] = {
        "kept": ("keeps", "nothing names it any more, and nothing prunes it"),
        "patched": ("patches", ""),
        "pruned": ("deletes", ""),
        "refused": ("refused", ""),
    }
    kinds: Mapping[str, tuple[Subject, str]] = {
        "ExternalSecret": ("external secret", "with its Secret"),
        "PersistentVolumeClaim": ("claim", "with its data"),
    }
    for change in objects:
        if change.kind in kinds and change.verb in verbs:
            verb, note = verbs[change.verb]
            kind, gone = kinds[change.kind]
            fields = ", ".join(change.fields)
            causes = (Cause("settings", fields),) if fields else ()
            where = (change.environment,)
            note = gone if verb == "deletes" else note
            yield Consequence(verb, change.project, change.name, kind, where, causes, None, note)


def _regrouped(before: Runs, after: Runs) -> Iterator[str]:
    """One controller's object prunes what another's has just begun to apply."""
    moved = sorted(
        {
            run.name
            for where, run in after.items()
            if where in before and before[where].group != run.group
        }
    )
    if moved:
        what = "moves to another group" if len(moved) == 1 else "move to other groups"
        yield (
            f"{', '.join(moved)} {what}: what applied it may delete it before it is made again."
            " A Job then finds its work done; a service does not answer meanwhile."
        )


def _followed(found: Sequence[Consequence], head: Compilation) -> Iterator[str]:
    """What is merged into a branch reaches only those environments that follow it."""
    changed = {(each.project, name) for each in found for name in each.environments}
    revisions: dict[str, set[str]] = {}
    for resolution in head.resolutions:
        environment, project = resolution.environment, resolution.program.project.name
        revision = environment.controller.revision if environment.controller is not None else _MAIN
        if revision != _MAIN and (project, environment.name) in changed:
            revisions.setdefault(revision, set()).add(environment.name)
    for revision, names in sorted(revisions.items()):
        verb = "follows" if len(names) == 1 else "follow"
        what = "in it" if len(names) == 1 else "in them"
        yield (
            f"{_and(sorted(names))} {verb} `{revision}`: what is said here happens {what}"
            " when that moves."
        )


_MAIN = "main"
"""The branch that an environment follows where its settings do not say another."""


def _of_controllers(base: Compilation, head: Compilation) -> Iterator[str]:
    """Nothing applies what has a controller apply the rest."""
    before, after = _controllers(base), _controllers(head)
    for path in sorted(before.keys() & after.keys()):
        gone = sorted(before[path].keys() - after[path].keys())
        come = sorted(after[path].keys() - before[path].keys())
        if before[path] != after[path]:
            added = f" for {_and(come)}" if come else ""
            removed = f", and delete {_and(gone)}" if gone else ""
            yield (
                f"`{path}` changes, and no controller applies it: apply it{added} after"
                f" the merge{removed}."
            )


def _controllers(compilation: Compilation) -> Mapping[str, Mapping[str, Any]]:
    """By their path in the tree, the objects of controllers by kind and name."""
    found: dict[str, dict[str, Any]] = {}
    for project, files in compilation.outputs:
        for file in files:
            if file.path.startswith("controllers/"):
                path = f"{project.prefix}{project.output}/{file.path}"
                documents, _ = read_documents(path, file.content.decode())
                found[path] = {
                    f"{each.data['kind']} `{each.data['metadata']['name']}`": each.data
                    for each in documents
                }
    return found


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)


def _excused(base: Compilation, head: Compilation) -> Iterator[str]:
    """What the settings newly let pass, and why."""
    known, found = (
        {
            (each.code.id, each.span.path, each.allowed)
            for each in side.diagnostics
            if each.allowed is not None
        }
        for side in (base, head)
    )
    for code, path, reason in sorted(found - known, key=str):
        yield f"`allow` lets {code} in {path} pass: {reason}"


def _of_images(base: Compilation, head: Compilation) -> Iterator[Consequence]:
    known = {str(image) for _, _, image in _images(base)}
    for project, environment, image in sorted(_images(head)):
        if str(image) not in known:
            name = image.repository.removeprefix(f"{project}-")
            subject = f"{name}:{image.tag}"
            yield Consequence("builds", project, subject, "image", (environment,))


def _images(compilation: Compilation) -> set[tuple[str, str, ImageReference]]:
    return {
        (project.name, each.environment, each.image)
        for project, objects in compilation.objects
        for each in objects
        if isinstance(each.image, ImageReference)
    }


def _folded(found: Sequence[Consequence]) -> tuple[Consequence, ...]:
    """The same in several environments is one; in the order of the verbs."""
    merged: dict[Consequence, list[str]] = {}
    for each in found:
        merged.setdefault(each._replace(environments=()), []).extend(each.environments)
    folded = [
        each._replace(environments=tuple(sorted(set(where)))) for each, where in merged.items()
    ]
    return tuple(
        sorted(folded, key=lambda each: (VERBS.index(each.verb), each.project, each.subject))
    )


# Sentences


def _of_environments(
    base: Compilation, head: Compilation, renamed: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    was, now = _environments(base), _environments(head)
    for (project, name), after in renamed.items():
        yield (
            f"Environment `{name}` is called `{after}` now, in the same namespace: point its"
            f" controller at `{now.pop((project, after))}` before it finds nothing there."
        )
        del was[project, name]
    for project, name in sorted(now.keys() - was.keys()):
        if any(other == project for other, _ in was):
            yield f"Environment `{name}` is new: point a controller at `{now[project, name]}`."
    for project, name in sorted(was.keys() - now.keys()):
        if any(other == project for other, _ in now):
            yield (
                f"Environment `{name}` is gone: a controller that reads `{was[project, name]}`"
                " finds nothing there, and prunes what it had applied."
            )


def _environments(compilation: Compilation) -> dict[tuple[str, str], str]:
    return {
        (plan.project, each.environment.name): (
            f"{plan.prefix}{plan.output}/manifests/{each.environment.name}"
        )
        for plan in compilation.plans
        for each in plan.environments
    }


def _of_secrets(before: Runs, after: Runs) -> Iterator[str]:
    was, now = _secrets(before), _secrets(after)
    for name, key in sorted(now.keys() - was.keys()):
        where = ", ".join(sorted(now[name, key]))
        yield f"Secret `{name}` needs a key `{key}` in {where}."


def _of_needs(base: Compilation, head: Compilation, focus: Focus) -> Iterator[str]:
    """What clusters must have besides, and did not have to."""
    if not focus.is_whole:
        return
    was, now = _needs(base), _needs(head)
    where: dict[str, list[str]] = {}
    for (project, environment), found in sorted(now.items()):
        new = sorted(found - was.get((project, environment), set()))
        if new and focus.is_in(environment):
            listed = ", ".join(f"{kind} `{name}`" for kind, name in new)
            where.setdefault(listed, []).append(environment)
    for listed, names in where.items():
        yield f"Needed in {_and(names)} before this is applied: {listed}."


def _needs(compilation: Compilation) -> Mapping[tuple[str, str], set[tuple[str, str]]]:
    """Kinds and names, by project and environment; Secrets are told by their keys, and images that
    nobody builds here are in the causes."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for project, files in compilation.outputs:
        for file in files:
            if file.path == "reports/requirements.json":
                for environment, kinds in json.loads(file.content)["environments"].items():
                    found[project.name, environment] = set(_items(kinds))
    return found


def _items(kinds: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, keys in kinds.get("secrets", {}).items():
        if {".dockerconfigjson", "tls.crt"} & {*keys}:
            yield "Secret", name
    for kind, listed in kinds.items():
        if isinstance(listed, list) and kind != "images":
            for each in listed:
                yield _one(kind), each if isinstance(each, str) else each["name"]


def _one(kinds: str) -> str:
    word = kinds.replace("_", " ")
    return word.removesuffix("es") if word.endswith("sses") else word.removesuffix("s")


def _secrets(runs: Runs) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for (_, environment, _), run in runs.items():
        for value in run.resolved.variables.values():
            if isinstance(value, SecretKey) and value.external is None:
                found.setdefault((value.name, value.key), set()).add(environment)
    return found


def _addresses(objects: Sequence[ObjectChange]) -> Iterator[str]:
    """A Service that stays, and whose pods become those of another Deployment."""
    for change in objects:
        selects = any(field.startswith("spec.selector") for field in change.fields)
        if selects and (change.kind, change.verb) == ("Service", "patched"):
            yield (
                f"`{change.name}` in {change.environment} gets its answers from another"
                " Deployment: for some seconds nobody answers."
            )


def _images_to_push(found: Sequence[Consequence], head: Compilation) -> Iterator[str]:
    projects = {each.project for each in found if each.kind == "image"}
    for project in head.projects:
        if project.name in projects:
            bake = bake_command(project.folder, project.output)
            yield f"Push images before merging, for no pod starts without its own: {bake}"


def _scaled(objects: Sequence[ObjectChange], before: Runs) -> Iterator[str]:
    """A manifest that says no number any more says one, until the autoscaler counts."""
    for change in objects:
        if (change.kind, change.verb) == ("HorizontalPodAutoscaler", "created"):
            old = before.get((change.project, change.environment, change.run or ""))
            replicas = old.resolved.spec.replicas if old is not None else None
            if replicas and replicas > 1:
                yield (
                    f"`{change.name}` in {change.environment} has 1 pod for a moment instead of"
                    f" {replicas}, until its autoscaler counts."
                )


def _old_data(found: Sequence[Consequence]) -> Iterator[str]:
    """Old pods serve until the data that new ones wait for is made."""
    for each in found:
        makers = sorted({name for cause in each.causes for name in cause.makers})
        if each.verb == "rolls" and makers:
            done = f"{makers[0]} is" if len(makers) == 1 else f"{', '.join(makers)} are"
            yield f"{each.subject} answers from the old data until {done} done."


def _cut_off(before: Runs, after: Runs) -> Iterator[str]:
    replaced = {
        run.name: run.main.kind
        for where, run in before.items()
        if run.kind == "job"
        and where in after
        and after[where].kind == "job"
        and after[where].main.name != run.main.name
    }
    for kind in sorted({*replaced.values()}):
        names = ", ".join(sorted(name for name, each in replaced.items() if each == kind))
        what = "is stopped" if kind == "Job" else "is stopped with all its jobs"
        yield f"A {kind} that is replaced while it runs {what}: {names}."
