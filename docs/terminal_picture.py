"""What a terminal shows of a mistake -> docs/pictures/mistake.svg. `make pictures` runs this."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
MISTAKES = (
    ("runs/jobs.yaml", "function: announce", "function: anounce"),
    ("functions/cities.yaml", "handler: download_and_process", "handler: download_and_proces"),
)


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "cities"
        shutil.copytree(ROOT / "sample-project", project)
        for path, right, wrong in MISTAKES:
            file = project / path
            assert right in file.read_text()
            file.write_text(file.read_text().replace(right, wrong, 1))
        subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
        os.environ["XDG_CACHE_HOME"] = folder
        os.chdir(project)
        shown = _in_a_terminal([sys.executable, "-m", "gitopsc", "validate"])
    text = Text.from_ansi("$ gitopsc validate\n" + shown.replace("\r", "").rstrip())
    console = Console(record=True, width=100, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(text)
    picture = console.export_svg(title="gitopsc validate", unique_id="mistake")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    target.write_text(picture.replace("Fira Code", "ui-monospace, DejaVu Sans Mono"))


def _in_a_terminal(command: list[str]) -> str:
    read: list[bytes] = []

    def keep(descriptor: int) -> bytes:
        found = os.read(descriptor, 65536)
        read.append(found)
        return b""

    with open(os.devnull, "w") as nothing:
        saved = os.dup(1)
        os.dup2(nothing.fileno(), 1)
        try:
            pty.spawn(command, keep)
        except OSError:
            pass
        finally:
            os.dup2(saved, 1)
    return b"".join(read).decode()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures" / "mistake.svg")
