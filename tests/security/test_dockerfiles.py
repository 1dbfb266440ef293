"""What a descriptor's values become is for BuildKit what was meant, and no instruction more.

The bake files are read by `docker buildx bake` where that is installed; GITOPSC_BUILDX names
another place of the plugin.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_hostile_values import FIELDS, VALUES, compiled, shape, with_value

pytestmark = pytest.mark.slow

IMAGE_FIELDS = [
    way
    for way in FIELDS
    if way[0] in ("function", "build-run") and way[-1] not in ("base_image", "image")
]
"""A base image that no registry can have is the builder's to refuse."""


@pytest.fixture(scope="module")
def dockerfiles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Each that differs, of every hostile value in every field that compiles."""
    folder = tmp_path_factory.mktemp("dockerfiles")
    texts: dict[str, None] = {}
    for way in IMAGE_FIELDS:
        for value in VALUES:
            for _, files in compiled(with_value(way, value)).outputs:
                for file in files:
                    if file.path.endswith("/Dockerfile"):
                        texts[file.content.decode()] = None
                    if file.path == "images/docker-bake.json":
                        targets = json.loads(file.content)["target"]
                        assert all(set(each) <= BAKE_KEYS for each in targets.values())
    for number, text in enumerate(texts):
        place = folder / f"Dockerfile.{number}"
        place.write_text(text)
    return sorted(folder.iterdir())


BAKE_FIELDS = [*IMAGE_FIELDS, *(way for way in FIELDS if way[0] == "settings")]


def buildx() -> list[str]:
    """The command, or nothing."""
    if plugin := os.environ.get("GITOPSC_BUILDX") or shutil.which("docker-buildx"):
        return [plugin]
    docker = shutil.which("docker")
    command = [docker, "buildx"] if docker else []
    asked = subprocess.run([*command, "version"], capture_output=True) if command else None
    return command if asked is not None and asked.returncode == 0 else []


def test_bake_reads_what_was_written(tmp_path: Path) -> None:
    """buildx evaluates `${...}` and `%{...}` in a bake file: gitopsc writes them escaped."""
    command = buildx()
    if not command:
        pytest.skip("docker buildx is not installed")
    texts = {
        file.content: None
        for way in BAKE_FIELDS
        for value in VALUES
        for _, files in compiled(with_value(way, value)).outputs
        for file in files
        if file.path == "images/docker-bake.json"
    }
    assert len(texts) > 20
    for text in texts:
        place = tmp_path / "docker-bake.json"
        place.write_bytes(text)
        read = subprocess.run(
            [*command, "bake", "--print", "--progress", "quiet", "-f", place],
            capture_output=True,
            check=False,
            text=True,
        )
        assert read.returncode == 0, read.stderr
        assert unordered(json.loads(read.stdout)) == unordered(json.loads(text))


def unordered(bake: Any) -> Any:
    """Of a bake file, lists in one order, and secrets as mappings, as bake prints both."""
    if isinstance(bake, dict):
        return {key: unordered(value) for key, value in bake.items()}
    if isinstance(bake, list):
        return sorted(repr(unordered(each)) for each in bake)
    if isinstance(bake, str) and bake.startswith("id="):
        return dict(part.split("=", 1) for part in bake.split(","))
    return bake


BAKE_KEYS = {"context", "dockerfile", "platforms", "tags", "secret", "ssh"}


def test_buildkit_parses_all(dockerfiles: list[Path]) -> None:
    assert len(dockerfiles) > 20
    tally = Path(sys.executable).with_name("tally")
    rules = ["--select", "buildkit/*", "--ignore", "tally/*", "--ignore", "hadolint/*"]
    options = ["--no-config", "--slow-checks", "off", *rules]
    linted = subprocess.run(
        [tally, "lint", *options, "--fail-level", "error", *dockerfiles],
        check=False,
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_no_instruction_is_added(dockerfiles: list[Path]) -> None:
    assert len({shape("Dockerfile", path.read_text()) for path in dockerfiles}) <= 4


def test_the_parser_tells_what_is_broken(tmp_path: Path) -> None:
    broken = tmp_path / "Dockerfile"
    broken.write_text("FROM python:3.11-slim\nNOSUCH thing\n")
    tally = Path(sys.executable).with_name("tally")
    linted = subprocess.run(
        [tally, "lint", "--no-config", "--slow-checks", "off", broken], capture_output=True
    )
    assert linted.returncode != 0
