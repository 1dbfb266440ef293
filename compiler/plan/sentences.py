"""What planning says of each problem: where, in which words, and what to type instead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gitopsc.model.controller import ArgoCD, Controller
from gitopsc.model.descriptor import Descriptor, Environment, Project
from gitopsc.model.diagnostic import (
    BAD_NAME,
    BAD_SETTINGS,
    CLAIM_CONFLICT,
    CLOSED_OFF,
    FOREIGN_BASE,
    FOREIGN_IMAGE,
    HUGE_CPU,
    LARGE_CONTEXT,
    LOCAL_DATA,
    MISSING_LABEL,
    MOUNT_CLASH,
    NEEDS_STORE,
    NEWER_KUBERNETES,
    NO_BUILDER,
    NO_DIGEST,
    NO_RECORD,
    NO_REGISTRY,
    NOT_ASKED,
    NOT_BUILT,
    ONE_NAME,
    ONE_NODE,
    OTHER_PULL_POLICY,
    OUTPUT_HOLDS_INPUT,
    OVER_LIMIT,
    PLATFORM_REFUSES,
    SERVER_SIDE,
    SUMMER_TIME,
    TINY_AMOUNT,
    TOO_LARGE,
    UNASKED_SECRET,
    UNFIT_VALUE,
    UNKNOWN_SCHEME,
    Diagnostic,
    Label,
    did_you_mean,
    listed,
)
from gitopsc.model.fix import Fix
from gitopsc.model.policy import has_registry
from gitopsc.model.program import BuildRun, Function, Run
from gitopsc.model.quantity import amount
from gitopsc.model.reference import StoreKey
from gitopsc.model.source import Span
from gitopsc.model.store import DEFAULT, KNOWN_SCHEMES
from gitopsc.model.volume import Volume

# Controllers


def no_namespace(environment: str, controller: Controller, span: Span) -> Diagnostic:
    who = "Argo CD" if isinstance(controller, ArgoCD) else "Flux"
    message = f"{who} applies nothing without a namespace, and environment `{environment}` has none"
    return Diagnostic(BAD_SETTINGS, message, span, f"write `namespace: {environment}`, for example")


def one_destination(first: str, second: str, place: tuple[str, str], span: Span) -> Diagnostic:
    cluster, namespace = place
    message = f"Argo CD would apply `{first}` and `{second}` over each other: both go to namespace"
    message += f" `{namespace}` of its cluster `{cluster}`"
    hint = "give one of them another `namespace`, or `controller: {argocd: {cluster: ...}}`"
    return Diagnostic(BAD_SETTINGS, message, span, hint)


def one_source(first: str, second: str, source: str, span: Span) -> Diagnostic:
    message = (
        f"`{first}` and `{second}` write one GitRepository `{source}` that follows two revisions"
    )
    return Diagnostic(BAD_SETTINGS, message, span, "give one of them another `source`")


# Names


def empty_name(name: str, span: Span) -> Diagnostic:
    message = f"nothing is left of `{name}` as a name in a cluster"
    return Diagnostic(BAD_NAME, message, span, "use letters and digits")


def long_name(short: str, most: int, span: Span) -> Diagnostic:
    message = f"the name `{short}` has {len(short)} characters; {most} are allowed"
    return Diagnostic(BAD_NAME, message, span, "choose a shorter name")


def reserved_name(what: str, short: str, owner: str, span: Span) -> Diagnostic:
    message = f"no {what} can be called `{short}`: that is {owner}"
    return Diagnostic(ONE_NAME, message, span, "choose another name")


def one_name(name: str, short: str, other: str, place: Span, span: Span) -> Diagnostic:
    message = f"`{name}` and `{other}` both become `{short}`"
    related = (Label(place, f"`{other}` is here"),)
    hint = "rename one; letter case and `. _ +` make no difference in a cluster"
    return Diagnostic(ONE_NAME, message, span, hint, related)


def bad_service_name(name: str, span: Span) -> Diagnostic:
    message = f"`{name}` cannot name a Service"
    hint = "start with a letter, and use at most 63 letters, digits and `-`"
    return Diagnostic(BAD_NAME, message, span, hint)


def one_service_name(run: Run, other: Run, name: str, span: Span) -> Diagnostic:
    message = f"the Services of `{run.name}` and `{other.name}` are both called `{name}`"
    return Diagnostic(ONE_NAME, message, span, "give one another `service_name`", _is_here(other))


def _is_here(run: Run) -> tuple[Label, ...]:
    return (Label(run.descriptor.name_span, f"`{run.name}` is here"),)


# Builds in the cluster


def not_built(function: Function, environment: str) -> Diagnostic:
    message = f"no run builds `{function.name}` in the cluster, so its image has to be there"
    message += f" (environment `{environment}`)"
    hint = f"write a `kind: python+build:run` with `function: {function.name}`"
    return Diagnostic(NOT_BUILT, message, function.descriptor.name_span, hint)


def not_built_in_clusters(function: Function, environment: str) -> Diagnostic:
    message = f"clusters build no Dockerfiles of containers, so the image of `{function.name}` has"
    message += f" to be there (environment `{environment}`)"
    hint = "build it with `docker buildx bake` in CI, and push it"
    return Diagnostic(NOT_BUILT, message, function.descriptor.name_span, hint)


def needs_ssh(build: BuildRun) -> Diagnostic:
    message = f"the source of `{build.function.name}` needs an SSH key, which no cluster has"
    hint = "write `git+https://` with a `GIT_TOKEN`, or `sources: vendor`"
    return Diagnostic(NO_BUILDER, message, build.merged.descriptor.name_span, hint)


def builder_lacks(what: str, example: str, environment: str, build: BuildRun) -> Diagnostic:
    message = f"environment `{environment}` builds in the cluster, and has no {what}"
    span = build.merged.descriptor.name_span
    return Diagnostic(NO_BUILDER, message, span, f"write `{example}` in gitopsc.yaml")


def large_context(build: BuildRun, size: int, most: int) -> Diagnostic:
    message = f"the source of `{build.function.name}` has {size:,} bytes, and a ConfigMap holds"
    message += f" {most:,} of a build"
    hint = "write `sources: fetch` for a source that is fetched, or build it elsewhere"
    return Diagnostic(LARGE_CONTEXT, message, build.merged.descriptor.name_span, hint)


def no_registry(environment: str, project: Project) -> Diagnostic:
    message = f"environment `{environment}` has no registry: images are called `localhost/...`"
    hint = "write `registry: registry.example.com/team` into gitopsc.yaml"
    return Diagnostic(NO_REGISTRY, message, project.place, hint)


# Volumes and claims


def one_claim_name(run: Run, other: Run, claim: str, span: Span) -> Diagnostic:
    message = f"`{other.name}` and `{run.name}` would both have claim `{claim}`"
    hint = "rename a volume; runs that are to share a claim write `shared_volume`"
    return Diagnostic(ONE_NAME, message, span, hint, _is_here(other))


def claim_conflict(run: Run, other: Run, claim: str, span: Span) -> Diagnostic:
    message = f"`{other.name}` and `{run.name}` want claim `{claim}` to be two things"
    hint = "give both the same size, class, access mode and `on_delete`"
    return Diagnostic(CLAIM_CONFLICT, message, span, hint, _is_here(other))


def name_of_a_claim(claim: str, run: Descriptor) -> Diagnostic:
    message = f"no run can be called `claim-{claim}`: that is the file of a claim"
    return Diagnostic(ONE_NAME, message, run.name_span, "choose another name")


def two_volumes(name: str, span: Span) -> Diagnostic:
    return Diagnostic(MOUNT_CLASH, f"two volumes are called `{name}`", span, "rename one")


def one_mount(volume: Volume, other: Volume, span: Span) -> Diagnostic:
    message = f"`{other.name}` and `{volume.name}` are both mounted at `{volume.mount_path}`"
    return Diagnostic(MOUNT_CLASH, message, span, "move one")


def hides(path: str, hidden: str, span: Span) -> Diagnostic:
    message = f"a volume at `{path}` would hide or change `{hidden}`"
    hint = "mount it elsewhere, such as `/data`"
    return Diagnostic(MOUNT_CLASH, message, span, hint)


def one_node(replicas: int, span: Span) -> Diagnostic:
    message = f"{replicas} pods share a claim that one node at a time can mount"
    hint = (
        "write `replicas: 1`, or `access_mode: ReadWriteMany` in its `spec`; a claim that is there"
    )
    hint += " needs another name for that"
    return Diagnostic(ONE_NODE, message, span, hint)


def no_image_volumes(environment: Environment, span: Span) -> Diagnostic:
    message = f"Kubernetes {environment.kubernetes} has image volumes switched off"
    message += f" (environment `{environment.name}`)"
    hint = "write `kubernetes: '1.35'` in gitopsc.yaml, if the cluster is that new"
    return Diagnostic(NEWER_KUBERNETES, message, span, hint)


# Limits


def over_own_limit(run: Run, key: str, request: str, limit: str) -> Diagnostic:
    message = f"the run asks for {request} of `{key}`, and allows {limit}"
    place = run.span("resources", key, "limits")
    return Diagnostic(OVER_LIMIT, message, place, "ask for less, or raise the limit")


def profile_over_limit(
    profile: str | None, key: str, request: str, limit: str, project: Project
) -> Diagnostic:
    message = f"profile `{profile}` asks for {request} of `{key}`, and allows {limit}"
    settings, way = project.settings, ("profiles", str(profile))
    place = settings.key_span(*way) if settings and settings.has(*way) else project.place
    return Diagnostic(OVER_LIMIT, message, place, "ask for less, or raise the limit")


def over_profile_limit(key: str, request: str, limit: str, span: Span) -> Diagnostic:
    message = f"the run asks for {request} of `{key}`, and its profile allows {limit}"
    hint = "ask for less, or raise the limit of the profile"
    return Diagnostic(OVER_LIMIT, message, span, hint)


def platform_quantity(key: str, quantity: str, span: Span) -> Diagnostic:
    message = f"the platform refuses the quantity `{quantity}`; Kubernetes takes it"
    unit, size = ("m", amount("1m")) if key == "cpu" else ("Mi", amount("1Mi"))
    count = amount(quantity) / size
    meant = f"{int(count)}{unit}" if count == int(count) else "500m" if key == "cpu" else "512Mi"
    such = "" if count == int(count) else "a whole number with a unit, such as "
    return Diagnostic(PLATFORM_REFUSES, message, span, f"write {such}`{meant}`")


_MOST_GIBIBYTES = 64
"""A larger number without a unit is rather of mebibytes."""


def tiny_amount(key: str, quantity: str, span: Span) -> Diagnostic:
    what = "memory" if key == "mem" else "disk"
    message = f"`{quantity}` of {what} is less than a mebibyte"
    if quantity.endswith("m"):
        message += "; `m` is a thousandth"
    elif not quantity[-1:].isalpha():
        message += "; without a unit it is bytes"
    digits = re.match(r"[0-9]*\.?[0-9]+", quantity)
    number = (float(digits[0]) if digits is not None else 0) or 1
    unit = "Gi" if 1 <= number < _MOST_GIBIBYTES else "Mi"
    meant = f"{max(1, int(number * 1024)) if number < 1 else int(number)}{unit}"
    return Diagnostic(TINY_AMOUNT, message, span, f"write `{meant}`, if that is meant")


def huge_cpu(cpu: str, span: Span) -> Diagnostic:
    message = f"`cpu: {cpu}` asks for {int(amount(cpu)):,} cores, which no machine has"
    number = cpu.removesuffix("Mi").removesuffix("M")
    hint = f"write `{number}m`, if thousandths of a core are meant" if number.isdigit() else None
    return Diagnostic(HUGE_CPU, message, span, hint)


def large_settings(run: Run, most: int) -> Diagnostic:
    message = f"the settings of run `{run.name}` take over {most:,} bytes"
    hint = "put the data into a file of the source or a data entity, and pass its key"
    return Diagnostic(TOO_LARGE, message, run.descriptor.name_span, hint)


def large_values(run: Run, most: int) -> Diagnostic:
    message = f"the variables and arguments of run `{run.name}` take over {most:,} bytes"
    hint = "a cluster stores no object of that size: put them into a file"
    return Diagnostic(TOO_LARGE, message, run.descriptor.name_span, hint)


def server_side(run: Run) -> Diagnostic:
    message = f"the settings of run `{run.name}` are too large for a client-side apply"
    hint = "use `kubectl apply --server-side`; Argo CD finds that it has to in an annotation"
    return Diagnostic(SERVER_SIDE, message, run.descriptor.name_span, hint)


def summer_time(
    run: Run, environment: Environment, minutes: tuple[int, int], *, is_skipped: bool
) -> Diagnostic:
    """`minutes` are the first and the last of the day that clocks skip or have twice."""
    first, last = (f"{minute // 60:02}:{minute % 60:02}" for minute in minutes)
    what = "skip" if is_skipped else "have twice"
    then = "does not run" if is_skipped else "runs twice"
    message = f"once a year, clocks in {environment.time_zone} {what} {first} to {last}, and"
    message += f" `{run.name}` {then} (environment `{environment.name}`)"
    return Diagnostic(SUMMER_TIME, message, run.span("schedule"), "choose another hour, or Etc/UTC")


def in_output(path: str, output: str, span: Span) -> Diagnostic:
    message = f"`{path}` lies in the output folder `{output}`"
    hint = "move it, or choose another `output` in gitopsc.yaml"
    return Diagnostic(OUTPUT_HOLDS_INPUT, message, span, hint)


# Stores


def needs_store(
    run: Run, verb: str, key: StoreKey, environment: Environment, span: Span
) -> Diagnostic:
    message = f"`{run.name}` {verb} {key.type} `{key.name}`"
    message += f", and environment `{environment.name}` has no store for it"
    return Diagnostic(NEEDS_STORE, message, span, _store_hint(environment))


def no_record(environment: Environment, project: Project) -> Diagnostic:
    message = f"jobs of environment `{environment.name}` keep no record without a store:"
    message += " one that is created again runs again"
    return Diagnostic(NO_RECORD, message, project.place, _store_hint(environment))


def no_record_of_containers(names: Sequence[str], first: Run) -> Diagnostic:
    what = f"job {listed(names)} keeps" if len(names) == 1 else f"jobs {listed(names, 5)} keep"
    message = f"{what} no record, as containers do: one that is created again runs again"
    hint = "make it one that may run twice, or a `python+job:run`, which keeps a record"
    return Diagnostic(NO_RECORD, message, first.descriptor.name_span, hint)


def _store_hint(environment: Environment) -> str:
    store = environment.stores.get(DEFAULT)
    if store is not None:
        return f"`{store.url}` is another place in each pod: write a URL or a `claim`"
    if environment.stores:
        return f"call one of the stores `{DEFAULT}`: there is {listed(sorted(environment.stores))}"
    return "write `stores: {default: s3://<bucket>/<folder>}` in gitopsc.yaml, or a shared claim"


def local_data(run: Run, path: str, span: Span) -> Diagnostic:
    message = f"`{run.name}` reads `{path}`, a file that pods do not have"
    hint = "put the file where pods can fetch it, and declare its URL"
    return Diagnostic(LOCAL_DATA, message, span, hint)


def unknown_scheme(run: Run, path: str, scheme: str, span: Span) -> Diagnostic:
    message = f"`{run.name}` reads `{path}`, and no driver is known for `{scheme}://`"
    hint = did_you_mean(scheme, KNOWN_SCHEMES) or "put the data where fsspec opens it, as in S3"
    return Diagnostic(UNKNOWN_SCHEME, message, span, hint)


# Knative


def scaled_by_requests(run: Run) -> Diagnostic:
    message = f"`{run.name}` scales to zero, and without a pod there is no CPU use to scale by"
    hint = "write how many requests a pod answers at a time, such as `concurrency: 20`"
    return Diagnostic(UNFIT_VALUE, message, run.span("gitops", "scale"), hint)


def not_by_cpu(run: Run) -> Diagnostic:
    message = "with `min: 0` the number of requests says how many pods there are, and no CPU"
    span = run.merged.key_span("gitops", "scale", "cpu")
    return Diagnostic(UNFIT_VALUE, message, span, "remove it")


def scaled_without_requests(run: Run) -> Diagnostic:
    message = f"`{run.name}` has no port, so no request would ever start it"
    span = run.merged.key_span("gitops", "scale")
    return Diagnostic(UNFIT_VALUE, message, span, "write `min: 1` or more, or ports")


def knative_has_no(run: Run, what: str, span: Span) -> Diagnostic:
    message = f"Knative does not support {what} of `{run.name}`, whose `scale` has `min: 0`"
    hint = "remove it, or write `min: 1` or more, which is a Deployment"
    return Diagnostic(UNFIT_VALUE, message, span, hint)


# Secrets


def unasked_secret(name: str, hint: str, place: Span) -> Diagnostic:
    message = f"nothing asks for the secret `{name}`"
    return Diagnostic(UNASKED_SECRET, message, place, hint)


# Networks


def closed_off(run: Run, environment: str, whom: str, hint: str, place: Span) -> Diagnostic:
    message = f"`network` in `{environment}` keeps {whom} out of `{run.name}`"
    related = (Label(run.descriptor.name_span, f"`{run.name}` is here"),)
    return Diagnostic(CLOSED_OFF, message, place, hint, related)


def closed_to_metrics(environment: str, place: Span) -> Diagnostic:
    message = f"`network` in `{environment}` keeps Prometheus out of services, and `metrics` is set"
    hint = "write its namespace into `network: {allow: [...]}`"
    return Diagnostic(CLOSED_OFF, message, place, hint)


# Policies


def no_digest(image: str, span: Span, hint: str) -> Diagnostic:
    message = f"`{image}` names a tag, which may be another image tomorrow"
    return Diagnostic(NO_DIGEST, message, span, hint)


def foreign_image(image: str, what: str, allowed: Sequence[str], span: Span) -> Diagnostic:
    message = f"`{image}` ({what}) is of a registry that `policies` do not allow"
    hint = f"allowed: {listed(allowed)}"
    if not has_registry(image):
        hint += "; what names no registry is allowed by its own name, such as `python`"
    return Diagnostic(FOREIGN_IMAGE, message, span, hint)


def foreign_base(
    image: str, allowed: Sequence[str], span: Span, *, of_dockerfile: bool
) -> Diagnostic:
    message = f"the base image `{image}` is not one that `policies` allow"
    hint = f"allowed: {listed(allowed)}"
    if not of_dockerfile:
        hint += "; without `base_image`, it is `python_image` of the settings"
    return Diagnostic(FOREIGN_BASE, message, span, hint)


def no_request(run: Run, name: str, amount: str, fix: Fix | None) -> Diagnostic:
    message = f"`{run.name}` asks for no {_RESOURCES[name]}, and gets the default"
    place = " into its `template`" if run.descriptor.is_of_trigger else ""
    hint = f"write `resources: {{{name}: {amount}}}`{place}, which is what it has"
    return Diagnostic(NOT_ASKED, message, run.descriptor.name_span, hint, fix=fix)


def no_limit(run: Run, name: str) -> Diagnostic:
    message = f"`{run.name}` has no limit of {_RESOURCES[name]}"
    hint = f"write `resources: {{limits: {{{name}: ...}}}}` into a profile of it"
    return Diagnostic(NOT_ASKED, message, run.descriptor.name_span, hint)


def missing_label(run: Run, label: str) -> Diagnostic:
    message = f"the pods of `{run.name}` have no label `{label}`"
    hint = f"write `pod: {{labels: {{{label}: ...}}}}` into the settings, or under `gitops`"
    return Diagnostic(MISSING_LABEL, message, run.descriptor.name_span, hint)


def other_pull_policy(
    run: Run, found: str | None, wanted: str, span: Span, fix: Fix | None
) -> Diagnostic:
    what = f"the pull policy `{found}`" if found is not None else "the cluster's own pull policy"
    message = f"the pods of `{run.name}` have {what}"
    hint = f"write `pod: {{pull_policy: {wanted}}}`"
    return Diagnostic(OTHER_PULL_POLICY, message, span, hint, fix=fix)


_RESOURCES = {"cpu": "CPU", "mem": "memory"}
