"""`gitopsc requirements`: a folder -> what clusters must have before its manifests are applied."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from gitopsc.commands.arguments import add_environment, add_path
from gitopsc.commands.programs import Refused, check_environment, compilation_of
from gitopsc.model.output import readable_json
from gitopsc.model.printable import printable
from gitopsc.model.requirement_list import required
from gitopsc.report.table import table

DESCRIPTION = (
    "List what a cluster must have before the manifests of PATH are applied: Secrets with their"
    " keys, service accounts, classes, claims, custom resources."
)

_WORDS = {
    "claims": "claim",
    "cluster_secret_stores": "cluster secret store",
    "custom_resources": "custom resource",
    "gateways": "gateway",
    "images": "image",
    "ingress_classes": "ingress class",
    "priority_classes": "priority class",
    "queues": "queue of Kueue",
    "runtime_classes": "runtime class",
    "secret_stores": "secret store",
    "secrets": "secret",
    "service_accounts": "service account",
    "storage_classes": "storage class",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_path(parser)
    add_environment(parser, "only those of one environment")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people, or JSON"
    )


def run(arguments: argparse.Namespace) -> int:
    compilation = compilation_of(arguments.path, "nothing was listed")
    if compilation is None:
        return 1
    try:
        check_environment(compilation, arguments.environment)
    except Refused as refusal:
        print(f"gitopsc: {refusal}", file=sys.stderr)
        return 2
    asked = arguments.environment
    projects = {
        plan.project: {name: each for name, each in required(plan).items() if asked in (None, name)}
        for plan in compilation.plans
    }
    if arguments.format == "json":
        sys.stdout.write(readable_json({"version": 1, "projects": projects}))
    else:
        sys.stdout.writelines(f"{printable(line)}\n" for line in _lines(projects))
    return 0


def _lines(projects: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    for project, environments in projects.items():
        for environment, needs in environments.items():
            where = f", namespace {needs['namespace']}" if needs["namespace"] else ""
            yield f"{project} in {environment}{where}"
            rows = [*_rows(needs)] or [("nothing", "", "")]
            yield from (f"  {line}" for line in table(rows, texts=range(3)))


def _rows(needs: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for kind, word in _WORDS.items():
        found = needs.get(kind, ())
        if kind == "secrets" and found:
            yield from ((word, name, ", ".join(keys)) for name, keys in found.items())
        elif kind == "gateways":
            yield from ((word, each["name"], each["namespace"] or "") for each in found)
        elif kind != "secrets":
            yield from ((word, name, "") for name in found)
