"""What a notebook makes -> the files of a repository: one for each function, run and data, the
sources that it names, and settings. What is not known is a comment there."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any, NamedTuple

from gitopsc.adapters.template import Text, render_yaml
from gitopsc.model.descriptor import DATA_TYPES
from gitopsc.model.diagnostic import Diagnostic
from gitopsc.model.files import SETTINGS_FILE
from gitopsc.model.names import cleaned
from gitopsc.model.printable import printable
from gitopsc.model.remote import is_remote
from gitopsc.model.source import FunctionFile, SourceFile, Span, Unreadable
from gitopsc.transcribe import sentences
from gitopsc.transcribe.cells import Notebook
from gitopsc.transcribe.values import REST, Data, Made, Script, Unknown

_OF_FUNCTION = ("python_version", "requirements", "base_image", "image")
_OF_RUN = (
    *("parameters", "init_parameters", "inputs", "outputs", "envs", "secrets", "resources"),
    *("volumes", "profile", "schedule", "replicas", "service_type", "service_name"),
    *("backoff_limit", "node_selector", "tolerations", "affinity", "runtime_class"),
    *("priority_class", "instructions", "local_execution"),
)
_SILENT = (
    *("action", "base64", "code", "code_src", "description", "embedded", "entity_name"),
    *("fs_group", "git_source", "handler", "identifier", "init_function", "is_logged", "kind"),
    *("labels", "lang", "log_info", "name", "project", "run_as_group", "run_as_user", "save"),
    *("service_ports", "source", "uuid", "wait", "watch"),
)
"""Arguments that nothing is lost by, or that are written in another way."""

_OF_UPLOADS = (
    *("data", "drop_existing", "engine", "extension", "file_format", "read_df_params", "sql"),
)
"""Arguments of data that say how it is uploaded, which is told of as a whole."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""Names that a file can have as they are."""

_NOTHING = object()
"""A value that is not written."""

_SOURCES = (".py", ".txt", ".zip")
"""What a notebook writes for its functions; other files may be anything."""


class _Written(NamedTuple):
    """A descriptor before it is text."""

    path: str
    kind: str
    name: str
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    comments: tuple[str, ...]


def repository_of(
    notebook: Notebook, script: Script, beside: Mapping[str, SourceFile], project: str
) -> tuple[tuple[FunctionFile, ...], list[Diagnostic]]:
    """Nothing, with an error, where the script makes no function."""
    if not script.of("function"):
        return (), [sentences.nothing_of_the_platform(notebook.path)]
    writer = _Writer(notebook, script, beside, script.project or project)
    files = {file.path: file for file in writer.files()}
    return tuple(files[path] for path in sorted(files)), writer.problems


class _Writer:
    def __init__(
        self, notebook: Notebook, script: Script, beside: Mapping[str, SourceFile], project: str
    ) -> None:
        self._notebook = notebook
        self._script = script
        self._beside = beside
        self._project = project
        self._sources: dict[str, FunctionFile] = {}
        self._taken: set[str] = set()
        self.problems: list[Diagnostic] = []

    def files(self) -> Iterator[FunctionFile]:
        written = [*self._functions(), *self._data(), *self._runs(), *self._triggers()]
        for each in written:
            text = render_yaml(
                "import/descriptor.yaml.j2",
                comments=[Text(printable(line)) for line in each.comments],
                kind=each.kind,
                head=[("name", each.name)],
                metadata=each.metadata,
                spec=each.spec,
            )
            yield FunctionFile(each.path, text.encode())
        for path, content in self._notebook.written.items():
            if path.endswith(_SOURCES) and path not in self._script.workflows:
                yield FunctionFile(path, content.encode())
        yield from self._sources.values()
        settings = render_yaml(
            "import/gitopsc.yaml.j2",
            project=self._project,
            origin=Text(printable(posixpath.basename(self._notebook.path))),
            shares=any(each.kind.endswith("job:run") for each in written),
        )
        yield FunctionFile(SETTINGS_FILE, settings.encode())

    # Functions

    def _functions(self) -> Iterator[_Written]:
        last: dict[str, Made] = {}
        for made in self._script.of("function"):
            if made.name in last and last[made.name].keys != made.keys:
                self.problems.append(sentences.defined_again(f"function `{made.name}`", made.span))
            last[made.name] = made
        for name, made in last.items():
            comments: list[str] = []
            what = f"function `{name}`"
            spec = {
                key: value
                for key in _OF_FUNCTION
                if not _is_empty(value := self._known(made, what, key, comments))
            }
            stem = self._stem("functions", name)
            source = self._source(made, what, stem, comments)
            if "python_version" not in spec:
                version = f"PYTHON{(self._notebook.python_version or '3.11').replace('.', '_')}"
                spec = {"python_version": version, **spec}
                self.problems.append(sentences.guessed_version(what, version, made.span))
            self._tell_ignored(made, what, _OF_FUNCTION, comments)
            yield _Written(
                f"{stem}.yaml",
                "python",
                name,
                self._metadata(made),
                {**_first(spec, "python_version"), "source": source, **spec},
                tuple(comments),
            )

    def _source(self, made: Made, what: str, stem: str, comments: list[str]) -> dict[str, Any]:
        keys = dict(made.keys)
        given = keys.get("source")
        if isinstance(given, dict):
            keys = {**keys, **given, "code_src": given.get("source")}
        elif given is not None and "code_src" not in keys:
            keys["code_src"] = given
        made = Made(made.what, made.name, made.span, keys)
        path, handler, init, code, encoded = (
            self._known(made, what, key, comments)
            for key in ("code_src", "handler", "init_function", "code", "base64")
        )
        named: dict[str, Any] = {}
        if isinstance(code, str):
            path = f"{stem}.py"
            self._sources[path] = FunctionFile(path, code.encode())
        elif isinstance(path, str) and path and not is_remote(path):
            path = self._local(path, what, made.span)
        elif encoded is not _NOTHING:
            named["base64"] = encoded
        keys = {"source": path, "handler": handler, "init_function": init}
        return named | {key: value for key, value in keys.items() if not _is_empty(value)}

    def _local(self, path: str, what: str, span: Span) -> str:
        """A file that a cell writes, or one beside the notebook; a folder with all that is in it.

        Both are at the same path in the new repository.
        """
        normal = posixpath.normpath(path)
        written = self._notebook.written
        by_name = [each for each in written if each.endswith(f"/{normal}")]
        if normal in written:
            return normal
        if "/" not in normal and len(by_name) == 1:
            return by_name[0]
        below = "" if normal == "." else f"{normal}/"
        found = [each for each in written if each.startswith(below)]
        beside = [
            each
            for each in self._beside
            if each not in written and (each == normal or each.startswith(below))
        ]
        try:
            for name in () if normal == "." else beside:
                file = self._beside[name]
                self._sources.setdefault(name, FunctionFile(name, file.content, file.executable))
                found.append(name)
        except Unreadable:
            found = []
        if not found:
            self.problems.append(sentences.no_source(what, path, span))
        elif normal == "." and beside:
            self.problems.append(sentences.whole_folder(what, span))
        return normal

    def _stem(self, folder: str, name: str) -> str:
        """A path of its own for each, also where the disk does not tell cases apart."""
        stem = name if _PLAIN_NAME.fullmatch(name) else cleaned(name)[:100]
        stem = f"{folder}/{stem or folder.rpartition('/')[2].rstrip('s')}"
        numbers = (f"{stem}-{number}" for number in count(2))
        free = next(each for each in chain((stem,), numbers) if each.lower() not in self._taken)
        self._taken.add(free.lower())
        return free

    # Data

    def _data(self) -> Iterator[_Written]:
        last = {(made.action, made.name): made for made in self._script.of("data")}
        for (type_, name), made in last.items():
            comments: list[str] = []
            what = f"{type_} `{name}`"
            path = self._known(made, what, "path", comments)
            source = made.keys.get("source")
            data = getattr(made.keys.get("data"), "text", "...")
            if made.keys.get("is_logged") and _is_empty(path):
                text = source if isinstance(source, str) else getattr(source, "text", data)
                comments.append(f"uploaded by the notebook from {sentences.shown(str(text))}")
                self.problems.append(sentences.uploaded(what, str(text), made.span))
            self._tell_ignored(made, what, ("path", *_OF_UPLOADS), comments)
            kind = made.kind if made.kind in DATA_TYPES else type_
            spec = {} if _is_empty(path) else {"path": path}
            place = f"{self._stem(f'data/{type_}', name)}.yaml"
            yield _Written(place, kind, name, self._metadata(made), spec, tuple(comments))

    # Runs

    def _runs(self) -> Iterator[_Written]:
        """Each once: one that is also tried on the laptop is the one that is meant."""
        known: list[_Written] = []
        names: Counter[str] = Counter()
        for made in self._script.of("run"):
            base = f"{made.of}-build" if made.action == "build" else made.of
            what = f"a run of `{made.of}`"
            comments: list[str] = []
            spec: dict[str, Any] = {"function": made.of}
            for key in _OF_RUN:
                value = self._known(made, what, key, comments)
                if not _is_empty(value) and value is not False:
                    spec[key] = value
            self._tell_ignored(made, what, _OF_RUN, comments)
            kind = f"python+{made.action}:run"
            local = spec.pop("local_execution", None)
            alike = next((each for each in known if _is_alike(each, kind, spec, comments)), None)
            is_tried = alike is not None and "local_execution" in alike.spec
            if local is True:
                spec = {**spec, "local_execution": True}
            if alike is not None and (not comments or is_tried or local is True):
                if local is not True:
                    known[known.index(alike)] = alike._replace(spec=spec)
                continue
            names[base] += 1
            name = base if names[base] == 1 else f"{base}-{names[base]}"
            path = f"{self._stem('runs', cleaned(name))}.yaml"
            known.append(_Written(path, kind, name, {}, spec, tuple(comments)))
        yield from known

    def _triggers(self) -> Iterator[_Written]:
        for made in self._script.of("trigger"):
            comments: list[str] = []
            what = f"trigger `{made.name}`"
            spec: dict[str, Any] = {"function": made.of}
            for key in ("key", "states", "schedule", "template"):
                value = self._known(made, what, key, comments)
                if not _is_empty(value):
                    spec[key] = value
            self._tell_ignored(made, what, ("key", "states", "schedule", "template"), comments)
            path = f"{self._stem('triggers', made.name)}.yaml"
            yield _Written(path, made.kind, made.name, {}, spec, tuple(comments))

    # Values

    def _known(self, made: Made, what: str, key: str, comments: list[str]) -> Any:
        """What is known of a value, `_NOTHING` for nothing; of the rest a comment and a
        diagnostic."""
        value = made.keys.get(key)
        return _NOTHING if value is None else self._plain(value, made, what, key, comments)

    def _plain(self, value: Any, made: Made, what: str, way: str, comments: list[str]) -> Any:
        if isinstance(value, Data):
            return self._reference(value, is_input=way.startswith("inputs."))
        if isinstance(value, dict):
            found = {
                key: self._plain(each, made, what, f"{way}.{key}", comments)
                for key, each in value.items()
            }
            is_variable = "name" in found and found.get("value") is _NOTHING
            known = {key: each for key, each in found.items() if each is not _NOTHING}
            return _NOTHING if is_variable else known
        if isinstance(value, list):
            items = [
                self._plain(each, made, what, f"{way}.{_name_of(each, index)}", comments)
                for index, each in enumerate(value)
            ]
            return [each for each in items if each is not _NOTHING]
        if value is None or isinstance(value, (str, int, float)):
            return value
        text = value.text if isinstance(value, Unknown) else type(value).__name__
        comments.append(f"{way}: {sentences.shown(text, way)}")
        self.problems.append(sentences.unknown_value(what, way, text, made.span))
        return _NOTHING

    def _reference(self, data: Data, *, is_input: bool) -> str:
        if data.key is not None:
            return data.key
        if is_input and data.type == "dataitem":
            return data.name
        kind = data.kind or data.type
        return f"store://{self._project}/{data.type}/{kind}/{data.name}"

    def _metadata(self, made: Made) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        description = made.keys.get("description")
        if isinstance(description, str) and description:
            found["description"] = description
        labels = made.keys.get("labels")
        if isinstance(labels, list) and labels and all(isinstance(each, str) for each in labels):
            found["labels"] = labels
        return found

    def _tell_ignored(
        self, made: Made, what: str, known: tuple[str, ...], comments: list[str]
    ) -> None:
        for key, value in made.keys.items():
            if key == REST:
                comments.append(sentences.shown(value.text))
                self.problems.append(sentences.unknown_arguments(what, value.text, made.span))
            elif key not in known and key not in _SILENT:
                self.problems.append(sentences.ignored_key(what, key, made.span))


def _is_alike(
    written: _Written, kind: str, spec: Mapping[str, Any], comments: Sequence[str]
) -> bool:
    """But for where it is done."""
    known = {key: value for key, value in written.spec.items() if key != "local_execution"}
    return (written.kind, known, written.comments) == (kind, spec, tuple(comments))


def _is_empty(value: Any) -> bool:
    return value is _NOTHING or value in ([], {}, "")


def _first(spec: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {key: spec[key]} if key in spec else {}


def _name_of(item: Any, index: int) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else str(index)
