"""Every way to install finds `schemas/` and `templates/`: checkout, wheel, editable, Git URL.

Each goes into a virtual environment of its own, which borrows the libraries of the one that runs
the tests, so nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE
from gitopsc.adapters.installed import described

pytestmark = pytest.mark.slow

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def environment(folder: Path) -> Path:
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    borrowed = [path for path in site.getsitepackages() if Path(path).is_dir()]
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    return folder / "bin" / "python"


def gitopsc(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [python.parent / "gitopsc", *arguments]
    return subprocess.run(command, env=CLEAN, check=False, capture_output=True, text=True)


def pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run(
        [*command, "--no-build-isolation", "--disable-pip-version-check", *arguments], check=True
    )


@pytest.mark.parametrize("way", ["checkout", "wheel", "editable", "git"])
def test_an_installed_command_compiles(way: str, repository: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "venv")
    if way == "wheel":
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
        subprocess.run(
            [*command, "--no-build-isolation", "-w", str(tmp_path / "wheels"), str(repository)],
            check=True,
        )
        (wheel,) = (tmp_path / "wheels").glob("gitopsc-*.whl")
        pip(python, "--force-reinstall", str(wheel))
    elif way == "editable":
        pip(python, "--force-reinstall", "--editable", str(repository))
    elif way == "git":
        pip(python, "--force-reinstall", f"git+file://{repository}")
    else:
        pip(python, "--force-reinstall", str(repository))
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    done = subprocess.run(
        [python.parent / "gitopsc", "compile", "--check"],
        cwd=project,
        env=CLEAN,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    started = gitopsc(python, "init", str(tmp_path / "new"))
    assert started.returncode == 0, started.stderr
    assert (tmp_path / "new" / ".vscode" / "settings.json").is_file()
    assert (tmp_path / "new" / ".pre-commit-config.yaml").is_file()
    assert "did you mean" in gitopsc(python, "explain", "C401").stdout
    assert '"$defs"' in gitopsc(python, "schema", "python").stdout
    where = subprocess.run(
        [python, "-c", "import gitopsc; print(gitopsc.__file__)"],
        cwd=tmp_path,
        env=CLEAN,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    expected = repository if way == "editable" else tmp_path / "venv"
    assert Path(where.strip()).is_relative_to(expected)
    command = [python, "-m", "gitopsc", "--version"]
    done = subprocess.run(
        command, cwd=tmp_path, env=CLEAN, check=True, capture_output=True, text=True
    )
    came_from = {
        "checkout": rf"file://{repository}",
        "wheel": r"file://\S+\.whl",
        "editable": rf"file://{repository}, editable",
        "git": rf"git\+file://{repository} at [0-9a-f]{{12}}",
    }
    assert re.fullmatch(rf"gitopsc \S+ \({came_from[way]}\)\n", done.stdout)
    if way != "editable":
        (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
        installed = {path.name for path in packages.iterdir()} - {"__pycache__"}
        assert {name.split("-")[0] for name in installed} == {"borrowed.pth", "gitopsc"}
        code = {path.relative_to(ROOT / "compiler") for path in (ROOT / "compiler").rglob("*.py")}
        assert code <= {path.relative_to(packages / "gitopsc") for path in packages.rglob("*.py")}


@pytest.mark.parametrize(
    ("direct", "said"),
    [
        (
            {
                "url": "https://ada:hush@git.example.com/gitopsc",
                "vcs_info": {"vcs": "git", "commit_id": "0123456789abcdef0123456789abcdef01234567"},
            },
            "git+https://git.example.com/gitopsc at 0123456789ab",
        ),
        ({"url": "https://example.com/g.whl", "archive_info": {}}, "https://example.com/g.whl"),
        ({"url": "file:///src", "dir_info": {}}, "file:///src"),
    ],
)
def test_where_it_came_from(direct: dict[str, object], said: str) -> None:
    assert described(json.dumps(direct)) == said
