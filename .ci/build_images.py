"""The bake file of a compiled project -> its images, by Docker, Podman or buildah.

`docker buildx bake` does the same where there is buildx; this needs no more than a builder.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

_BUILDERS = ("docker", "podman", "buildah")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="the folder of a compiled project")
    parser.add_argument("--builder", help="docker, podman or buildah (default: the first there is)")
    parser.add_argument("--flags", default="", help="more options for the builder's `build`")
    arguments = parser.parse_args()
    builder = shlex.split(arguments.builder or "") or _found()
    if not builder:
        print("images: no Docker engine, Podman or buildah is here", file=sys.stderr)
        return 1
    (bake,) = arguments.project.glob("*/images/docker-bake.json")
    for name, target in sorted(json.loads(bake.read_text())["target"].items()):
        dockerfile = f"{target['context']}/{target['dockerfile']}".removeprefix("./")
        command = [*builder, "build", *shlex.split(arguments.flags), "-f", dockerfile]
        ignored = arguments.project / f"{dockerfile}.dockerignore"
        if ignored.is_file() and not Path(builder[0]).name.startswith("docker"):  # which finds it
            command += ["--ignorefile", f"{dockerfile}.dockerignore"]
        for tag in target["tags"]:
            command += ["-t", tag]
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        done = subprocess.run(
            [*command, target["context"]], cwd=arguments.project, env=environment, check=False
        )
        if done.returncode:
            print(f"images: `{name}` cannot be built: {shlex.join(command)}", file=sys.stderr)
            return 1
        print(f"images: {name}: {' '.join(target['tags'])}")
    return 0


def _found() -> list[str]:
    """A client without its engine is no builder."""
    for name in _BUILDERS:
        asked = [name, "info"]
        if shutil.which(name) and not subprocess.run(asked, capture_output=True).returncode:
            return [name]
    return []


if __name__ == "__main__":
    sys.exit(main())
