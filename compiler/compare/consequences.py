"""Runs and objects of both sides -> Consequences: one for each run, claim or image that changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gitopsc.compare.causes import causes_of, setting_of
from gitopsc.compare.focus import Focus
from gitopsc.compare.runs import ClusterRun, Runs, Where
from gitopsc.model.artifact import KNATIVE_SERVICE, ImageReference
from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import VERBS, Cause, Consequence, ObjectChange, Subject, Verb

_NEW: Mapping[str, Verb] = {"job": "runs", "schedule": "schedules", "service": "starts"}
_OF_A_DEPLOYMENT: Mapping[str, Verb] = {
    "created": "starts",
    "refused": "refused",
    "rolled": "rolls",
    "scaled": "scales",
}
_TICK = ("spec.schedule", "spec.schedules", "spec.timeZone", "spec.timezone")


def consequences(
    before: Runs,
    after: Runs,
    base: Compilation,
    head: Compilation,
    objects: Sequence[ObjectChange],
    focus: Focus,
) -> tuple[tuple[Consequence, ...], tuple[str, ...]]:
    """With the runs that nothing happens to."""
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
    names = {(project, run) for project, _, run in focus.on(after)}
    names -= {(each.project, each.subject) for each in found if each.kind in _NEW}
    names -= {(each.project, str(each.parent)) for each in found if each.kind == "object"}
    many = len({project for project, _ in names}) > 1
    return _folded(found), tuple(
        sorted(f"{project}/{run}" if many else run for project, run in names)
    )


class _Arrivals:
    """Why a run is on one side only: it is new or gone, its environment is, or it is renamed."""

    def __init__(self, before: Runs, after: Runs) -> None:
        self._known = {where[:2] for where in before}
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
        text = "new run" if where in self._known else "new environment"
        if old is not None:
            text = f"{old} is called {run.name} now"
        return Cause("new", text, run.resolved.run.descriptor.name_span)

    def removed(self, run: ClusterRun) -> Cause:
        where = run.program.project.name, run.environment.name
        new = self._new_names.get((*where, run.resolved.compute))
        text = "removed"
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
        yield _ended(old, causes[0])
        yield _started(new, *causes)
    elif old is not None and new is not None and not changes and old.group != new.group:
        yield _regrouped(old, new)
    elif old is not None and new is not None and _is_beside(old, new):
        if new.resolved.record is None:
            place = new.resolved.run.descriptor.name_span
            cause = Cause("settings", "another run of its Workflow changes", place)
            yield _made("runs", new, (cause,), _without_record(new))
    elif old is not None and new is not None and changes:
        verb, note = _verb(old, new, changes)
        note = note or _added(changes)
        causes = causes_of(old, new) or (_last_cause(old, new, changes),)
        gone = tuple(_deleted(new, changes))
        if len(gone) == len(changes):  # nothing else of it changes
            yield from (each._replace(causes=tuple(causes)) for each in gone)
        else:
            yield _made(verb, new, causes, note)
            yield from gone
        if old.environment.namespace != new.environment.namespace:
            ended = _ended(old, causes[0])
            where = f"in namespace {old.environment.namespace}"
            if old.environment.namespace is None:
                where = "in the namespace of its controller, where that is another"
            yield ended._replace(note=", ".join(filter(None, (where, ended.note))))


def _regrouped(old: ClusterRun, new: ClusterRun) -> Consequence:
    """What applied it may prune it before or after another applies it: it is made again."""
    span = new.resolved.run.span("gitops", "group")
    cause = Cause("settings", f"group {old.group or '(none)'} -> {new.group or '(none)'}", span)
    if new.kind == "service":
        return _made("starts", new, (cause,), "it does not answer meanwhile")
    if new.kind == "schedule":
        return _made("schedules", new, (cause,), "")
    if new.resolved.record is None:
        return _made("runs", new, (cause,), _without_record(new))
    return _made("new job", new, (cause,), "")


def _added(changes: Sequence[ObjectChange]) -> str:
    """Objects beside that which has a service's pods, and that it did not have."""
    gone = {each.kind for each in changes if each.verb == "pruned"}
    kinds = {each.kind for each in changes if each.verb == "created"} & _DELETED.keys() - gone
    is_one = len(kinds) == 1
    return f"its {' and '.join(sorted(kinds))} {'is' if is_one else 'are'} new" if kinds else ""


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
    why = "" if new.resolved.run.has_runner else "a container keeps no record"
    return f"{why or 'it has no store'}, so it is done again even where it was done before"


def _addressed(changes: Sequence[ObjectChange]) -> str:
    """What becomes of the address of a service."""
    gone = sorted(each.name for each in changes if (each.kind, each.verb) == ("Service", "pruned"))
    made = sorted(each.name for each in changes if (each.kind, each.verb) == ("Service", "created"))
    if gone and gone == made:
        return f"its address {gone[0]} is in another namespace"
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
    run = old.resolved.run
    makes = run.has_runner and bool(run.outputs or run.function.made or run.function.is_unread)
    kept = "what it made stays in the store" if makes and old.environment.stores else ""
    if old.kind == "service":
        kept = _gone(old) if run.has_address else ""
    return _made("deletes", old, (cause,), kept)


def _gone(old: ClusterRun) -> str:
    """What of a service nobody finds any more."""
    gitops = old.resolved.spec.gitops
    expose = gitops.expose if gitops is not None else None
    outside = f", and so is {expose.host}{expose.path.rstrip('/')}" if expose is not None else ""
    return f"its address is gone{outside}"


def _kind_cause(new: ClusterRun) -> Cause:
    return Cause("settings", f"is a {new.kind} now", new.resolved.place_of("action"))


def _last_cause(old: ClusterRun, new: ClusterRun, changes: Sequence[ObjectChange]) -> Cause:
    """Where no value of the run differs."""
    place = new.resolved.run.descriptor.name_span
    fields = {field for each in changes for field in each.fields}
    images = [each.program.project.python_image for each in (old, new)]
    if old.main.images != new.main.images and images[0] != images[1]:
        text = f"python_image {images[0]} -> {images[1]}"
        return Cause("template", text, setting_of(new, "python_image"))
    if old.main.images != new.main.images:
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


def _of_images(base: Compilation, head: Compilation) -> Iterator[Consequence]:
    known = {str(image) for _, _, image in _images(base)}
    in_cluster = {
        (plan.project, planned.environment.name, image.repository)
        for plan in head.plans
        for planned in plan.environments
        for image in plan.images
        if any(build.image == image.name for build in planned.builds)
    }
    for project, environment, image in sorted(_images(head)):
        name = image.repository.removeprefix(f"{project}-")
        if str(image) not in known and (project, environment, name) not in in_cluster:
            subject = f"{name}:{image.tag}"
            yield Consequence("builds", project, subject, "image", (environment,))


def _images(compilation: Compilation) -> set[tuple[str, str, ImageReference]]:
    return {
        (project.name, each.environment, image)
        for project, objects in compilation.objects
        for each in objects
        for image in each.images
        if isinstance(image, ImageReference)
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
