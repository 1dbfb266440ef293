"""A run before and after -> why it changes: one cause for each value that differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from gitopsc.compare.runs import ClusterRun
from gitopsc.model import identity
from gitopsc.model.consequence import Cause, Reason
from gitopsc.model.credentials import masked
from gitopsc.model.descriptor import Environment, SecretKey
from gitopsc.model.patch import Patch
from gitopsc.model.pod import Network, Pod, plain
from gitopsc.model.program import Reference
from gitopsc.model.scheduling import Scheduling
from gitopsc.model.source import FunctionFile, Span
from gitopsc.model.specification import GitopsSpec
from gitopsc.model.store import Store
from gitopsc.model.volume import Volume

_LONGEST = 60
"""Characters of a value that are told."""

_MORE = 3
"""Fields of a patch that are told."""

_REASONS: Mapping[str, Reason] = {
    "base_image": "source",
    "build": "source",
    "handler": "source",
    "image": "source",
    "init": "source",
    "module": "source",
    "python_version": "source",
}
_NAMES = {"python_version": "Python", "base_image": "base image", "init": "init function"}
_READS = ("code_inputs", "inputs", "references")
_RESOURCES = {"cpu": "CPU", "mem": "memory", "gpu": "GPUs", "disk": "disk"}
_OF_SPEC: Mapping[str, str] = {
    "backoff_limit": "tries after a failure",
    "cron": "schedule",
    "profile": "profile",
    "replicas": "replicas",
    "service_name": "service name",
    "service_type": "service type",
}
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)$")


def causes_of(old: ClusterRun, new: ClusterRun) -> tuple[Cause, ...]:
    """What decides the result before what does not, and what is its own before what is made again
    upstream; what only the text of a template changes has none."""
    compute = [*_compute_causes(old, new)]
    first = [each for each in compute if each.reason != "upstream"]
    upstream = [each for each in compute if each.reason == "upstream"]
    rest = [*_other_causes(old, new)]
    around = environment_causes(old.environment, new)
    is_other = old.resolved.compute != new.resolved.compute
    last = (*around, *upstream, *rest) if is_other else (*rest, *around, *upstream)
    return tuple(dict.fromkeys((*_project_causes(old, new), *first, *last)))


def _project_causes(old: ClusterRun, new: ClusterRun) -> Iterator[Cause]:
    was, now = (each.resolved.settings.get("project") for each in (old, new))
    if was != now and was and now:
        text = f"project {was} -> {now}, and records are kept by its name"
        yield Cause("settings", text, new.program.project.place)


def own_causes(old: ClusterRun, new: ClusterRun) -> tuple[Cause, ...]:
    """Those that the run has for itself, whatever its environment is called and has for all."""
    return tuple(dict.fromkeys((*_compute_causes(old, new), *_other_causes(old, new))))


def _other_causes(old: ClusterRun, new: ClusterRun) -> Iterator[Cause]:
    """Of what decides no result."""
    yield from _resource_causes(old, new)
    yield from _spec_causes(old, new)
    yield from _secret_causes(old, new)
    yield from _patch_causes(old.environment, new)


def _compute_causes(old: ClusterRun, new: ClusterRun) -> Iterator[Cause]:
    was, now = old.resolved.compute_fields, new.resolved.compute_fields
    for field in identity.COMPUTE_FIELDS:
        if was[field] == now[field]:
            continue
        if field in _READS:
            yield from _read_causes(field, old, new)
        elif field == "source":
            yield from _source_causes(old, new)
        elif field == "requirements":
            yield from _requirement_causes(was[field], now[field], new)
        elif field in ("envs", "init_parameters", "parameters", "outputs"):
            reason: Reason = "parameters"
            yield from _mapping_causes(reason, field, was[field], now[field], old, new)
        elif field == "secrets":
            place = new.resolved.place_of(field)
            for name in sorted({*was[field]} ^ {*now[field]}):
                text = f"new secret {name}" if name in now[field] else f"no secret {name} any more"
                yield Cause("settings", text, place)
        elif field == "claims":
            # Another namespace is the environment's to tell.
            if was[field].get("mounted") != now[field].get("mounted"):
                yield Cause("settings", "the claims that it mounts", new.resolved.place_of(field))
        else:
            name = _NAMES.get(field, field)
            reason = _REASONS.get(field, "parameters")
            place = new.resolved.place_of(field)
            yield Cause(reason, _changed(name, was[field], now[field]), place)


def _read_causes(field: str, old: ClusterRun, new: ClusterRun) -> Iterator[Cause]:
    """What is read under the same key, in another version, is made again upstream."""
    was, now = old.resolved.compute_fields[field], new.resolved.compute_fields[field]
    places = {read.argument: read for read in new.resolved.run.inputs}
    places |= {read.written: read for read in new.resolved.run.reads}
    before = {read.argument: read for read in old.resolved.run.inputs}
    before |= {read.written: read for read in old.resolved.run.reads}
    again: list[Reference] = []
    for name in sorted({*was, *now}, key=str):
        first, second = was.get(name), now.get(name)
        if first == second:
            continue
        read = places.get(name) or before.get(name)
        span = read.span if read is not None else None
        if first and second and first["key"] == second["key"] and read is not None:
            if read.producer is not None:
                again.append(read)
                continue
            text = _changed(f"`{name}`", _version(first), _version(second))
        else:
            text = _changed(f"input `{name}`", first and first["key"], second and second["key"])
        yield Cause("inputs", text, span)
    if again:
        data = sorted({read.key.name for read in again})
        makers = tuple(sorted({str(read.producer) for read in again}))
        yield Cause("upstream", f"reads {', '.join(data)}, made again", again[0].span, makers)


def _version(read: Mapping[str, str]) -> str:
    return read.get("version") or read.get("path") or read["key"]


def _source_causes(old: ClusterRun, new: ClusterRun) -> Iterator[Cause]:
    place = new.resolved.place_of("source")
    was, now = old.resolved.run.function, new.resolved.run.function
    origins = {file.path: file.origin for file in (*was.files, *now.files)}
    contents = [
        {file.path: (file.code or file.content, file.executable) for file in each.files}
        for each in (was, now)
    ]
    changed = sorted(
        path
        for path in {*contents[0], *contents[1]}
        if contents[0].get(path) != contents[1].get(path)
    )
    if not changed or now.content is not None:
        yield Cause("source", "the pinned source" if now.content else "the source", place)
        return
    known = [origins[path] for path in changed]
    first = known[0]
    text = f"source {changed[0]}" if first is None else f"source {first}"
    if len(changed) > 1:
        text += f" and {len(changed) - 1} more"
    if first is not None:
        sides = [{file.path: file for file in each.files}.get(changed[0]) for each in (was, now)]
        line = _first_difference(*sides)
        place = Span(first, line, 1, line)
    yield Cause("source", text, place)


def _first_difference(was: FunctionFile | None, now: FunctionFile | None) -> int:
    """The first line of a file that is not as it was."""
    if was is None or now is None:
        return 1
    old, new = was.content.splitlines(), now.content.splitlines()
    pairs = enumerate(zip_longest(old, new), start=1)
    number = next((number for number, (one, other) in pairs if one != other), 1)
    return min(number, max(1, len(new)))


def _requirement_causes(was: Sequence[str], now: Sequence[str], new: ClusterRun) -> Iterator[Cause]:
    place = new.resolved.place_of("requirements")
    old_pins, new_pins = _pins(was), _pins(now)
    told = set()
    for name in sorted(old_pins.keys() & new_pins.keys()):
        if old_pins[name] != new_pins[name]:
            told |= {f"{name}=={old_pins[name]}", f"{name}=={new_pins[name]}"}
            text = f"requirement {name} {old_pins[name]} -> {new_pins[name]}"
            yield Cause("requirements", text, place)
    for each in sorted({*now} - {*was} - told):
        yield Cause("requirements", f"new requirement {each}", place)
    for each in sorted({*was} - {*now} - told):
        yield Cause("requirements", f"no requirement {each}", place)


def _pins(lines: Sequence[str]) -> Mapping[str, str]:
    return {match[1]: match[2] for each in lines if (match := _PIN.match(each))}


def _mapping_causes(
    reason: Reason, field: str, was: Any, now: Any, old: ClusterRun, new: ClusterRun
) -> Iterator[Cause]:
    names = {"envs": "variable", "outputs": "output"}
    for key in sorted({*was, *now}):
        if was.get(key) != now.get(key):
            owner = new if key in now else old
            text = _changed(f"{names.get(field, 'parameter')} {key}", was.get(key), now.get(key))
            yield Cause(reason, text, _place_in(owner, field, key))


def _place_in(owner: ClusterRun, field: str, key: str) -> Span:
    run = owner.resolved.run
    if field == "envs":
        return run.merged.variable_span(key) or run.span("profile")
    if field == "init_parameters" and run.spec.init_parameters is None:
        field = "parameters"
    return run.span(field, key)


def _resource_causes(old: ClusterRun, new: ClusterRun) -> Iterator[Cause]:
    for what, was, now in (
        ("", old.resolved.requests, new.resolved.requests),
        (" limit", old.resolved.limits, new.resolved.limits),
    ):
        for name in sorted({*was, *now}):
            if was.get(name) != now.get(name):
                label = f"{_RESOURCES.get(name, name)}{what}"
                place = _resource_place(new, name)
                yield Cause("resources", _changed(label, was.get(name), now.get(name)), place)


def _resource_place(run: ClusterRun, name: str) -> Span | None:
    """In its profile, the run, its task, or what the settings say for all."""
    resolved = run.resolved
    if name in resolved.profile.requests or name in resolved.profile.limits:
        return resolved.run.span("profile")
    if name in (resolved.run.spec.resources or {}):
        return resolved.run.span("resources", name)
    if name in (run.environment.defaults.resources or {}):
        return setting_of(run, "defaults", "resources", name)
    return resolved.run.span("resources")


def _spec_causes(old: ClusterRun, new: ClusterRun) -> Iterator[Cause]:
    was, now = old.resolved.spec, new.resolved.spec
    for field, label in _OF_SPEC.items():
        first, second = getattr(was, field), getattr(now, field)
        if first != second:
            key = "schedule" if field == "cron" else field
            owner = new if second is not None else old
            yield Cause("settings", _changed(label, first, second), owner.resolved.run.span(key))
    if _own_volumes(old) != _own_volumes(new):
        yield Cause("settings", "volumes", new.resolved.run.span("volumes"))
    for field in Scheduling._fields:
        first, second = (getattr(each.resolved.scheduling, field) for each in (old, new))
        if first != second:
            is_own = getattr(new.resolved.run.spec, field) is not None
            place = new.resolved.run.span(field if is_own else "profile")
            yield Cause("settings", _changed(field, first, second), place)
    for field in GitopsSpec._fields:
        first, second = (getattr(each, field, None) for each in (was.gitops, now.gitops))
        # What decides the result is told with that, and what profiles have, too, below.
        if first != second and field not in ("completions", "pod", "queue", "rerun"):
            place = new.resolved.run.span("gitops", field)
            for name, *sides in _differing(field, plain(first), plain(second)):
                yield Cause("settings", _changed(f"gitops {name}", *sides), place)
    if old.resolved.queue != new.resolved.queue:
        text = _changed("queue", old.resolved.queue, new.resolved.queue)
        yield Cause("settings", text, _queue_place(new))
    for field in Pod._fields:
        first, second = (getattr(each.resolved.pod, field) for each in (old, new))
        if first != second:
            label = f"pod {field.replace('_', ' ')}"
            yield Cause("settings", _changed(label, first, second), _pod_place(new, field))


def _differing(name: str, was: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """Of two mappings, each key that differs."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        yield name, was, now
        return
    for key in sorted({*was, *now}):
        if was.get(key) != now.get(key):
            yield f"{name}.{key}", was.get(key), now.get(key)


def _own_volumes(run: ClusterRun) -> list[Volume]:
    """Without those of stores."""
    resolved = run.resolved
    return [each for each in resolved.volumes if each not in resolved.store_volumes]


def _queue_place(run: ClusterRun) -> Span | None:
    resolved = run.resolved
    if resolved.profile.queue is not None:
        return resolved.run.span("profile")
    if resolved.spec.gitops is not None and resolved.spec.gitops.queue is not None:
        return resolved.run.span("gitops", "queue")
    return setting_of(run, "queue")


def _pod_place(run: ClusterRun, field: str) -> Span | None:
    resolved = run.resolved
    if getattr(resolved.profile.pod, field):
        return resolved.run.span("profile")
    if resolved.spec.gitops is not None and getattr(resolved.spec.gitops.pod, field):
        return resolved.run.span("gitops", "pod", field)
    return setting_of(run, "pod", field)


_OF_SERVICES = ("metrics", "network")
"""Settings that nothing but what answers has a part in."""


def environment_causes(
    old: Environment, new: ClusterRun, *, is_of_all: bool = False
) -> Iterator[Cause]:
    """What a run has from its environment, or what all of them have."""
    now = new.environment
    is_job = new.resolved.run.action == "job" and not is_of_all
    if old.name != now.name:
        text = f"environment {old.name} -> {now.name}, and records are kept by its name"
        yield Cause("settings", text, setting_of(new))
    for label, key, first, second in (
        ("registry", "registry", old.registry, now.registry),
        ("namespace", "namespace", old.namespace, now.namespace),
        ("Kubernetes", "kubernetes", old.kubernetes, now.kubernetes),
        ("time zone", "time_zone", old.time_zone, now.time_zone),
        ("metrics", "metrics", old.metrics, now.metrics),
        ("network", "network", _restricted(old.network), _restricted(now.network)),
        ("target", "target", old.target, now.target),
        ("sync waves", "sync_waves", old.sync_waves or None, now.sync_waves or None),
        ("executor", "workflows", old.executor, now.executor),
    ):
        if first != second and not (is_job and key in _OF_SERVICES):
            yield Cause("settings", _changed(label, first, second), setting_of(new, key))
    if (old.builder is None) != (now.builder is None):
        yield Cause("settings", "where images are built", setting_of(new, "build"))
    for name in sorted({*old.stores, *now.stores}):
        stores = old.stores.get(name), now.stores.get(name)
        if stores[0] != stores[1] and (is_of_all or new.resolved.run.has_runner):
            yield Cause("settings", _store(name, *stores), setting_of(new, "stores", name))


def _restricted(network: Network | None) -> str | None:
    if network is None:
        return None
    allowed = ", ".join(network.allowed)
    return f"restricted, open to {allowed}" if allowed else "restricted"


def _store(name: str, was: Store | None, now: Store | None) -> str:
    places = [each and each.place(None) for each in (was, now)]
    if places[0] != places[1] or was is None or now is None:
        return _changed(f"store {name}", *places)
    parts = ("options", "secrets", "volume")
    found = [each for each in parts if getattr(was, each) != getattr(now, each)]
    return f"{' and '.join(found)} of store {name}"


def _patch_causes(old: Environment, new: ClusterRun) -> Iterator[Cause]:
    """What settings change in its objects."""
    run = new.resolved.name

    def own(patch: Patch) -> bool:
        return patch.kind in new.kinds and patch.is_for(patch.kind, run)

    was, now = (
        {each.says: each for each in environment.patches if own(each)}
        for environment in (old, new.environment)
    )
    for says in sorted(now.keys() - was.keys()):
        patch = now[says]
        changed = ", ".join((*patch.changes[:_MORE], *(["..."] if patch.changes[_MORE:] else [])))
        yield Cause("settings", f"patch of its {patch.kind}: {changed}", patch.span())
    for says in sorted(was.keys() - now.keys()):
        if was[says].kind not in {now[each].kind for each in now.keys() - was.keys()}:
            yield Cause("settings", f"no patch of its {was[says].kind} any more", setting_of(new))


def setting_of(run: ClusterRun, *way: str) -> Span | None:
    """The place of a setting that its environment has, or the project."""
    settings = run.program.project.settings
    for home in (("environments", run.environment.name), ()):
        if settings is not None and settings.has(*home, *way):
            return settings.span(*home, *way)
    return settings.span() if settings is not None else None


def _secret_causes(old: ClusterRun, new: ClusterRun) -> Iterator[Cause]:
    """Where a variable's secret is kept; a new one is told above."""
    was, now = old.resolved.pod_variables, new.resolved.pod_variables
    for name in sorted(was.keys() & now.keys()):
        first, second = was[name], now[name]
        if not (isinstance(first, SecretKey) and isinstance(second, SecretKey)):
            continue
        if (first.name, first.key) != (second.name, second.key):
            text = f"secret {name} in {first.name}/{first.key} -> {second.name}/{second.key}"
            yield Cause("settings", text, setting_of(new, "secrets", name))


def _changed(what: str, was: Any, now: Any) -> str:
    """`what old -> new`; a new one, or none any more."""
    if was in (None, "", [], {}):
        return f"new {what} {_shown(what, now)}".rstrip()
    if now in (None, "", [], {}):
        return f"no {what} any more"
    return f"{what} {_shown(what, was)} -> {_shown(what, now)}"


def _shown(what: str, value: Any) -> str:
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    text = str(value) if plain else json.dumps(value, sort_keys=True, default=str)
    name = what.rpartition(" ")[2]
    text = masked(f"{name}: {text}").removeprefix(f"{name}: ")
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
