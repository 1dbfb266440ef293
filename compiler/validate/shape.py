"""A document and what its schema refuses -> each problem, its place and what to type instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitopsc.adapters.schema import (
    MOST,
    Violation,
    example,
    nested_home,
    property_names,
    violations,
)
from gitopsc.model.descriptor import COMPILED_KINDS
from gitopsc.model.diagnostic import (
    MISSING_KEY,
    OUT_OF_RANGE,
    RETIRED_KEY,
    SET_TWICE,
    STRAY_KEY,
    UNKNOWN_KEY,
    WRONG_TYPE,
    WRONG_VALUE,
    Code,
    Diagnostic,
    did_you_mean,
    listed,
)
from gitopsc.model.document import Document, Pointer
from gitopsc.model.fix import Fix
from gitopsc.model.source import Span

SETTINGS_SCHEMA = "gitopsc"

_TYPE_WORDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "a string",
}


_BARE = re.compile(r"([A-Za-z_]+) +(\S.{0,60})")
"""A key and a value with nothing between them."""

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")

_BEYOND_DOUBT = 0.85
"""How alike a key has to be to the one that takes its place without a thought."""

_DEADLINE = "write `gitops: {deadline: 1800}`, in seconds"
_DEPENDS = "a run waits for the data that it reads: write `inputs: {<argument>: store://...}`"
_EXPOSE = "write `gitops: {expose: {host: ...}}`"
_HANDLER = "a run calls its function: write `handler` in the function's `source`"
_LIMITS = "write `resources: {cpu: 500m, mem: 2Gi}`"
_NAMESPACE = "write `environments: {<environment>: {namespace: ...}}` in gitopsc.yaml"
_PARAMETERS = "write `parameters`: a handler gets its arguments by name"
_POD = "write it under `gitops: {pod: {...}}`"
_RESTARTED = "remove it: a service that ends is started again"
_SCALE = "write `gitops: {scale: {min: 1, max: 3, cpu: 80}}`"
_SCHEDULE = "write a `kind: scheduler`"
_TRIES = "write `gitops: {backoff_limit: 3}`: a failed job is tried again that often"
_VARIABLES = "write `envs: [{name: LEVEL, value: debug}]`"

_WORDS_OF_OTHERS: Mapping[str, Mapping[str, str]] = {
    "python+": {
        "after": _DEPENDS,
        "annotations": _POD,
        "args": _PARAMETERS,
        "arguments": _PARAMETERS,
        "command": _HANDLER,
        "dependencies": _DEPENDS,
        "depends_on": _DEPENDS,
        "entrypoint": _HANDLER,
        "environment": _VARIABLES,
        "imagePullSecrets": _POD,
        "labels": _POD,
        "limits": _LIMITS,
        "memory": _LIMITS,
        "namespace": _NAMESPACE,
        "needs": _DEPENDS,
        "requests": _LIMITS,
        "serviceAccountName": _POD,
        "service_account": _POD,
        "upstream": _DEPENDS,
        "variables": _VARIABLES,
    },
    "python+job": {
        "activeDeadlineSeconds": _DEADLINE,
        "backoffLimit": _TRIES,
        "cron": _SCHEDULE,
        "max_retries": _TRIES,
        "retries": _TRIES,
        "retry": _TRIES,
        "timeout": _DEADLINE,
    },
    "python+serve": {
        "autoscaling": _SCALE,
        "host": _EXPOSE,
        "ingress": _EXPOSE,
        "max_replicas": _SCALE,
        "min_replicas": _SCALE,
        "retries": _RESTARTED,
        "retry": _RESTARTED,
    },
}
"""What other tools call a key of a run, and what to write instead, by how its kind begins."""

_LENGTHS = ("minLength", "maxLength")
_BOUND = re.compile(r"[<>=!~]=?\s*[0-9]")
"""How a part of a requirement begins that has lost the part before it."""

_BYTES = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgGtT])(i?)[bB]?")
"""A size as people write it, and Kubernetes does not."""

_AMOUNTS: Mapping[str | int | None, str] = {
    "cpu": "cores, such as `500m` or `2`",
    "disk": "bytes, such as `500Mi` or `4Gi`",
    "gpu": "a whole number, such as `1`",
    "mem": "bytes, such as `500Mi` or `4Gi`",
    "size": "bytes, such as `500Mi` or `4Gi`",
}
"""What a quantity is of each."""


def shape_problems(document: Document, schema: str) -> list[Diagnostic]:
    """What the reader of the file found wrong, and what the schema refuses elsewhere."""
    known = {fault.span for fault in document.faults}
    shape = _shape_problems(document, schema, violations(schema, document.data))
    return [*document.faults, *(problem for problem in shape if problem.span not in known)]


def _shape_problems(
    document: Document, schema: str, found: Sequence[Violation]
) -> list[Diagnostic]:
    mistyped = {each.pointer for each in found if each.keyword == "type"}
    unfit = {each.pointer for each in found if each.keyword in _LENGTHS}
    problems = []
    for violation in found:
        is_told = violation.keyword == "pattern" and violation.pointer in unfit
        if violation.keyword == "type" or not (is_told or violation.pointer in mistyped):
            explained = _explain(document, schema, violation)
            is_secret = schema != SETTINGS_SCHEMA and "secrets" in violation.pointer
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
            told = extra[:MOST]
            return [_unknown_key(document, schema, violation, key, known) for key in told]
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
    if schema == SETTINGS_SCHEMA and "secrets" in violation.pointer:
        value = document.span(*violation.pointer, key)  # which may be the secret itself
        hint = f"known here: {listed(known)}; a value belongs in the Secret alone"
        return Diagnostic(UNKNOWN_KEY, f"unknown key `{key}`", value, hint, private=True)
    span = document.key_span(*violation.pointer, key)
    if reason := violation.schema.get("x-retired", {}).get(key):
        hint = "remove it; newer platforms ignore it too"
        return Diagnostic(RETIRED_KEY, f"{reason}; it is ignored", span, hint)
    if ignored := violation.schema.get("x-ignored", {}).get(key):
        reason, hint = ignored
        return Diagnostic(RETIRED_KEY, f"{reason}; `{key}` is ignored", span, hint)
    at_top = not violation.pointer and schema != SETTINGS_SCHEMA
    if at_top and key in property_names(schema, "spec"):
        message = f"`{key}` stands beside `spec`, where nothing reads it"
        return Diagnostic(STRAY_KEY, message, span, f"move `{key}` into `spec`")
    near = did_you_mean(key, known) or _begun(key, known)
    if key[:1].isspace():
        return Diagnostic(UNKNOWN_KEY, f"unknown key `{key}`", span, "indent with plain spaces")
    if at_top and not near:
        message = f"nothing reads the key `{key}`"
        advice = "remove it, or keep it under `metadata`, which is open"
        if key == "labels":
            advice = "write it under `metadata`, as a list of words: `labels: [geo]`"
        return Diagnostic(STRAY_KEY, message, span, advice)
    hint = near or f"known here: {listed(known)}"
    if (bare := _BARE.fullmatch(key)) and bare[1] in known:
        hint = f"a colon is missing: write `{bare[1]}: {bare[2]}`"
    elif key == "<<":
        hint = "YAML 1.2 has no merge keys; repeat the keys"
    elif violation.pointer[-1:] == ("resources",) and key in ("requests", "limits"):
        hint = f"{_LIMITS}; a profile has limits of its own"
    elif violation.pointer == ("spec", "gitops") and key in ("cron", "schedule"):
        hint = _SCHEDULE
    elif violation.pointer == ("spec",):
        hint = _other_home(schema, key) or _other_word(schema, key) or hint
    fix = None
    near = did_you_mean(key, known, _BEYOND_DOUBT)
    if near is not None and hint == near and (meant := near.split("`")[1]) not in violation.found:
        fix = Fix("replace", span, meant)
    return Diagnostic(UNKNOWN_KEY, f"unknown key `{key}`", span, hint, fix=fix)


def _begun(key: str, known: Iterable[str]) -> str | None:
    """The one key that is it, and another word."""
    longer = [each for each in known if each.startswith(f"{key}_")]
    return f"did you mean `{longer[0]}`?" if len(longer) == 1 else None


def _other_word(schema: str, key: str) -> str | None:
    found = (each for kind, each in _WORDS_OF_OTHERS.items() if schema.startswith(kind))
    return next((words[key] for words in found if key in words), None)


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
    """jsonschema reports each missing key by itself, without naming it but in prose.

    A key that is told of as unknown, and meant to be one of them, is not told of as missing.
    """
    span = document.key_span(*violation.pointer) if violation.pointer else document.span("kind")
    where = f" in {_place(violation.pointer)}" if violation.pointer else ""
    known = list(violation.schema.get("properties", {}))
    is_closed = violation.schema.get("additionalProperties") is False
    strange = [each for each in violation.found if is_closed and each not in known]
    meant = {did_you_mean(str(each), known) for each in strange[:MOST]}
    missing = [
        key
        for key in violation.expected
        if key not in violation.found and f"did you mean `{key}`?" not in meant
    ]
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
    return plain(value)


def _wrong_type(document: Document, violation: Violation) -> Diagnostic:
    expected = violation.expected
    types = [expected] if isinstance(expected, str) else expected
    span = document.span(*violation.pointer)
    wanted = " or ".join(_TYPE_WORDS[each] for each in types)
    found = violation.found
    message = f"{_place(violation.pointer)} must be {wanted}, not {_kind_word(found)}"
    hint = violation.schema.get("x-hint")
    fix = None
    if "integer" in types and "string" not in types and isinstance(found, float):
        hint = hint or "write a whole number"
    elif violation.pointer[-1:] == ("stores",) and isinstance(found, str):
        hint = f"write `stores: {{default: {found}}}`"
    elif "object" in types and isinstance(found, str) and (bare := _BARE.match(found)):
        hint = hint or f"a colon is missing: write `{bare[1]}: {bare[2]}`"
    elif "string" in types and isinstance(found, (bool, int, float)):
        hint = f'quote it: "{plain(found)}"'
        fix = Fix("quote", span)
        if plain(found) not in violation.schema.get("enum", (plain(found),)):
            meant = _meant_choice(violation.schema, found)
            hint = f"YAML reads a number here; {_enum_hint(violation.schema, found)}"
            fix = Fix("replace", span, meant) if meant is not None else None
        elif not _fits(violation.schema, plain(found)):  # quotes would not help
            hint, fix = _quantity_hint(violation) or violation.schema.get("x-hint"), None
    elif types == ["boolean"]:
        hint = "write `true` or `false`, without quotes"
    elif types == ["array"] and isinstance(found, str):
        hint = f"write `[{found}]`" if len(found) < 40 else "put `- ` before it"
    elif examples := violation.schema.get("examples"):
        hint = f"write for example `{_flow(examples[0])}`"
    return Diagnostic(WRONG_TYPE, message, span, hint, fix=fix)


def _fits(schema: Mapping[str, Any], text: str) -> bool:
    return re.search(schema.get("pattern", ""), text) is not None


def _enum_hint(schema: Mapping[str, Any], found: object) -> str | None:
    if "enum" not in schema:
        return None
    meant = _meant_choice(schema, found)
    return f"write `{meant}`" if meant is not None else f"write one of {listed(_choices(schema))}"


def _choices(schema: Mapping[str, Any]) -> list[str]:
    return [plain(choice) for choice in schema.get("enum", ())]


def _meant_choice(schema: Mapping[str, Any], found: object) -> str | None:
    """`3.10` under PYTHON3_10: YAML made it 3.1, so both spellings are tried."""
    digits = re.sub(r"\W", "", plain(found))
    for wanted in (digits, digits + "0"):
        for choice in _choices(schema):
            if re.sub(r"\W|_", "", choice).endswith(wanted):
                return choice
    return None


def _wrong_value(document: Document, violation: Violation) -> Diagnostic:
    span = document.span(*violation.pointer)
    if violation.keyword == "enum":
        place = _place(violation.pointer)
        choices = [plain(choice) for choice in violation.expected]
        return _not_one_of(place, violation.found, choices, violation.schema, span)
    code: Code
    code, message, hint = _bound(violation) or _other_value(violation)
    return Diagnostic(
        code,
        message,
        span,
        _quantity_hint(violation)
        or _comma_hint(document, violation)
        or _handler_hint(document, violation)
        or violation.schema.get("x-hint")
        or hint,
    )


def _comma_hint(document: Document, violation: Violation) -> str | None:
    """In brackets, a comma begins another item: `[pandas>=2,<3]` has two."""
    *way, index = violation.pointer or ("",)
    found = violation.found
    if way[-1:] != ["requirements"] or not isinstance(index, int) or not isinstance(found, str):
        return None
    before = document.part(*way).data[index - 1] if index > 0 else None
    if not isinstance(before, str) or not _BOUND.match(found):
        return None
    return f'quote it, as one requirement: "{before},{found}"'


def _handler_hint(document: Document, violation: Violation) -> str | None:
    """Of `module.function`, as others write it. A file is its module; a folder has many."""
    found = violation.found
    if violation.pointer[-1:] not in (("handler",), ("init_function",)):
        return None
    if violation.keyword != "pattern" or not _DOTTED.fullmatch(found):
        return None
    module, _, function = found.rpartition(".")
    if module.rpartition(".")[2][:1].isupper():
        return "name a function of the module: methods of classes are not handlers"
    beside = document.data
    for step in violation.pointer[:-1]:
        beside = beside[step]
    is_file = str(beside.get("source", "")).endswith(".py") or "code" in beside
    is_alone = is_file or violation.pointer[-1] == "init_function"
    return f"write `{function}`" if is_alone else f"write `{module}:{function}`"


def _bound(violation: Violation) -> tuple[Code, str, str | None] | None:
    """Of a value that is too much or too little, or of too many."""
    expected, found = violation.expected, violation.found
    place = _place(violation.pointer)
    hint = None
    match violation.keyword:
        case "minLength" if not found:
            message = f"{place} is empty"
        case "minLength":
            message = f"{place} is shorter than {expected} characters"
        case "maxLength":
            message = f"{place} is longer than {expected} characters"
        case "minimum":
            message = f"{place} is `{short(found)}`, but cannot be less than {expected}"
            hint = f"write {expected} or more"
        case "maximum":
            message = f"{place} is `{short(found)}`, but cannot be more than {expected}"
            hint = f"write {expected} or less"
        case "maxItems" | "maxProperties":
            message = f"{place} has {len(found):,} entries, and at most {expected:,} are read"
        case "minProperties":
            message = f"{place} is empty"
            hint = "name one, or leave the key out"
        case _:
            return None
    return OUT_OF_RANGE, message, hint


def _other_value(violation: Violation) -> tuple[Code, str, str | None]:
    place, found = _place(violation.pointer), f"`{short(violation.found)}`"
    if violation.keyword == "const":
        expected = violation.expected
        return WRONG_VALUE, f"{place} must be `{expected}`, not {found}", f"write `{expected}`"
    return WRONG_VALUE, f"{place} cannot be {found}", None


def _quantity_hint(violation: Violation) -> str | None:
    """`2GB` is `2G`, and so on; else what is one of this resource."""
    key = violation.pointer[-1] if violation.pointer else None
    size = _BYTES.fullmatch(violation.found) if isinstance(violation.found, str) else None
    if key not in ("mem", "disk", "size") or size is None:
        is_quantity = "Kubernetes quantity" in violation.schema.get("x-hint", "")
        return f"write {_AMOUNTS[key]}" if is_quantity and key in _AMOUNTS else None
    unit = size[2].upper() if size[3] or size[2] not in "kK" else "k"
    return f"write `{size[1]}{unit}{size[3]}`"


def _not_one_of(
    place: str, found: object, choices: list[str], schema: Mapping[str, Any], span: Span
) -> Diagnostic:
    if refused := schema.get("x-refused", {}).get(found if isinstance(found, str) else ""):
        reason, hint = refused
        return Diagnostic(WRONG_VALUE, reason, span, hint)
    hint = did_you_mean(str(found), choices, cutoff=0.87) or _enum_hint(schema, found)
    return Diagnostic(WRONG_VALUE, f"{place} cannot be `{short(found)}`", span, hint)


def _place(pointer: Pointer) -> str:
    if not pointer:
        return "the document"
    if isinstance(pointer[-1], int):
        return f"item {pointer[-1] + 1} of `{pointer[-2]}`" if len(pointer) > 1 else "an item"
    return f"`{pointer[-1]}`"


def _kind_word(value: object) -> str:
    if isinstance(value, bool):
        return f"`{plain(value)}`"
    if value is None:
        return "nothing"
    if isinstance(value, (int, float)):
        return f"the number {plain(value)}"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "a mapping"


def plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def short(value: object) -> str:
    text = plain(value)
    text = json.dumps(text)[1:-1] if not text.isprintable() else text
    return text if len(text) <= 60 else text[:57] + "..."


def odd_numbers(document: Document, pointer: Pointer) -> list[Diagnostic]:
    """Who writes 0123 for a variable means those characters, and not the number 123."""
    if not document.odd:
        return []
    place = (*pointer, "envs")
    variables = document.part(*place).data if document.has(*place) else None
    found = []
    for index, variable in enumerate(variables if isinstance(variables, list) else ()):
        value = variable.get("value") if isinstance(variable, dict) else None
        if isinstance(value, int) and document.is_odd(*place, index, "value"):
            message = f"YAML reads this as the number {value}"
            hint = "quote it, as it is meant"
            span = document.span(*place, index, "value")
            found.append(Diagnostic(WRONG_TYPE, message, span, hint, fix=Fix("quote", span)))
    return found


def repeated_names(document: Document, pointer: Pointer, items: Any) -> list[Diagnostic]:
    """Items of a list that have one name: of two, one would be lost."""
    listed = items if isinstance(items, list) else []
    names = [each.get("name") if isinstance(each, dict) else None for each in listed]
    return [
        Diagnostic(
            SET_TWICE,
            f"`{name}` is set twice",
            document.span(*pointer, index, "name"),
            "keep one",
        )
        for index, name in enumerate(names)
        if isinstance(name, str) and name in names[:index]
    ]
