"""What a descriptor's values become is for BuildKit what was meant, and no instruction more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_hostile_values import FIELDS, VALUES, compiled, shape, with_value

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
