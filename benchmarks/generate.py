"""A number and a folder -> a repository of that many descriptors, the same for the same number.

One third are functions and two thirds runs, 70 in 100 of those jobs; a project has 300 descriptors.
Half of the functions have their source in a file. Jobs read what earlier jobs of their project
make.

    python benchmarks/generate.py 1000 /tmp/repository
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

PROJECT_SIZE = 300
TEAMS = 10


def generate(count: int, root: Path, seed: int = 1, project_size: int = PROJECT_SIZE) -> None:
    """Writes `count` descriptors, one a file, below `root`, and commits them."""
    chance = random.Random(seed)
    for number, first in enumerate(range(0, count, project_size)):
        _project(root / "projects" / f"p{number}", min(project_size, count - first), chance)
    _git(root, "init", "-q")
    commit(root)


def commit(root: Path) -> None:
    """What a controller would be pointed at is committed, too."""
    _git(root, "add", "-A")
    author = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@example.com")
    _git(root, *author, "-c", "gc.auto=0", "commit", "-q", "--allow-empty", "-m", "all")


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True)


def _project(folder: Path, count: int, chance: random.Random) -> None:
    functions = max(1, count // 3)
    _write(
        folder / "gitopsc.yaml",
        "registry: registry.example.com/team\nstores: {default: s3://data}\n",
    )
    for number in range(functions):
        team = f"team{number % TEAMS}"
        if number % 2:
            source = f"  source:\n    source: src/{team}/f{number}.py\n    handler: run\n"
            _write(folder / "src" / team / f"f{number}.py", _code(number))
        else:
            lines = "".join(f"      {line}\n" for line in _code(number).splitlines())
            source = f"  source:\n    handler: run\n    init_function: init\n    code: |\n{lines}"
        if "init_function" not in source:
            source += "    init_function: init\n"
        text = _FUNCTION.format(number=number, source=source, minor=chance.randint(10, 13))
        _write(folder / "functions" / team / f"f{number}.yaml", text)
    jobs: list[int] = []
    for number in range(count - functions):
        function = number % functions
        place = folder / "runs" / f"f{function}" / f"r{number}.yaml"
        if chance.random() < 0.7:
            data = f"d{chance.choice(jobs)}" if jobs else "store://elsewhere/dataitem/table/first"
            _write(place, _JOB.format(number=number, function=function, data=data))
            jobs.append(number)
        else:
            _write(place, _SERVICE.format(number=number, function=function))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _code(number: int) -> str:
    return (
        f'"""Function {number}."""\n\nLIMIT = {number}\n\n\n'
        "def init(context, threshold=0.5, model=None):\n"
        '    setattr(context, "threshold", threshold)\n\n\n'
        "def run(context, event=None, table=None, country=None, threshold=0.5, mode=None):\n"
        '    context.logger.info(f"{country} {threshold} {LIMIT}")\n'
        "    return table\n"
    )


_FUNCTION = """\
kind: python
name: f{number}
metadata:
  description: Cleans the table of a country, and keeps what is above a threshold
  labels: [domain:geo, team:one]
  version: 1.0.{number}
spec:
  python_version: PYTHON3_{minor}
{source}  requirements:
    - pandas==2.2.3
    - pyarrow>=15
    - requests[socks]>=2.31
"""
_JOB = """\
kind: python+job:run
name: r{number}
metadata:
  description: Runs each night, after what it reads
  labels: [nightly]
spec:
  function: f{function}
  inputs:
    table: {data}
  outputs:
    output_0: d{number}
  parameters:
    country: IT
    threshold: 0.7
    mode: strict
  resources:
    cpu: 500m
    mem: 1Gi
    disk: 2Gi
  envs:
    - name: LOG_LEVEL
      value: debug
    - name: REGION
      value: "{number}"
  secrets: [STORE_TOKEN]
"""
_SERVICE = """\
kind: python+serve:run
name: r{number}
metadata:
  description: Answers who asks for the table
spec:
  function: f{function}
  init_parameters:
    threshold: 0.9
    model: small
  replicas: 2
  service_type: ClusterIP
  resources:
    cpu: "1"
    mem: 2Gi
  envs:
    - name: LOG_LEVEL
      value: info
"""

if __name__ == "__main__":
    generate(int(sys.argv[1]), Path(sys.argv[2]))
