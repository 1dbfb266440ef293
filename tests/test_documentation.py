"""What README and docs/ say is so: their files compile, their commands run, their links lead
somewhere."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from conftest import ROOT
from gitopsc.adapters.schema import violations
from gitopsc.cli import COMMANDS, parser

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?m)^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *kinds: str) -> Iterator[tuple[str, str]]:
    """The line before each block, and what is in it."""
    text = path.read_text()
    for found in BLOCK.finditer(text):
        if found[2] in kinds:
            before = text[: found.start()].rstrip().rpartition("\n")[2]
            yield before, re.sub(rf"(?m)^{found[1]}", "", found[3])


def test_the_readme_is_short() -> None:
    assert len(README.read_text().split()) <= 700


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text())
    for link in links:
        if not link.startswith("http"):
            assert (path.parent / link).exists(), link


def options_of(command: str) -> set[str]:
    (subparsers,) = [
        each for each in parser(command)._actions if isinstance(each, argparse._SubParsersAction)
    ]
    return {
        option for each in subparsers.choices[command]._actions for option in each.option_strings
    }


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_are_there(path: Path) -> None:
    """Each has the options that a page gives it."""
    text = path.read_text().replace("\\|", "|")
    found = re.findall(r"`(?:\$ )?gitopsc ([^`]+)`", text)
    found += re.findall(r"(?m)^\$ gitopsc (.+)$", text)
    for words in found:
        command = words.split()[0].strip(",;")
        if re.fullmatch(r"[a-z-]+", command) and not words.startswith("@"):
            assert command in COMMANDS, words
            for option in re.findall(r"(?<![\w-])--[a-z-]+", words):
                assert option in options_of(command), words


def is_settings(data: object) -> bool:
    return isinstance(data, dict) and not {"kind", "repos", "allow"} & data.keys()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_descriptors_and_settings_are_valid(path: Path) -> None:
    for _, text in blocks(path, "yaml"):
        for data in yaml.safe_load_all(text):
            if is_settings(data):
                assert violations("gitopsc", data) == [], text
            elif isinstance(data, dict) and "kind" in data:
                assert violations(data["kind"].replace(":", "."), data) == [], text


def test_sixty_seconds(tmp_path: Path) -> None:
    """The files of the README, and its commands, as somebody would type them."""
    for before, text in blocks(README, "python", "yaml"):
        named = re.search(r"`([\w.]+)`:$", before)
        if named is not None:
            (tmp_path / named[1]).write_text(text)
    assert {each.name for each in tmp_path.iterdir()} == {"gitopsc.yaml", "hello.py", "hello.yaml"}
    (console,) = [text for _, text in blocks(README, "console") if "greet-ada" in text]
    commands = [line.removeprefix("$ ") for line in console.splitlines() if line.startswith("$ ")]
    assert len(commands) == 4
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(tmp_path / ".cache"),
    }
    serving: subprocess.Popen[bytes] | None = None
    said = []
    try:
        for command in commands:
            if command.endswith("&"):
                words = [*shlex.split(command.rstrip("& ")), "--port", str(port)]
                serving = subprocess.Popen(words, cwd=tmp_path, env=environment)
            elif command.startswith("curl"):
                url = shlex.split(command)[1].replace("8080", str(port))
                said.append(asked(f"http://{url}"))
            else:
                done = subprocess.run(
                    shlex.split(command),
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                said.append(done.stdout)
    finally:
        if serving is not None:
            serving.terminate()
            serving.wait(timeout=30)
    shown = [line for line in console.splitlines() if not line.startswith("$ ")]
    made = "output_0="
    assert said[0].partition(made)[2].strip() == shown[1].partition(made)[2]
    assert said[1] == shown[2]
    assert (tmp_path / "deploy" / "manifests" / "default" / "greeting.yaml").exists()


def asked(url: str) -> str:
    """Once it listens: an environment may have to be made before."""
    for _ in range(600):
        try:
            with urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.2)
    raise AssertionError("nothing listens")
