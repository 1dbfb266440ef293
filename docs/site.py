"""A folder -> the pages of the site: docs/, and the reference, out of the schemas, the command line
and the diagnostics.

    python docs/site.py .venv/pages

`make docs` builds the site of them; what is in docs/ is to be read on a forge as it is.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gitopsc.cli import COMMANDS, parser
from gitopsc.commands.examples import explanation_of
from gitopsc.model.diagnostic import CODES

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "compiler/ARCHITECTURE.md": "architecture.md",
}


def write(folder: Path) -> None:
    """All pages below a new folder: those of docs/, those that lie outside of it, and the
    reference."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.py", "*.sh", "__*"))
    pages = {target: (ROOT / source).read_text() for source, target in OUTSIDE.items()}
    for path in folder.rglob("*.md"):
        pages[path.relative_to(folder).as_posix()] = path.read_text()
    for name, text in {**pages, **dict(_reference())}.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_linked(text, name))


def _linked(text: str, path: str) -> str:
    """Links to what lies outside of docs/ lead to its page."""
    up = "../" * path.count("/")
    text = text.replace("](reviews)", "](reviews/requirement.md)")
    for source, target in OUTSIDE.items():
        for written in (f"](../{source}", f"](../../{source}", f"]({source}"):
            text = text.replace(written, f"]({up}{target}")
    return re.sub(r"\]\(\.\./(tests/|Dockerfile)", r"](https://git.example.com/gitopsc/\1", text)


def _reference() -> Iterator[tuple[str, str]]:
    rows = []
    for code in CODES:
        rows.append(f"| [{code.id}]({code.id}.md) | {code.severity.value} | {code.summary} |")
        text = f"# {code.id}: {code.summary}\n\n`{code.slug}`, {_article(code.severity.value)}.\n\n"
        found = explanation_of(code)
        example = f"What leads to it, in `{found.file}`:" if found.file else "What leads to it:"
        text += f"{found.why}\n\n{example}\n\n```\n{found.wrong.rstrip()}\n```\n\n"
        for path, beside in found.beside:
            text += f"and in `{path}`:\n\n```\n{beside.rstrip()}\n```\n\n"
        text += f"What gitopsc says, with what to type:\n\n```\n{found.report.rstrip()}\n```\n"
        heading, answer = (
            ("As it is right", found.right) if found.right else ("What resolves it", found.resolve)
        )
        text += f"\n{heading}:\n\n```\n{answer.rstrip()}\n```\n"
        yield f"reference/codes/{code.id}.md", text
    heads = ["| code | | what it is |", "|---|---|---|"]
    text = "\n".join(["# Diagnostics", "", *heads, *rows])
    yield "reference/codes/README.md", f"{text}\n"
    yield "reference/commands.md", _commands()
    heads = ["| kind | what it is |", "|---|---|"]
    rows = []
    for path in sorted((ROOT / "schemas").glob("*.schema.json")):
        name = path.name.removesuffix(".schema.json")
        if name not in ("definitions", "lock"):
            schema = json.loads(path.read_text())
            kind = schema["properties"].get("kind", {}).get("const", "settings, `gitopsc.yaml`")
            rows.append(f"| [{kind}]({name}.md) | {schema['description']} |")
            yield f"reference/{name}.md", _schema(schema)
    text = "\n".join(["# All kinds", "", *heads, *rows])
    yield "reference/README.md", f"{text}\n"


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _commands() -> str:
    text = "# Command line\n\n"
    (subparsers,) = [
        each for each in parser(*COMMANDS)._actions if isinstance(each, argparse._SubParsersAction)
    ]
    for name, command in subparsers.choices.items():
        usage = re.sub(r"\s+", " ", command.format_usage().removeprefix("usage: "))
        text += f"## {name}\n\n{command.description}\n\n```\n{usage.strip()}\n```\n\n"
        rows = []
        for action in command._actions:
            names = (
                ", ".join(f"`{each}`" for each in action.option_strings) or f"`{action.metavar}`"
            )
            rows.append(f"| {names} | {_cell(action.help or '')} |")
        text += "\n".join(["| | |", "|---|---|", *rows]) + "\n\n"
    return text


def _schema(schema: Mapping[str, Any]) -> str:
    shared = json.loads((ROOT / "schemas" / "definitions.schema.json").read_text())["$defs"]
    text = f"# {schema['title']}\n\n{schema['description']}\n\n"
    rows = [*_rows(schema, {**shared, **schema.get("$defs", {})}, "")]
    text += "\n".join(["| key | type | what it is |", "|---|---|---|", *rows]) + "\n\n"
    for example in schema.get("examples", ()):
        text += f"```json\n{json.dumps(example, indent=2)}\n```\n\n"
    return text


def _rows(schema: Mapping[str, Any], known: Mapping[str, Any], way: str) -> Iterator[str]:
    for key, value in schema.get("properties", {}).items():
        value = _resolved(value, known)
        kind = value.get("type", "")
        kind = ", ".join(kind) if isinstance(kind, list) else kind
        described = value.get("description", "")
        if "default" in value:
            described += f" Default: `{json.dumps(value['default'])}`."
        if key in schema.get("required", ()):
            described += " Required."
        yield f"| `{way}{key}` | {kind} | {_cell(described)} |"
        if way.count(".") < 3:
            yield from _rows(value, known, f"{way}{key}.")
            more = value.get("additionalProperties")
            if isinstance(more, dict):
                yield from _rows(_resolved(more, known), known, f"{way}{key}.*.")


def _resolved(value: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in value:
        rest = {key: each for key, each in value.items() if key != "$ref"}
        value = {**known.get(value["$ref"].rpartition("/")[2], {}), **rest}
    return value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("%%", "%")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
