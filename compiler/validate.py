"""Documents -> Projects: what is a descriptor, whether its shape is right, whose it is."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from gitopsc.adapters.glob import is_pattern
from gitopsc.adapters.schema import Violation, example, nested_home, property_names, violations
from gitopsc.model.credentials import names_secret
from gitopsc.model.descriptor import (
    COMPILED_KINDS,
    DEFAULT_KUBERNETES,
    OTHER_RUNTIMES,
    RUN_KINDS,
    Allowance,
    Builder,
    Descriptor,
    Environment,
    Profile,
    Project,
    SecretKey,
)
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
    RETIRED_KEY,
    STRAY_KEY,
    UNKNOWN_KEY,
    UNKNOWN_KIND,
    UNOWNED,
    WRONG_TYPE,
    WRONG_VALUE,
    Diagnostic,
    Label,
    Severity,
    did_you_mean,
    listed,
)
from gitopsc.model.document import Document, Pointer
from gitopsc.model.files import LOCK_FILE, SETTINGS_FILE
from gitopsc.model.lock import Lock, pin_of
from gitopsc.model.scheduling import Scheduling
from gitopsc.model.source import Span, Tree
from gitopsc.model.store import Store
from gitopsc.model.volume import Volume

Diagnostics = list[Diagnostic]

DEFAULT_OUTPUT = "deploy"

_MEANT_KINDS = {
    "function": "python",
    "job": "python+job:run",
    "run": "python+job:run",
    "serve": "python+serve:run",
    "service": "python+serve:run",
}
_PROJECT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,36}[a-z0-9]")
_MISNAMED_SETTINGS = ("gitopsc.yml", "gitopsc.json")
_SETTINGS_SCHEMA = "gitopsc"
_LOCK_SCHEMA = "lock"
_BUILDCTL = "moby/buildkit:v0.17.2-rootless"
_PIN_AGAIN = "run `gitopsc lock`, which pins it again"
_MOST_RELATED = 10
_TYPE_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "a string",
}


def validate(
    tree: Tree, documents: Sequence[Document]
) -> tuple[tuple[Project, ...], tuple[Diagnostic, ...]]:
    """The projects of a tree, each with its descriptors; broken ones keep their names."""
    problems: Diagnostics = []
    settings = _settings(tree, documents, problems)
    named = (SETTINGS_FILE, LOCK_FILE)
    others = [each for each in documents if each.path.split("/")[-1] not in named]
    locks: dict[str, Document] = {}
    for each in documents:
        if (
            each.path.split("/")[-1] == LOCK_FILE
            and locks.setdefault(_folder(each.path), each) is not each
        ):
            message = "a lock is one document, and this is a second"
            problems.append(Diagnostic(LOCK_EDITED, message, each.span(), _PIN_AGAIN))
    parts = [
        part
        for document in others
        for part in _with_inline_entities(document)
        if _is_descriptor(part.data)
    ]
    problems += [problem for each in others for problem in _almost_descriptor(each)]
    folders = {*settings, *(_folder(each.path) for each in parts if each.data["kind"] == "project")}
    if not folders and parts and not tree.is_part:
        folders = {""}
        if tree.enclosing is not None:
            problems.append(_inside_project(tree.enclosing))
    owned: dict[str, list[Descriptor]] = {folder: [] for folder in sorted(folders)}
    foreign: dict[str, list[Document]] = {}
    for part in parts:
        owner = _owner(part.path, owned)
        if owner is None:
            problems += _unowned(part)
        elif part.data["kind"] in COMPILED_KINDS:
            owned[owner].append(_descriptor(part, problems))
        else:
            foreign.setdefault(part.data["kind"], []).append(part)
    problems += [_foreign_kind(kind, found) for kind, found in foreign.items()]
    described = frozenset(
        (
            *(each.path for each in (*settings.values(), *locks.values())),
            *(each.path for each in parts if each.data["kind"] in COMPILED_KINDS),
        )
    )
    projects = tuple(
        replace(
            _project(tree, folder, settings.get(folder), mine, described, problems),
            lock=_lock(locks[folder], problems) if folder in locks else Lock(),
        )
        for folder, mine in owned.items()
    )
    return projects, tuple(problems)


def _with_inline_entities(document: Document) -> Iterator[Document]:
    """A project's file may hold whole functions, runs and data entities (digitalhub.md 4.1)."""
    yield document
    data = document.data
    if (
        not _is_descriptor(data)
        or data["kind"] != "project"
        or not isinstance(data.get("spec"), dict)
    ):
        return
    for key, entries in data["spec"].items():
        if isinstance(entries, list):
            for entry in document.part("spec", key).items():
                if isinstance(entry.data, dict) and "spec" in entry.data:
                    yield entry


def _is_descriptor(data: Any) -> bool:
    """design.md section 1."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("kind"), str)
        and "apiVersion" not in data
        and ("spec" in data or "metadata" in data)
    )


def _almost_descriptor(document: Document) -> Diagnostics:
    """Nobody is told of files that are not ours; but one that is ours but for a key is lost."""
    data = document.data
    if not isinstance(data, dict) or "apiVersion" in data or _is_descriptor(data):
        return []
    kind, spec = data.get("kind"), data.get("spec")
    if isinstance(kind, str) and kind.startswith("python"):
        message = f"this `{kind}` has no `spec`, so it is left alone"
        return [Diagnostic(ALMOST_DESCRIPTOR, message, document.span("kind"), "write `spec:`")]
    looks_like_ours = isinstance(spec, dict) and (
        "function" in spec or (isinstance(spec.get("source"), dict) and "handler" in spec["source"])
    )
    if isinstance(kind, str) or not looks_like_ours:
        return []
    message = "this looks like a descriptor, but has no `kind`, so it is left alone"
    hint = "write `kind: python` for a function, `kind: python+job:run` for a run of it as a job"
    return [Diagnostic(ALMOST_DESCRIPTOR, message, document.key_span("spec"), hint)]


def _inside_project(settings: str) -> Diagnostic:
    message = f"this folder is part of the project of `{settings}`, and no project itself"
    hint = f"compile `{settings.removesuffix('/' + SETTINGS_FILE)}`"
    return Diagnostic(INSIDE_PROJECT, message, Span("."), hint)


def _descriptor(document: Document, problems: Diagnostics) -> Descriptor:
    data = document.data
    kind: str = data["kind"]
    spec = data.get("spec") if isinstance(data.get("spec"), dict) else {}
    if kind == "project" and (place := _mlrun_function(spec)) is not None:
        message = "this is a project of MLRun, which is another platform"
        hint = "list the file under `exclude`, and write a `kind: python` for each function"
        span = document.span("spec", "functions", place)
        problems.append(Diagnostic(MLRUN_PROJECT, message, span, hint))
        return Descriptor(kind, "", None, document, {}, valid=False)
    told = {each.span for each in document.faults}
    schema = kind.replace(":", ".")
    shape = _shape_problems(document, schema, violations(schema, data))
    found = [*document.faults, *(each for each in shape if each.span not in told)]
    found += _odd_numbers(document, ("spec",))
    problems += found
    names = (data.get("name"), data.get("id"))
    name, identifier = (each if isinstance(each, str) else None for each in names)
    if "name" not in data and "id" not in data and kind in RUN_KINDS:
        hint = "write `name:`; its objects in the cluster are called after it"
        found.append(Diagnostic(MISSING_KEY, "the run has no name", document.span("kind"), hint))
        problems.append(found[-1])
    valid = all(each.severity is not Severity.ERROR for each in found)
    return Descriptor(kind, name or identifier or "", identifier, document, spec, valid)


def _mlrun_function(spec: Mapping[str, Any]) -> int | None:
    """The first function that only MLRun writes so (digitalhub.md section 9.2)."""
    functions = spec.get("functions")
    for index, entry in enumerate(functions if isinstance(functions, list) else ()):
        if isinstance(entry, dict) and "spec" not in entry and {"url", "handler"} & entry.keys():
            return index
    return None


def _odd_numbers(document: Document, pointer: Pointer) -> Diagnostics:
    """Who writes 0123 for a variable means those characters, and not the number 123."""
    place = (*pointer, "envs")
    variables = document.part(*place).data if document.has(*place) else None
    found = []
    for index, variable in enumerate(variables if isinstance(variables, list) else ()):
        value = variable.get("value") if isinstance(variable, dict) else None
        if isinstance(value, int) and document.is_odd(*place, index, "value"):
            message = f"YAML reads this as the number {value}"
            hint = "quote it, as it is meant"
            span = document.span(*place, index, "value")
            found.append(Diagnostic(WRONG_TYPE, message, span, hint))
    return found


def _foreign_kind(kind: str, documents: Sequence[Document]) -> Diagnostic:
    """One for all documents of a kind, at the first of them."""
    span, *others = sorted(each.span("kind") for each in documents)
    they = f"all {len(documents)} of them are" if others else "it is"
    if re.split(r"[+:]", kind)[0] in OTHER_RUNTIMES:
        message = f"kind `{kind}` is of another runtime; {they} left alone"
        return Diagnostic(FOREIGN_KIND, message, span)
    close = get_close_matches(kind, sorted(COMPILED_KINDS), n=1, cutoff=0.8)
    related = tuple(Label(each, "and here") for each in others[:_MOST_RELATED])
    if close and close[0].startswith("python"):
        message = f"unknown kind `{kind}`"
        return Diagnostic(UNKNOWN_KIND, message, span, f"did you mean `{close[0]}`?", related)
    message = f"kind `{kind}` is none of ours; {they} left alone"
    hint = "if it is meant for something else, list its file under `exclude` in gitopsc.yaml"
    meant = close[0] if close else _MEANT_KINDS.get(kind.lower())
    if meant:
        hint = f"did you mean `{meant}`?"
    return Diagnostic(FOREIGN_KIND, message, span, hint, related)


# Shape


def _shape_problems(
    document: Document, schema: str, found: Sequence[Violation]
) -> list[Diagnostic]:
    mistyped = {each.pointer for each in found if each.keyword == "type"}
    problems = []
    for violation in found:
        if violation.keyword == "type" or violation.pointer not in mistyped:
            explained = _explain(document, schema, violation)
            is_secret = schema != _SETTINGS_SCHEMA and "secrets" in violation.pointer
            problems += [_private(each) for each in explained] if is_secret else explained
    return problems


def _private(problem: Diagnostic) -> Diagnostic:
    """What stands where names of secrets belong may be a secret itself."""
    hint = "write the names of secrets; their values are the platform's, or a Secret's"
    message = problem.message.partition(" cannot be `")[0]
    if message != problem.message:
        message += " is not the name of a secret"
    return replace(problem, message=message, hint=hint, private=True)


def _explain(document: Document, schema: str, violation: Violation) -> list[Diagnostic]:
    match violation.keyword:
        case "additionalProperties":
            known = list(violation.schema.get("properties", {}))
            extra = [key for key in violation.found if key not in known]
            return [_unknown_key(document, schema, violation, key, known) for key in extra]
        case "required":
            return _missing_keys(document, violation)
        case "type":
            return [_wrong_type(document, violation)]
        case "propertyNames":
            name = violation.pointer[-1]
            message = f"`{name}` cannot be a name in `{violation.pointer[-2]}`"
            hint = violation.schema.get("x-hint")
            span = document.key_span(*violation.pointer)
            return [Diagnostic(WRONG_VALUE, message, span, hint)]
        case _:
            return [_wrong_value(document, violation)]


def _unknown_key(
    document: Document, schema: str, violation: Violation, key: str, known: list[str]
) -> Diagnostic:
    span = document.key_span(*violation.pointer, key)
    if reason := violation.schema.get("x-retired", {}).get(key):
        hint = "remove it; newer platforms ignore it too"
        return Diagnostic(RETIRED_KEY, f"{reason}; it is ignored", span, hint)
    if ignored := violation.schema.get("x-ignored", {}).get(key):
        reason, hint = ignored
        return Diagnostic(RETIRED_KEY, f"{reason}; `{key}` is ignored", span, hint)
    at_top = not violation.pointer and schema != _SETTINGS_SCHEMA
    if at_top and key in property_names(schema, "spec"):
        message = f"`{key}` stands beside `spec`, where nothing reads it"
        return Diagnostic(STRAY_KEY, message, span, f"move `{key}` into `spec`")
    near = did_you_mean(key, known)
    if at_top and not near:
        message = f"nothing reads the key `{key}`"
        advice = "remove it, or keep it under `metadata`, which is open"
        return Diagnostic(STRAY_KEY, message, span, advice)
    hint = near or f"known here: {listed(known)}"
    if key == "<<":
        hint = "YAML 1.2 has no merge keys; repeat the keys"
    elif violation.pointer == ("spec",):
        hint = _other_home(schema, key) or hint
    return Diagnostic(UNKNOWN_KEY, f"unknown key `{key}`", span, hint)


def _other_home(schema: str, key: str) -> str | None:
    """A key of `spec` that stands one level too high, or in a descriptor of the wrong kind."""
    runs_first = sorted(COMPILED_KINDS, key=lambda kind: (not kind.endswith(":run"), kind))
    for kind in runs_first:
        other = kind.replace(":", ".")
        is_related = kind.startswith("python+") and schema.startswith("python+")
        if is_related and other != schema and key in property_names(other, "spec"):
            return f"only `kind: {kind}` has it"
    home = nested_home(schema, "spec", key)
    return f"move `{key}` into `{home}`" if home else None


def _missing_keys(document: Document, violation: Violation) -> list[Diagnostic]:
    """jsonschema reports each missing key by itself, without naming it but in prose."""
    span = document.key_span(*violation.pointer) if violation.pointer else document.span("kind")
    where = f" in {_place(violation.pointer)}" if violation.pointer else ""
    missing = [key for key in violation.expected if key not in violation.found]
    return [
        Diagnostic(MISSING_KEY, f"`{key}` is missing{where}", span, _example(violation.schema, key))
        for key in missing
    ]


def _example(schema: Mapping[str, Any], key: str) -> str:
    shown = example(schema, key)
    return (
        f"add `{key}:`, such as `{key}: {_flow(shown)}`" if shown is not None else f"add `{key}:`"
    )


def _flow(value: Any) -> str:
    """A value as people write it on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _plain(value)


def _wrong_type(document: Document, violation: Violation) -> Diagnostic:
    expected = violation.expected
    types = [expected] if isinstance(expected, str) else expected
    span = document.span(*violation.pointer)
    wanted = " or ".join(_TYPE_WORDS[each] for each in types)
    found = violation.found
    message = f"{_place(violation.pointer)} must be {wanted}, not {_kind_word(found)}"
    hint = violation.schema.get("x-hint")
    if "integer" in types and "string" not in types and isinstance(found, float):
        hint = hint or "write a whole number"
    elif "string" in types and isinstance(found, (bool, int, float)):
        hint = f'quote it: "{_plain(found)}"'
        if _plain(found) not in violation.schema.get("enum", (_plain(found),)):
            hint = f"YAML reads a number here; {_enum_hint(violation.schema, found)}"
    elif types == ["boolean"]:
        hint = "write `true` or `false`, without quotes"
    elif types == ["array"] and isinstance(found, str):
        hint = f"write `[{found}]`" if len(found) < 40 else "put `- ` before it"
    elif examples := violation.schema.get("examples"):
        hint = f"write for example `{_flow(examples[0])}`"
    return Diagnostic(WRONG_TYPE, message, span, hint)


def _enum_hint(schema: Mapping[str, Any], found: object) -> str | None:
    """`3.10` under PYTHON3_10: YAML made it 3.1, so both spellings are tried."""
    choices = schema.get("enum")
    if not choices:
        return None
    digits = re.sub(r"\W", "", _plain(found))
    for wanted in (digits, digits + "0"):
        for choice in choices:
            if re.sub(r"\W|_", "", choice).endswith(wanted):
                return f"write `{choice}`"
    return f"write one of {listed(choices)}"


def _wrong_value(document: Document, violation: Violation) -> Diagnostic:
    keyword, expected, found = violation.keyword, violation.expected, violation.found
    span = document.span(*violation.pointer)
    place = _place(violation.pointer)
    hint = violation.schema.get("x-hint")
    shown = f"`{_short(found)}`"
    match keyword:
        case "enum":
            return _not_one_of(place, found, expected, violation.schema, span)
        case "const":
            message = f"{place} must be `{expected}`, not {shown}"
            hint = f"write `{expected}`"
        case "minLength":
            message = (
                f"{place} is empty"
                if not found
                else f"{place} is shorter than {expected} characters"
            )
        case "maxLength":
            message = f"{place} is longer than {expected} characters"
        case "minimum":
            message = f"{place} is {shown}, but cannot be less than {expected}"
            hint = hint or f"write {expected} or more"
        case "maximum":
            message = f"{place} is {shown}, but cannot be more than {expected}"
            hint = hint or f"write {expected} or less"
        case "maxItems" | "maxProperties":
            message = f"{place} has {len(found):,} entries, and at most {expected:,} are read"
        case "minProperties":
            message = f"{place} is empty"
            hint = "name one, or leave the key out"
        case _:
            message = f"{place} cannot be {shown}"
    return Diagnostic(WRONG_VALUE, message, span, hint)


def _not_one_of(
    place: str, found: object, choices: list[str], schema: Mapping[str, Any], span: Span
) -> Diagnostic:
    if refused := schema.get("x-refused", {}).get(found if isinstance(found, str) else ""):
        reason, hint = refused
        return Diagnostic(WRONG_VALUE, reason, span, hint)
    hint = did_you_mean(str(found), choices, cutoff=0.87) or _enum_hint(schema, found)
    return Diagnostic(WRONG_VALUE, f"{place} cannot be `{_short(found)}`", span, hint)


def _place(pointer: Pointer) -> str:
    if not pointer:
        return "the document"
    if isinstance(pointer[-1], int):
        return f"item {pointer[-1] + 1} of `{pointer[-2]}`" if len(pointer) > 1 else "an item"
    return f"`{pointer[-1]}`"


def _kind_word(value: object) -> str:
    if isinstance(value, bool):
        return f"`{_plain(value)}`"
    if value is None:
        return "nothing"
    if isinstance(value, (int, float)):
        return f"the number {_plain(value)}"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "a mapping"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _short(value: object) -> str:
    text = _plain(value)
    text = json.dumps(text)[1:-1] if not text.isprintable() else text
    return text if len(text) <= 60 else text[:57] + "..."


# Projects


def _settings(
    tree: Tree, documents: Sequence[Document], problems: Diagnostics
) -> dict[str, Document]:
    """Folder -> its settings, one document each."""
    for path in tree.files:
        if path.split("/")[-1] in _MISNAMED_SETTINGS:
            hint = f"rename it to `{SETTINGS_FILE}`, or it is not read"
            message = f"settings are called `{SETTINGS_FILE}`"
            problems.append(Diagnostic(BAD_SETTINGS, message, Span(path), hint))
    settings: dict[str, Document] = {}
    for document in documents:
        if document.path.split("/")[-1] == SETTINGS_FILE:
            first = settings.setdefault(_folder(document.path), document)
            if first is not document:
                message = "settings are one document, and this is a second"
                problems.append(Diagnostic(BAD_SETTINGS, message, document.span(), "join them"))
    return settings


def _lock(document: Document, problems: Diagnostics) -> Lock:
    """Blocks that nobody has touched. What is wrong with one, `gitopsc lock` mends."""
    wrong = violations(_LOCK_SCHEMA, document.data)
    if wrong or document.faults:
        places = [
            *(document.span(*each.pointer) for each in wrong[:1]),
            *(each.span for each in document.faults),
        ]
        message = "the lock is not as `gitopsc lock` wrote it"
        problems.append(Diagnostic(LOCK_EDITED, message, places[0], _PIN_AGAIN))
        return Lock(is_whole=False)
    pins, spans, edited = {}, {}, set()
    for name, block in document.data["functions"].items():
        spans[name] = document.key_span("functions", name)
        pin = pin_of(block)
        if pin is not None:
            pins[name] = pin
            continue
        edited.add(name)
        message = f"the pin of `{name}` was edited, or put together from two"
        problems.append(Diagnostic(LOCK_EDITED, message, spans[name], _PIN_AGAIN))
    return Lock(pins, spans, frozenset(edited))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _owner(path: str, folders: Container[str]) -> str | None:
    """The nearest project's folder (design.md section 1)."""
    folder = _folder(path)
    while folder not in folders:
        if not folder:
            return None
        folder = _folder(folder)
    return folder


def _unowned(document: Document) -> Diagnostics:
    kind = document.data["kind"]
    if kind not in COMPILED_KINDS:
        return []
    message = f"this {kind} is outside every project; it is left alone"
    hint = f"add a {SETTINGS_FILE} to its folder or to one above it"
    return [Diagnostic(UNOWNED, message, document.span("kind"), hint)]


def _project(
    tree: Tree,
    folder: str,
    settings: Document | None,
    descriptors: Sequence[Descriptor],
    described: frozenset[str],
    problems: Diagnostics,
) -> Project:
    data: Mapping[str, Any] = {}
    errors = sum(each.severity is Severity.ERROR for each in problems)
    if settings is not None and settings.data is not None:
        data = _sound_settings(settings, problems)
    entities = [each for each in descriptors if each.kind == "project"]
    problems += [_second_project(entities[0], each) for each in entities[1:]]
    place = Span(folder or ".")
    if settings is not None or entities:
        place = settings.span() if settings else entities[0].name_span
    declared = data.get("project") or (entities[0].name if entities else None)
    name = declared or (folder or tree.folder).rpartition("/")[2]
    # What is broken may say another name: then nothing follows from this one.
    is_guess = not declared and (bool(entities) or _may_name_a_project(settings))
    if not is_guess:
        problems += _name_problems(name, is_declared=declared is not None, place=place)
        problems += _other_names(name, entities)
    mine = [each for each in descriptors if is_guess or _is_of(name, each, problems)]
    return Project(
        name=name,
        folder=folder,
        output=data.get("output", DEFAULT_OUTPUT).rstrip("/"),
        environments=_environments(data),
        local=_environment("local", data, {}),
        fetches=data.get("sources") == "fetch",
        descriptors=tuple(mine),
        place=place,
        described=described,
        settings=settings,
        allowed=_allowed(settings, data),
        is_sound=sum(each.severity is Severity.ERROR for each in problems) == errors,
    )


def _allowed(settings: Document | None, data: Mapping[str, Any]) -> tuple[Allowance, ...]:
    entries = data.get("allow", ()) if settings is not None else ()
    return tuple(
        Allowance(entry["code"], entry["path"], entry["reason"], settings.span("allow", index))
        for index, entry in enumerate(entries)
        if settings is not None
    )


def _may_name_a_project(settings: Document | None) -> bool:
    data = settings.data if settings is not None else {}
    return not isinstance(data, dict) or "project" in data


def _name_problems(name: str, *, is_declared: bool, place: Span) -> Diagnostics:
    if is_declared or _PROJECT_NAME.fullmatch(name):
        return []  # the schema has checked a declared one
    message = f"the folder's name `{name}` cannot name a project"
    hint = f"write `project: <name>` into {SETTINGS_FILE}: small letters, digits and `-`"
    return [Diagnostic(BAD_PROJECT_NAME, message, place, hint)]


def _other_names(name: str, entities: Sequence[Descriptor]) -> Diagnostics:
    return [
        Diagnostic(
            BAD_SETTINGS,
            f"the settings call the project `{name}`, and this `{each.name}`",
            each.name_span,
            "use one name",
        )
        for each in entities
        if each.name and each.name != name
    ]


def _sound_settings(settings: Document, problems: Diagnostics) -> Mapping[str, Any]:
    """The settings without the keys that are wrong, so that one mistake is one error."""
    found = violations(_SETTINGS_SCHEMA, settings.data)
    problems += [*settings.faults, *_shape_problems(settings, _SETTINGS_SCHEMA, found)]
    if not isinstance(settings.data, dict):
        return {}
    for key in ("include", "exclude"):
        patterns = settings.data.get(key)
        for index, pattern in enumerate(patterns if isinstance(patterns, list) else ()):
            if isinstance(pattern, str) and not is_pattern(pattern):
                span = settings.span(key, index)
                hint = "write a pattern as in .gitignore, with at most two `*` between slashes"
                message = f"`{_short(pattern)}` is not a pattern that can be used"
                problems.append(Diagnostic(WRONG_VALUE, message, span, hint))
    problems += _profile_problems(settings)
    problems += _store_problems(settings)
    wrong = {each.pointer[0] for each in found if each.pointer}
    known = set(property_names(_SETTINGS_SCHEMA)) - wrong
    return {key: value for key, value in settings.data.items() if key in known}


def _profile_problems(settings: Document) -> Diagnostics:
    """What a cluster would refuse in a profile, or what would get lost in it."""
    problems = []
    for home in _homes(settings):
        place = (*home, "profiles")
        profiles = settings.part(*place).data if settings.has(*place) else None
        for name, profile in profiles.items() if isinstance(profiles, dict) else ():
            problems += _odd_numbers(settings, (*place, name))
            variables = profile.get("envs") if isinstance(profile, dict) else None
            problems += _repeated(settings, (*place, name, "envs"), variables)
    return problems


def _store_problems(settings: Document) -> Diagnostics:
    """A store is a URL or a claim; what lets a driver in is a Secret's."""
    problems: Diagnostics = []
    for home in _homes(settings):
        place = (*home, "stores")
        stores = settings.part(*place).data if settings.has(*place) else None
        for name, store in stores.items() if isinstance(stores, dict) else ():
            if isinstance(store, dict) and ("url" in store) == ("claim" in store):
                message = f"store `{name}` needs a `url` or a `claim`, and one of them only"
                hint = "write `url: s3://<bucket>/<folder>`, or `claim: {name: <claim>}`"
                span = settings.key_span(*place, name)
                problems.append(Diagnostic(BAD_SETTINGS, message, span, hint))
            for text, span in settings.part(*place, name).strings():
                if "@" in text.partition("://")[2].partition("/")[0]:
                    message = f"the URL of store `{name}` has a name or a password in it"
                    hint = f"write `{name}: {{url: ..., secrets: [NAME]}}`, and bring the Secret"
                    problems.append(Diagnostic(CREDENTIALS, message, span, hint))
            if isinstance(store, dict):
                problems += _written_secrets(settings, (*place, name, "options"))
    return problems


def _written_secrets(settings: Document, pointer: Pointer) -> Diagnostics:
    """Options of a driver that are passwords, at any depth."""
    options = settings.part(*pointer).data if settings.has(*pointer) else None
    problems: Diagnostics = []
    for key, value in options.items() if isinstance(options, dict) else ():
        if isinstance(value, dict):
            problems += _written_secrets(settings, (*pointer, key))
        elif isinstance(key, str) and names_secret(f"{key}="):
            message = f"`{key}` looks like a password, and settings are in Git and in ConfigMaps"
            hint = "name variables that the driver reads under `secrets`, and bring the Secret"
            problems.append(Diagnostic(CREDENTIALS, message, settings.span(*pointer, key), hint))
    return problems


def _homes(settings: Document) -> list[Pointer]:
    """Where keys of an environment may be."""
    environments = settings.data.get("environments")
    named = environments if isinstance(environments, dict) else {}
    return [(), *(("environments", each) for each in named)]


def _repeated(document: Document, pointer: Pointer, items: Any) -> Diagnostics:
    """Items of a list that have one name: of two, one would be lost."""
    listed = items if isinstance(items, list) else []
    names = [each.get("name") if isinstance(each, dict) else None for each in listed]
    return [
        Diagnostic(
            WRONG_VALUE,
            f"`{name}` is set twice",
            document.span(*pointer, index, "name"),
            "keep one",
        )
        for index, name in enumerate(names)
        if isinstance(name, str) and name in names[:index]
    ]


def _environments(data: Mapping[str, Any]) -> tuple[Environment, ...]:
    declared = data.get("environments") or {"default": {}}
    return tuple(_environment(name, data, declared[name] or {}) for name in sorted(declared))


def _environment(name: str, top: Mapping[str, Any], own: Mapping[str, Any]) -> Environment:
    secrets = {**top.get("secrets", {}), **own.get("secrets", {})}
    resources = {
        **top.get("defaults", {}).get("resources", {}),
        **own.get("defaults", {}).get("resources", {}),
    }
    return Environment(
        name=name,
        registry=own.get("registry", top.get("registry")),
        namespace=own.get("namespace", top.get("namespace")),
        kubernetes=own.get("kubernetes", top.get("kubernetes", DEFAULT_KUBERNETES)),
        secrets={key: SecretKey(each["name"], each["key"]) for key, each in secrets.items()},
        resources=_quantities(resources),
        profiles={
            profile: _profile(each)
            for profile, each in {**top.get("profiles", {}), **own.get("profiles", {})}.items()
        },
        builder=_builder({**top.get("build", {}), **own.get("build", {})}),
        stores={
            store: Store.of(store, each)
            for store, each in {**top.get("stores", {}), **own.get("stores", {})}.items()
        },
    )


def _builder(data: Mapping[str, Any]) -> Builder | None:
    if not data.get("in_cluster", False):
        return None
    image = data.get("image", _BUILDCTL)
    return Builder(data.get("address"), image, data.get("registry_secret"))


def _quantities(resources: Mapping[str, Any]) -> Mapping[str, str]:
    return {key: _plain(value) for key, value in resources.items()}


def _profile(data: Mapping[str, Any]) -> Profile:
    resources = data.get("resources", {})
    return Profile(
        requests=_quantities(resources.get("requests", {})),
        limits=_quantities(resources.get("limits", {})),
        variables={each["name"]: str(each["value"]) for each in data.get("envs", ())},
        volumes=tuple(map(Volume.of, data.get("volumes", ()))),
        scheduling=Scheduling.of(data),
    )


def _is_of(project: str, descriptor: Descriptor, problems: Diagnostics) -> bool:
    named = descriptor.document.data.get("project")
    if descriptor.kind == "project" or named is None or named == project:
        return True
    if isinstance(named, str):
        named = _short(named)
        message = f"this belongs to project `{named}`, but its folder is project `{project}`"
        hint = f"remove the line, or write `project: {named}` into {SETTINGS_FILE}"
        span = descriptor.span("project")
        problems.append(Diagnostic(OTHER_PROJECT, message, span, hint))
    return False


def _second_project(first: Descriptor, second: Descriptor) -> Diagnostic:
    return Diagnostic(
        DEFINED_TWICE,
        "one folder cannot be two projects",
        second.name_span,
        "move one of them into a folder of its own",
        (Label(first.name_span, "first here"),),
    )
