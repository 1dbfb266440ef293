"""`gitopsc schema`: a name -> its JSON Schema; or a folder -> all of them, for editors."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gitopsc.adapters.draft07 import draft_07
from gitopsc.adapters.schema import schema_document, schema_titles
from gitopsc.model.diagnostic import did_you_mean
from gitopsc.model.output import readable_json

SCHEMA = "SCHEMA"

DESCRIPTION = "Print a JSON Schema, complete in itself. Without SCHEMA, list all."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", nargs="?", metavar=SCHEMA, help="a kind, `descriptor` for all kinds, or `gitopsc`"
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="write it, or without SCHEMA all, as files there"
    )
    parser.add_argument(
        "--draft-07",
        metavar="URL",
        help="of SCHEMA, what SchemaStore and older editors take; URL is where it is published",
    )


def run(arguments: argparse.Namespace) -> int:
    titles = schema_titles()
    name = arguments.name and arguments.name.replace(":", ".")
    if name is not None and name not in titles:
        hint = did_you_mean(name, titles) or "`gitopsc schema` lists all"
        print(f"gitopsc: no schema is called `{arguments.name}`; {hint}", file=sys.stderr)
        return 2
    if arguments.draft_07 is not None and (name is None or arguments.output is not None):
        print("gitopsc schema: --draft-07 prints one SCHEMA; name it", file=sys.stderr)
        return 2
    if arguments.output is not None:
        return _write(Path(arguments.output), [name] if name else [*titles])
    if name is None:
        width = max(map(len, titles))
        for name, title in titles.items():
            print(f"{name:{width}}  {title}")
        return 0
    document = schema_document(name)
    if arguments.draft_07 is not None:
        document = draft_07(document, arguments.draft_07)
    sys.stdout.write(readable_json(document))
    return 0


def _write(folder: Path, names: list[str]) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            text = readable_json(schema_document(name))
            (folder / f"{name}.schema.json").write_text(text, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "the write failed").lower()
        print(f"gitopsc: `{folder}` cannot be written: {reason}", file=sys.stderr)
        return 1
    print(f"gitopsc: {len(names)} schemas in {folder}", file=sys.stderr)
    return 0
