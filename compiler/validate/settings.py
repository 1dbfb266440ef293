"""`gitopsc.yaml` -> the settings of a project: what is wrong in them, and each environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from gitopsc.adapters.glob import is_pattern
from gitopsc.adapters.schema import property_names, violations
from gitopsc.model.controller import controller_of
from gitopsc.model.credentials import names_secret
from gitopsc.model.descriptor import (
    DEFAULT_EXECUTOR,
    DEFAULT_KUBERNETES,
    DEFAULT_PYTHON_IMAGE,
    DEFAULT_TARGET,
    DEFAULT_TIME_ZONE,
    Allowance,
    Builder,
    Environment,
    Override,
    Profile,
    SecretKey,
    SourceChoice,
)
from gitopsc.model.diagnostic import NO_CRON, Diagnostic
from gitopsc.model.document import Document, Pointer
from gitopsc.model.patch import Patch
from gitopsc.model.pod import Network, Pod
from gitopsc.model.policy import Policies
from gitopsc.model.schedule import NotCron, cron_of
from gitopsc.model.scheduling import Scheduling
from gitopsc.model.specification import RunSpec
from gitopsc.model.store import KNOWN_SCHEMES, Store, scheme_of
from gitopsc.model.volume import Volume
from gitopsc.validate import sentences
from gitopsc.validate.shape import (
    SETTINGS_SCHEMA,
    odd_numbers,
    plain,
    repeated_names,
    shape_problems,
    short,
)

_DEFAULT_OUTPUT = "deploy"
_BUILDCTL = "moby/buildkit:v0.17.2-rootless"


class Settings(NamedTuple):
    """The settings of a project, without the keys that are wrong, so that one mistake is one error.

    `local` is the environment of a laptop: without any environment's own settings.
    """

    project: str | None
    output: str
    fetches: bool
    choice: SourceChoice
    python_image: str
    environments: tuple[Environment, ...]
    local: Environment
    allowed: tuple[Allowance, ...]


def read_settings(document: Document | None) -> tuple[Settings, list[Diagnostic]]:
    data: Mapping[str, Any] = {}
    problems: list[Diagnostic] = []
    if document is not None and document.data is not None:
        problems = list(_problems(document))
        data = _sound(document)
    settings = Settings(
        project=data.get("project"),
        output=data.get("output", _DEFAULT_OUTPUT).rstrip("/"),
        fetches=data.get("sources") == "fetch",
        choice=SourceChoice(
            tuple(data.get("source", {}).get("include", ())),
            tuple(data.get("source", {}).get("exclude", ())),
        ),
        python_image=data.get("python_image", DEFAULT_PYTHON_IMAGE),
        environments=_environments(document, data),
        local=_environment("local", data, {}),
        allowed=_allowed(document, data),
    )
    return settings, problems


def may_name_a_project(document: Document | None) -> bool:
    data = document.data if document is not None else {}
    return not isinstance(data, dict) or "project" in data


def _sound(document: Document) -> Mapping[str, Any]:
    if not isinstance(document.data, dict):
        return {}
    found = violations(SETTINGS_SCHEMA, document.data)
    wrong = {violation.pointer[0] for violation in found if violation.pointer}
    known = set(property_names(SETTINGS_SCHEMA)) - wrong
    return {key: value for key, value in document.data.items() if key in known}


def _problems(document: Document) -> Iterator[Diagnostic]:
    yield from shape_problems(document, SETTINGS_SCHEMA)
    if isinstance(document.data, dict):
        yield from _pattern_problems(document)
        yield from _profile_problems(document)
        yield from _store_problems(document)
        yield from _time_zone_problems(document)
        yield from _run_problems(document)
        yield from _cluster_problems(document)
        yield from _patch_problems(document)
        yield from _secret_problems(document)


def _run_problems(document: Document) -> Iterator[Diagnostic]:
    """What is wrong with what runs have otherwise, whichever runs there are."""
    for place, runs in _of_environments(document, "runs"):
        for name, run in runs.items():
            if not isinstance(run, dict):
                continue
            yield from odd_numbers(document, (*place, name))
            yield from repeated_names(document, (*place, name, "envs"), run.get("envs"))
            schedule = run.get("schedule")
            try:
                cron_of(schedule) if isinstance(schedule, str) else None
            except NotCron as error:
                span = document.span(*place, name, "schedule")
                yield Diagnostic(NO_CRON, str(error), span, error.hint)


def _cluster_problems(document: Document) -> Iterator[Diagnostic]:
    """Two environments that would apply one over the other."""
    environments = document.data.get("environments")
    seen: dict[tuple[str, str], str] = {}
    for name, own in environments.items() if isinstance(environments, dict) else ():
        if not isinstance(own, dict):
            continue
        cluster = own.get("cluster")
        namespace = own.get("namespace", document.data.get("namespace"))
        if isinstance(cluster, str) and isinstance(namespace, str):
            first = seen.setdefault((cluster, namespace), name)
            if first != name:
                span = document.span("environments", name, "cluster")
                yield sentences.one_namespace(first, name, namespace, cluster, span)


def _pattern_problems(document: Document) -> Iterator[Diagnostic]:
    for home in ((), ("source",)):
        for key in ("include", "exclude"):
            place: Pointer = (*home, key)
            patterns = document.part(*place).data if document.has(*place) else None
            for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
                if isinstance(pattern, str) and not is_pattern(pattern):
                    yield sentences.not_a_pattern(short(pattern), document.span(*place, index))


def _profile_problems(document: Document) -> Iterator[Diagnostic]:
    """What a cluster would refuse in a profile, or what would get lost in it."""
    for place, profiles in _of_environments(document, "profiles"):
        for name, profile in profiles.items():
            yield from odd_numbers(document, (*place, name))
            variables = profile.get("envs") if isinstance(profile, dict) else None
            yield from repeated_names(document, (*place, name, "envs"), variables)


def _patch_problems(document: Document) -> Iterator[Diagnostic]:
    """A patch merges, or is a list of operations."""
    for home in _homes(document):
        place: Pointer = (*home, "patches")
        patches = document.part(*place).data if document.has(*place) else None
        for index, patch in enumerate(patches if isinstance(patches, list) else ()):
            if isinstance(patch, dict) and ("merge" in patch) == ("json" in patch):
                yield sentences.merge_or_json(document.span(*place, index))


def _secret_problems(document: Document) -> Iterator[Diagnostic]:
    """The operator owns a whole Secret, and fetches it from one store."""
    for home in _homes(document):
        found: dict[str, tuple[Pointer, Mapping[str, Any]]] = {}
        for place in dict.fromkeys(((), home)):
            way: Pointer = (*place, "secrets")
            secrets = document.part(*way).data if document.has(*way) else None
            for name, secret in secrets.items() if isinstance(secrets, dict) else ():
                if isinstance(secret, dict) and isinstance(secret.get("name"), str):
                    found[name] = (*way, name), secret
        origins: dict[str, Any] = {}
        sources: dict[tuple[str, str], Any] = {}
        for way, secret in found.values():
            external = secret.get("external")
            stores = None
            if isinstance(external, dict):
                stores = external.get("store"), external.get("cluster_store")
                if (stores[0] is None) == (stores[1] is None):
                    yield sentences.store_or_cluster_store(document.span(*way, "external"))
                key = secret.get("key")
                source = external.get("path"), external.get("property")
                if (
                    isinstance(key, str)
                    and sources.setdefault((secret["name"], key), source) != source
                ):
                    yield sentences.two_sources(
                        secret["name"], key, document.span(*way, "external")
                    )
            if origins.setdefault(secret["name"], stores) != stores:
                yield sentences.two_origins(secret["name"], document.span(*way, "name"))


def _store_problems(document: Document) -> Iterator[Diagnostic]:
    """A store is a URL or a claim; what lets a driver in is a Secret's."""
    for place, stores in _of_environments(document, "stores"):
        for name, store in stores.items():
            if isinstance(store, dict) and ("url" in store) == ("claim" in store):
                yield sentences.url_or_claim(name, document.key_span(*place, name))
            where: Pointer = (*place, name, "url") if isinstance(store, dict) else (*place, name)
            url = store.get("url") if isinstance(store, dict) else store
            if isinstance(url, str) and (scheme := scheme_of(url)) not in KNOWN_SCHEMES:
                yield sentences.unknown_scheme(name, scheme, document.span(*where))
            for text, span in document.part(*place, name).strings():
                if "@" in text.partition("://")[2].partition("/")[0]:
                    yield sentences.store_with_password(name, span)
            if isinstance(store, dict):
                yield from _written_secrets(document, (*place, name, "options"))


def _time_zone_problems(document: Document) -> Iterator[Diagnostic]:
    """The API server refuses a CronJob in a time zone that it does not know."""
    for home in _homes(document):
        place: Pointer = (*home, "time_zone")
        name = document.part(*place).data if document.has(*place) else None
        # Most settings say none, and the database takes its time to read.
        if isinstance(name, str) and name != DEFAULT_TIME_ZONE:
            from gitopsc.adapters.time_zones import time_zones

            if name not in time_zones():
                yield sentences.unknown_time_zone(short(name), time_zones(), document.span(*place))


def _written_secrets(document: Document, pointer: Pointer) -> Iterator[Diagnostic]:
    """Options of a driver that are passwords, at any depth."""
    options = document.part(*pointer).data if document.has(*pointer) else None
    for key, value in options.items() if isinstance(options, dict) else ():
        if isinstance(value, dict):
            yield from _written_secrets(document, (*pointer, key))
        elif isinstance(key, str) and names_secret(f"{key}="):
            yield sentences.written_password(key, document.span(*pointer, key))


def _of_environments(document: Document, key: str) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    """A mapping of the settings and of each environment, with the way to it."""
    for home in _homes(document):
        place: Pointer = (*home, key)
        found = document.part(*place).data if document.has(*place) else None
        if isinstance(found, dict):
            yield place, found


def _homes(document: Document) -> tuple[Pointer, ...]:
    """The ways to the settings of the project, and to those of each environment."""
    environments = document.data.get("environments")
    named = environments if isinstance(environments, dict) else {}
    return ((), *(("environments", name) for name in named))


def _allowed(document: Document | None, data: Mapping[str, Any]) -> tuple[Allowance, ...]:
    entries: Sequence[Mapping[str, Any]] = data.get("allow", ())
    return tuple(
        Allowance(entry["code"], entry["path"], entry["reason"], document.span("allow", index))
        for index, entry in enumerate(entries)
        if document is not None
    )


def _environments(document: Document | None, data: Mapping[str, Any]) -> tuple[Environment, ...]:
    declared = data.get("environments") or {"default": {}}
    return tuple(
        replace(
            _environment(name, data, declared[name] or {}),
            overrides=_overrides(document, name, (declared[name] or {}).get("runs", {})),
            patches=(
                *_patches(document, ("patches",), data),
                *_patches(document, ("environments", name, "patches"), declared[name] or {}),
            ),
        )
        for name in sorted(declared)
    )


def _overrides(
    document: Document | None, environment: str, runs: Mapping[str, Any]
) -> Mapping[str, Override]:
    """What runs have otherwise there."""
    found = {}
    for name, written in runs.items():
        if document is not None:
            spec = RunSpec.of({**written, "cron": _cron(written.get("schedule"))})
            found[name] = Override(document, ("environments", environment, "runs", name), spec)
    return found


def _patches(document: Document | None, way: Pointer, data: Mapping[str, Any]) -> Iterator[Patch]:
    for index, patch in enumerate(data.get("patches", ())):
        if document is not None:
            yield Patch.of(patch, document, (*way, index))


def _cron(schedule: str | None) -> str | None:
    """None where it has a problem, too, which is told."""
    with suppress(NotCron):
        return None if schedule is None else cron_of(schedule).expression
    return None


def _environment(name: str, top: Mapping[str, Any], own: Mapping[str, Any]) -> Environment:
    secrets = {**top.get("secrets", {}), **own.get("secrets", {})}
    return Environment(
        name=name,
        registry=own.get("registry", top.get("registry")),
        namespace=own.get("namespace", top.get("namespace")),
        target=own.get("target", top.get("target", DEFAULT_TARGET)),
        kubernetes=own.get("kubernetes", top.get("kubernetes", DEFAULT_KUBERNETES)),
        secrets={key: SecretKey.of(each) for key, each in secrets.items()},
        defaults=_defaults(top.get("defaults", {}), own.get("defaults", {})),
        profiles={
            profile: _profile(each)
            for profile, each in {**top.get("profiles", {}), **own.get("profiles", {})}.items()
        },
        builder=_builder({**top.get("build", {}), **own.get("build", {})}),
        stores={
            store: Store.of(store, each)
            for store, each in {**top.get("stores", {}), **own.get("stores", {})}.items()
        },
        time_zone=own.get("time_zone", top.get("time_zone", DEFAULT_TIME_ZONE)),
        sync_waves=own.get("sync_waves", top.get("sync_waves", False)),
        budget=_quantities({**top.get("budget", {}), **own.get("budget", {})}),
        pod=Pod.of(own.get("pod", {})).over(Pod.of(top.get("pod", {}))),
        network=Network.of(own.get("network", top.get("network", {}))),
        metrics=own.get("metrics", top.get("metrics")),
        queue=own.get("queue", top.get("queue")),
        executor={**top.get("workflows", {}), **own.get("workflows", {})}.get(
            "executor", DEFAULT_EXECUTOR
        ),
        policies=Policies.of({**top.get("policies", {}), **own.get("policies", {})}),
        controller=controller_of(own.get("controller", top.get("controller", {}))),
    )


def _defaults(top: Mapping[str, Any], own: Mapping[str, Any]) -> RunSpec:
    """Resources are told apart by name; of any other key, the environment's own counts."""
    resources = {**top.get("resources", {}), **own.get("resources", {})}
    return RunSpec.of({**top, **own, "resources": resources})


def _builder(data: Mapping[str, Any]) -> Builder | None:
    if not data.get("in_cluster", False):
        return None
    image = data.get("image", _BUILDCTL)
    return Builder(data.get("address"), image, data.get("registry_secret"), data.get("tls_secret"))


def _quantities(resources: Mapping[str, Any]) -> Mapping[str, str]:
    return {key: plain(value) for key, value in resources.items()}


def _profile(data: Mapping[str, Any]) -> Profile:
    resources = data.get("resources", {})
    return Profile(
        requests=_quantities(resources.get("requests", {})),
        limits=_quantities(resources.get("limits", {})),
        variables={each["name"]: str(each["value"]) for each in data.get("envs", ())},
        volumes=tuple(map(Volume.of, data.get("volumes", ()))),
        scheduling=Scheduling.of(data),
        pod=Pod.of(data.get("pod", {})),
        queue=data.get("queue"),
    )
