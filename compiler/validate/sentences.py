"""What validating says of each problem but shapes: where, in which words, what to type instead."""

from __future__ import annotations

from collections.abc import Sequence

from gitopsc.model.descriptor import Descriptor
from gitopsc.model.diagnostic import (
    ALMOST_DESCRIPTOR,
    BAD_PROJECT_NAME,
    BAD_SETTINGS,
    CREDENTIALS,
    DEFINED_TWICE,
    FOREIGN_KIND,
    INSIDE_PROJECT,
    LOCK_EDITED,
    MISSING_KEY,
    MLRUN_PROJECT,
    OTHER_PROJECT,
    UNFIT_VALUE,
    UNKNOWN_KIND,
    UNKNOWN_SCHEME,
    UNOWNED,
    WRONG_VALUE,
    Diagnostic,
    Label,
    did_you_mean,
)
from gitopsc.model.files import SETTINGS_FILE
from gitopsc.model.fix import Fix
from gitopsc.model.names import project_name
from gitopsc.model.source import Span
from gitopsc.model.store import KNOWN_SCHEMES

_MOST_RELATED = 10
_PIN_AGAIN = "run `gitopsc lock`, which pins it again"


# Descriptors


def no_spec(kind: str, span: Span) -> Diagnostic:
    message = f"this `{kind}` has no `spec`, so it is left alone"
    return Diagnostic(ALMOST_DESCRIPTOR, message, span, "write `spec:`")


def no_kind(span: Span) -> Diagnostic:
    message = "this looks like a descriptor, but has no `kind`, so it is left alone"
    hint = "write `kind: python` for a function, `kind: python+job:run` for a run of it as a job"
    return Diagnostic(ALMOST_DESCRIPTOR, message, span, hint)


def no_name(span: Span) -> Diagnostic:
    hint = "write `name:`; its objects in the cluster are called after it"
    return Diagnostic(MISSING_KEY, "the run has no name", span, hint)


def reserved_label(label: str, span: Span) -> Diagnostic:
    message = f"the label `{label}` has the prefix of gitopsc's own"
    return Diagnostic(UNFIT_VALUE, message, span, "choose another prefix")


def of_mlrun(span: Span) -> Diagnostic:
    message = "this is a project of MLRun, which is another platform"
    hint = "list the file under `exclude`, and write a `kind: python` for each function"
    return Diagnostic(MLRUN_PROJECT, message, span, hint)


def other_runtime(kind: str, places: Sequence[Span]) -> Diagnostic:
    message = f"kind `{kind}` belongs to another runtime; {_they(places)} left alone"
    return Diagnostic(FOREIGN_KIND, message, places[0])


def container_build(kind: str, places: Sequence[Span]) -> Diagnostic:
    message = f"gitopsc builds no container functions; {_they(places)} ignored (`{kind}`)"
    hint = "build the image where it is made, and write it as `image` of the function"
    return Diagnostic(FOREIGN_KIND, message, places[0], hint, _and_here(places))


def of_kubernetes(kind: str, span: Span) -> Diagnostic:
    message = f"`{kind}` is ignored here: with an `apiVersion`, a document is one of Kubernetes"
    return Diagnostic(ALMOST_DESCRIPTOR, message, span, "remove it: descriptors have none")


def unknown_kind(kind: str, meant: str, places: Sequence[Span]) -> Diagnostic:
    message = f"unknown kind `{kind}`"
    hint = f"did you mean `{meant}`?"
    fix = Fix("replace", places[0], meant)
    return Diagnostic(UNKNOWN_KIND, message, places[0], hint, _and_here(places), fix=fix)


def foreign_kind(kind: str, meant: str | None, places: Sequence[Span]) -> Diagnostic:
    message = f"kind `{kind}` is unknown to gitopsc; {_they(places)} ignored"
    hint = "if it is meant for something else, list its file under `exclude` in gitopsc.yaml"
    if meant:
        hint = f"did you mean `{meant}`?"
    return Diagnostic(FOREIGN_KIND, message, places[0], hint, _and_here(places))


def _they(places: Sequence[Span]) -> str:
    return f"all {len(places)} of them are" if places[1:] else "it is"


def _and_here(places: Sequence[Span]) -> tuple[Label, ...]:
    return tuple(Label(place, "and here") for place in places[1:][:_MOST_RELATED])


def unowned(kind: str, span: Span) -> Diagnostic:
    message = f"this {kind} is outside every project; it is left alone"
    hint = f"add a {SETTINGS_FILE} to its folder or to one above it"
    return Diagnostic(UNOWNED, message, span, hint)


def of_another_project(named: str, project: str, span: Span) -> Diagnostic:
    message = f"this belongs to project `{named}`, but its folder is project `{project}`"
    hint = f"remove the line, or write `project: {named}` into {SETTINGS_FILE}"
    return Diagnostic(OTHER_PROJECT, message, span, hint)


# Projects


def inside_project(settings: str) -> Diagnostic:
    message = f"this folder is part of the project of `{settings}`, and not a project itself"
    hint = f"compile `{settings.removesuffix('/' + SETTINGS_FILE)}`"
    return Diagnostic(INSIDE_PROJECT, message, Span("."), hint)


def second_project(first: Descriptor, second: Descriptor) -> Diagnostic:
    return Diagnostic(
        DEFINED_TWICE,
        "one folder cannot be two projects",
        second.name_span,
        "move one of them into a folder of its own",
        (Label(first.name_span, "first here"),),
    )


def no_project_name(name: str, span: Span) -> Diagnostic:
    message = "`project` is missing: the folder of each clone may have another name"
    hint = f"write `project: {project_name(name)}` into {SETTINGS_FILE}"
    return Diagnostic(MISSING_KEY, message, span, hint)


def bad_folder_name(name: str, span: Span) -> Diagnostic:
    message = f"the folder's name `{name}` cannot name a project"
    hint = f"write `project: {project_name(name)}` into {SETTINGS_FILE}"
    return Diagnostic(BAD_PROJECT_NAME, message, span, hint)


def two_names(name: str, entity: Descriptor) -> Diagnostic:
    message = f"the settings call the project `{name}`, and this `{entity.name}`"
    return Diagnostic(BAD_SETTINGS, message, entity.name_span, "use one name")


# Settings


def misnamed_settings(path: str) -> Diagnostic:
    hint = f"rename it to `{SETTINGS_FILE}`, or it is not read"
    message = f"settings are called `{SETTINGS_FILE}`"
    return Diagnostic(BAD_SETTINGS, message, Span(path), hint)


def second_settings(span: Span) -> Diagnostic:
    message = "settings are one document, and this is a second"
    return Diagnostic(BAD_SETTINGS, message, span, "join them")


def not_a_pattern(pattern: str, span: Span) -> Diagnostic:
    hint = "write a pattern as in .gitignore, with at most two `*` between slashes"
    message = f"`{pattern}` is not a pattern that can be used"
    return Diagnostic(WRONG_VALUE, message, span, hint)


def store_or_cluster_store(span: Span) -> Diagnostic:
    message = "an external secret needs a `store` or a `cluster_store`, and one of them only"
    hint = "write `store:` for a SecretStore of the namespace"
    return Diagnostic(BAD_SETTINGS, message, span, hint)


def two_sources(name: str, key: str, span: Span) -> Diagnostic:
    message = f"key `{key}` of Secret `{name}` is fetched from two places"
    return Diagnostic(BAD_SETTINGS, message, span, "give one of them a key of its own")


def two_origins(name: str, span: Span) -> Diagnostic:
    message = f"the keys of Secret `{name}` are not all from one place"
    hint = "give those of another store, or of none, a Secret with another name"
    return Diagnostic(BAD_SETTINGS, message, span, hint)


def merge_or_json(span: Span) -> Diagnostic:
    hint = "write `merge:` with what is different, or `json:` with a list of operations"
    return Diagnostic(BAD_SETTINGS, "a patch is a merge or a list of operations", span, hint)


def url_or_claim(store: str, span: Span) -> Diagnostic:
    message = f"store `{store}` needs a `url` or a `claim`, and one of them only"
    hint = "write `url: s3://<bucket>/<folder>`, or `claim: {name: <claim>}`"
    return Diagnostic(BAD_SETTINGS, message, span, hint)


def store_with_password(store: str, span: Span) -> Diagnostic:
    message = f"the URL of store `{store}` has a name or a password in it"
    hint = f"write `{store}: {{url: ..., secrets: [NAME]}}`, and bring the Secret"
    return Diagnostic(CREDENTIALS, message, span, hint)


def written_password(key: str, span: Span) -> Diagnostic:
    message = f"`{key}` looks like a password, and settings are in Git and in ConfigMaps"
    hint = "name variables that the driver reads under `secrets`, and bring the Secret"
    return Diagnostic(CREDENTIALS, message, span, hint)


def one_namespace(first: str, second: str, namespace: str, cluster: str, span: Span) -> Diagnostic:
    message = f"`{first}` and `{second}` are both namespace `{namespace}` of cluster `{cluster}`"
    hint = "give one of them another namespace, or another cluster"
    return Diagnostic(BAD_SETTINGS, message, span, hint)


# Locks


def second_lock(span: Span) -> Diagnostic:
    return Diagnostic(LOCK_EDITED, "a lock is one document, and this is a second", span, _PIN_AGAIN)


def broken_lock(span: Span) -> Diagnostic:
    return Diagnostic(LOCK_EDITED, "the lock is not as `gitopsc lock` wrote it", span, _PIN_AGAIN)


def edited_pin(name: str, span: Span) -> Diagnostic:
    message = f"the pin of `{name}` was edited, or put together from two"
    return Diagnostic(LOCK_EDITED, message, span, _PIN_AGAIN)


def unknown_time_zone(name: str, known: Sequence[str], span: Span) -> Diagnostic:
    hint = did_you_mean(name, known) or "write a name such as `Europe/Rome`"
    return Diagnostic(UNFIT_VALUE, f"unknown time zone `{name}`", span, hint)


def unknown_scheme(store: str, scheme: str, span: Span) -> Diagnostic:
    message = f"no driver is known for the store `{store}`: `{scheme}://`"
    hint = did_you_mean(scheme, KNOWN_SCHEMES) or "write a URL that fsspec opens, such as `s3://`"
    return Diagnostic(UNKNOWN_SCHEME, message, span, hint)
