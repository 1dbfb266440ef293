"""Both sides and the consequences -> sentences about what else a reviewer has to do or to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitopsc.adapters.yaml import read_documents
from gitopsc.compare.focus import Focus
from gitopsc.compare.runs import Runs
from gitopsc.model.artifact import bake_command
from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import Consequence, ObjectChange
from gitopsc.model.controller import Flux
from gitopsc.model.descriptor import SecretKey
from gitopsc.model.requirement_list import required


def notes(
    before: Runs,
    after: Runs,
    base: Compilation,
    head: Compilation,
    objects: Sequence[ObjectChange],
    found: Sequence[Consequence],
    renamed: Mapping[tuple[str, str], str],
    focus: Focus,
) -> tuple[str, ...]:
    """`renamed` are environments of the base by what they are called in the head; `found` are the
    consequences."""
    before, after, objects = focus.on(before), focus.on(after), focus.objects(objects)
    return (
        *_of_environments(base, head, renamed),
        *_emptied(base, head),
        *_of_secrets(before, after),
        *_addresses(objects),
        *_scaled(objects, before),
        *_old_data(found),
        *_cut_off(before, after),
        *_images_to_push(found, head),
        *_excused(base, head),
        *_regrouped(before, after),
        *_of_controllers(base, head),
        *_followed(found, head),
        *_of_needs(base, head, focus),
    )


def notes_of_projects(renamed: Mapping[str, str], head: Compilation) -> Iterator[str]:
    """`renamed` are projects of the base by what they are called in the head."""
    known = {program.project.name for program in head.programs}
    for old, new in sorted(renamed.items()):
        if new not in known:
            continue
        yield (
            f"Project `{old}` is called `{new}` now: its objects stay and are changed in place. Its"
            " records and data are kept by its name, so its jobs run again."
        )
        left = sorted(
            {
                f"`{run.name}` ({read.span.path}:{read.span.line})"
                for program in head.programs
                for run in program.runs
                for read in (*run.inputs, *run.reads)
                if read.key.project == old
            }
        )
        if left and old not in known:
            verb = "reads" if len(left) == 1 else "read"
            yield f"{_and(left)} still {verb} data of `{old}`, which nothing makes any more."


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
            f"{', '.join(moved)} {what}: what applied it may delete it before it is made again,"
            " or after that, until the next sync."
        )


def _followed(found: Sequence[Consequence], head: Compilation) -> Iterator[str]:
    """What is merged into a branch reaches only those environments that follow it."""
    changed = {(each.project, name) for each in found for name in each.environments}
    revisions: dict[str, set[str]] = {}
    for resolution in head.resolutions:
        environment, project = resolution.environment, resolution.program.project.name
        revision = environment.controller.followed if environment.controller is not None else _MAIN
        if revision != _MAIN and (project, environment.name) in changed:
            revisions.setdefault(revision, set()).add(environment.name)
    for revision, names in sorted(revisions.items()):
        verb = "follows" if len(names) == 1 else "follow"
        yield f"{_and(sorted(names))} {verb} `{revision}`: this happens there when it moves."


_MAIN = "main"
"""The branch that an environment follows where its settings do not say another."""


def _of_controllers(base: Compilation, head: Compilation) -> Iterator[str]:
    """Nothing applies what has a controller apply the rest."""
    before, after = _controllers(base), _controllers(head)
    for path in sorted(after.keys() - before.keys()):
        yield f"`{path}` is new, and no controller applies it: apply it after the merge."
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


def _of_environments(
    base: Compilation, head: Compilation, renamed: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    was, now = _environments(base), _environments(head)
    controlled = {
        (plan.project, each.environment.name)
        for plan in head.plans
        for each in plan.environments
        if each.environment.controller is not None
    }
    for (project, name), after in renamed.items():
        place = now.pop((project, after))
        todo = f"point its controller at `{place}` before it finds nothing there."
        if (project, after) in controlled:
            todo = f"delete what has applied `{was[project, name]}` once the new one is applied."
        yield f"Environment `{name}` is called `{after}` now, in the same namespace: {todo}"
        del was[project, name]
    yield from _of_new_environments(head, was, now)
    for project, name in sorted(was.keys() - now.keys()):
        what = f"Environment `{name}`"
        if not any(other == project for other, _ in now):
            what += f" of project `{project}`"
        yield (
            f"{what} goes, and what it has applied stays: a controller reports that"
            f" `{was[project, name]}` is missing, and prunes nothing. Delete its Application or"
            " Kustomization, and then the objects."
        )


def _emptied(base: Compilation, head: Compilation) -> Iterator[str]:
    """Argo CD takes a source that has become empty for a mistake."""
    was, now = (
        {(project.name, each.environment) for project, objects in side.objects for each in objects}
        for side in (base, head)
    )
    for plan in head.plans:
        for planned in plan.environments:
            environment = planned.environment
            place = plan.project, environment.name
            if place in was - now and not isinstance(environment.controller, Flux):
                yield (
                    f"Nothing is left in environment `{environment.name}`, and Argo CD prunes"
                    " nothing then, unless its Application has `allowEmpty: true`: prune by hand."
                )


def _of_new_environments(
    head: Compilation, was: Mapping[tuple[str, str], str], now: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    """What has them applied is told with the files of controllers, where gitopsc writes these."""
    environments = {
        (plan.project, each.environment.name): each.environment
        for plan in head.plans
        for each in plan.environments
    }
    for project, name in sorted(now.keys() - was.keys()):
        environment, todo = environments[project, name], []
        if environment.controller is None:
            todo.append(f"point a controller at `{now[project, name]}`")
        if environment.namespace is not None:
            todo.append(f"namespace `{environment.namespace}` has to be there")
        is_known = any(other == project for other, _ in was)
        of_what = "" if is_known else f" of project `{project}`"
        if todo:
            yield f"Environment `{name}`{of_what} is new: {', and '.join(todo)}."


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
    keys: dict[tuple[str, str], list[str]] = {}
    for name, key in sorted(now):
        new = now[name, key] - was.get((name, key), set())
        if new:
            where = ", ".join(sorted({environment for environment, _ in new}))
            keys.setdefault((name, where), []).append(f"`{key}`")
    for (name, where), found in keys.items():
        what = "a key" if len(found) == 1 else "the keys"
        yield f"Secret `{name}` needs {what} {', '.join(found)} in {where}."


def _of_needs(base: Compilation, head: Compilation, focus: Focus) -> Iterator[str]:
    """What clusters must have besides, and did not have to."""
    if not focus.is_whole:
        return
    was, now = _needs(base), _needs(head)
    where: dict[str, list[str]] = {}
    for place, found in sorted(now.items(), key=str):
        new, environment = sorted(found - was.get(place, set())), place[1]
        if new and focus.is_in(environment):
            listed = ", ".join(f"{kind} `{name}`" for kind, name in new)
            where.setdefault(listed, []).append(environment)
    for listed, names in where.items():
        yield f"Needed in {_and(names)} before this is applied: {listed}."


def _needs(compilation: Compilation) -> Mapping[tuple[str, str, str], set[tuple[str, str]]]:
    """Kinds and names, by project, environment and namespace. Keys of Secrets have sentences of
    their own, and images that are not built here are causes."""
    namespaces = {
        (plan.project, each.environment.name): each.environment.namespace or ""
        for plan in compilation.plans
        for each in plan.environments
    }
    return {
        (plan.project, environment, namespaces[plan.project, environment]): set(_items(kinds))
        for plan in compilation.plans
        for environment, kinds in required(plan).items()
    }


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


def _secrets(runs: Runs) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Name and key -> environments, with their namespaces."""
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for (_, environment, _), run in runs.items():
        place = environment, run.environment.namespace or ""
        for value in run.resolved.pod_variables.values():
            if isinstance(value, SecretKey) and value.external is None:
                found.setdefault((value.name, value.key), set()).add(place)
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
