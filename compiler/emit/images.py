"""An Image of a plan -> its Dockerfile, what that copies, its tag, its part of the bake file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from gitopsc.adapters.packaged import REQUIREMENTS, RUNTIME, runner_files
from gitopsc.adapters.template import Text, render_dockerfile
from gitopsc.model import identity
from gitopsc.model.artifact import ImageReference
from gitopsc.model.memo import Memo, step_key
from gitopsc.model.plan import CACHE_VARIABLES, Image, Plan
from gitopsc.model.program import Fetch
from gitopsc.model.source import FunctionFile

PLATFORM = "linux/amd64"

_SOURCE_FOLDER = "/opt/function"
_RUNNER_FOLDER = "/opt/gitopsc"
_REQUIREMENTS = "/opt/function.requirements.txt"
_COPIES = 100
"""Files of one COPY: a line of a Dockerfile may have 65,535 bytes."""

_RUNNER = "gitopsc_runner"
_SSH = re.compile(r"^ssh://([^/:@]+@[^/:]+)/")
"""What linters take for a repository has the short form; a port cannot be said in it."""

_GIT_TOKEN = "GIT_TOKEN"
"""The platform's secret for private repositories; BuildKit calls its own GIT_AUTH_TOKEN."""

_RUNNER_PATTERNS = ("requirements.txt", f"{_RUNNER}/*.py")
"""All of the runner; its folder is ours alone, so a pattern copies just what is named."""


class BuiltImage(NamedTuple):
    """An image with what is written for it (by path below the output) and its tag."""

    image: Image
    files: Mapping[str, bytes]
    tag: str

    def reference(self, plan: Plan, registry: str | None) -> ImageReference:
        return ImageReference(
            registry or "localhost", f"{plan.project}-{self.image.repository}", self.tag
        )


def image_parts(plan: Plan, image: Image, memo: Memo) -> tuple[Mapping[str, bytes], str]:
    """What is written for an image, and its tag."""
    contents = [(file.path, file.executable, file.origin, file.content) for file in image.files]
    parts = [part for each in contents for part in (each[:3], each[3])]
    where = (plan.output, plan.prefix, plan.schemes, runner_key(plan.schemes))
    key = step_key("image", where, replace(image, files=()), *parts)
    known = memo.recall(key)
    if known is None:
        files = _image_files(plan, image)
        tag = _tag(plan, image, files)
        known = files, tag
        memo.keep(key, known)
    return known[0], known[1]


@cache
def runner_key(schemes: tuple[str, ...]) -> bytes:
    return step_key("runner", runner_files(RUNTIME, schemes))


@cache
def _runner_parts(schemes: tuple[str, ...]) -> tuple[tuple[str, bool, str], ...]:
    """Path in the image, executable bit and digest of each file."""
    return tuple(
        (f"{_RUNNER_FOLDER}/{path}", False, identity.content_digest(content))
        for path, content in runner_files(RUNTIME, schemes)
    )


def runner(plan: Plan) -> tuple[tuple[str, bytes], ...]:
    """The runner's files, with the drivers for the project's stores among its requirements."""
    return runner_files(RUNTIME, plan.schemes)


def _image_files(plan: Plan, image: Image) -> dict[str, bytes]:
    """Nothing where the Dockerfile is its author's."""
    return {} if image.context is not None else _function_files(plan, image)


def _function_files(plan: Plan, image: Image) -> dict[str, bytes]:
    """The Dockerfile of a function, and what it copies that is not in the project yet."""
    folder = f"images/{image.name}"
    files = {
        f"{folder}/source/{file.path}": file.content for file in image.files if file.origin is None
    }
    requirements = None
    if image.requirements:
        lines = "".join(f"{requirement}\n" for requirement in image.requirements)
        files[f"{folder}/requirements.txt"] = (image.packages or lines).encode()
        requirements = f"{plan.output}/{folder}/requirements.txt"
    source = [_placed(plan, folder, file) for file in image.files]
    copied = {str(file.origin) for file in source}
    patterns = [each for each in _RUNNER_PATTERNS if each != REQUIREMENTS or not image.packages]
    copied |= {f"{plan.output}/images/runner/{path}" for path in patterns}
    if requirements is not None:
        copied.add(requirements)
    ignore = render_dockerfile(
        f"runtimes/{RUNTIME}/Dockerfile.dockerignore.j2",
        paths=[Text(path) for path in sorted(copied)],
    )
    files[f"{folder}/Dockerfile"] = _dockerfile(plan, image, folder, source).encode()
    files[f"{folder}/Dockerfile.dockerignore"] = ignore.encode()
    return files


def _dockerfile(plan: Plan, image: Image, folder: str, source: Iterable[FunctionFile]) -> Text:
    """`source` are files with their places in the project, `folder` is where it has the rest."""
    requirements = f"{plan.output}/{folder}/requirements.txt"
    own_variables = dict(image.build.variables)
    return render_dockerfile(
        f"runtimes/{RUNTIME}/Dockerfile.j2",
        base=image.base,
        title=image.function,
        variables=image.build.variables,
        instructions=[["/bin/sh", "-c", each] for each in image.build.instructions],
        secrets=image.build.secrets,
        runner_requirements=[
            f"{plan.output}/images/runner/requirements.txt",
            f"{_RUNNER_FOLDER}/requirements.txt",
        ],
        requirements=[requirements, _REQUIREMENTS] if image.requirements else None,
        is_hashed=image.packages is not None,
        runner=[f"{plan.output}/images/runner/{_RUNNER}/*.py", f"{_RUNNER_FOLDER}/{_RUNNER}/"],
        source=_copies(source, _SOURCE_FOLDER),
        caches=[each for each in CACHE_VARIABLES.items() if each[0] not in own_variables],
        fetch=_added(image.fetch) if image.fetch is not None else None,
    )


def _added(fetch: Fetch) -> Mapping[str, Any]:
    """What the builder adds by itself: a commit, an archive, or a file, none but the pinned one."""
    remote, pin = fetch
    place = f"{_SOURCE_FOLDER}/"
    url = remote.url
    if remote.form == "git":
        # Builders take a URL for a repository's when it ends so.
        url = f"{url.rstrip('/').removesuffix('.git')}.git#{pin.commit}"
        url = _SSH.sub(r"\1:", url)
    elif remote.form == "file":
        place += remote.file_name
    return {"form": remote.form, "paths": [url, place], "url": url, "checksum": pin.sha256}


def _placed(plan: Plan, folder: str, file: FunctionFile) -> FunctionFile:
    """The same file with its place below the build context, the project's folder."""
    if file.origin is None:
        origin = f"{plan.output}/{folder}/source/{file.path}"
    else:
        origin = file.origin.removeprefix(plan.prefix)
    return FunctionFile(file.path, file.content, file.executable, origin)


def _copies(files: Iterable[FunctionFile], root: str) -> list[Mapping[str, Any]]:
    """One COPY for each folder and mode, naming each file; a renamed file has its own."""
    groups: dict[tuple[str, str], list[str]] = {}
    for file in sorted(files, key=lambda each: each.path):
        origin = str(file.origin)
        target = f"{root}/{file.path}"
        if posixpath.basename(origin) == posixpath.basename(target):
            target = posixpath.dirname(target) + "/"
        mode = "0755" if file.executable else "0644"
        groups.setdefault((target, mode), []).append(origin)
    return [
        {"mode": Text(mode), "paths": [*origins[first : first + _COPIES], target]}
        for (target, mode), origins in sorted(groups.items())
        for first in range(0, len(origins), _COPIES)
    ]


def _tag(plan: Plan, image: Image, built: Mapping[str, bytes]) -> str:
    """16 hex digits of everything that goes into an image (design.md section 4)."""
    if image.context is not None:
        return _context_tag(image)
    folder = f"images/{image.name}"
    copied = [(f"{_SOURCE_FOLDER}/{file.path}", file) for file in image.files]
    digests = [
        (path, file.executable, identity.content_digest(file.content)) for path, file in copied
    ]
    if image.requirements:
        content = built[f"{folder}/requirements.txt"]
        digests.append((_REQUIREMENTS, False, identity.content_digest(content)))
    parts = {
        "files": sorted([*_runner_of(plan, image), *digests]),
        "dockerfile": _wherever(plan, image, built),
        "platform": PLATFORM,
    }
    return identity.content_digest(identity.canonical(parts))[:16]


def _context_tag(image: Image) -> str:
    """Of all that a builder may copy, wherever the folder lies."""
    digests = [
        (file.path, file.executable, identity.content_digest(file.content)) for file in image.files
    ]
    parts = {"files": sorted(digests), "dockerfile": image.dockerfile, "platform": PLATFORM}
    return identity.content_digest(identity.canonical(parts))[:16]


def _runner_of(plan: Plan, image: Image) -> Iterable[tuple[str, bool, str]]:
    """What a lock has resolved together with the function's is not installed by its own list."""
    left_out = f"{_RUNNER_FOLDER}/{REQUIREMENTS}" if image.packages else None
    return (part for part in _runner_parts(plan.schemes) if part[0] != left_out)


def _wherever(plan: Plan, image: Image, built: Mapping[str, bytes]) -> str:
    """A Dockerfile without where things lie that an image holds the same from elsewhere.

    In which folder it lies depends on which version is the newest. A source file that is found
    beside its descriptor is what inline text at that path is.
    """
    folder = f"images/{image.repository}"
    source = [_placed(plan, folder, file) for file in image.files]
    if len(source) == 1 and source[0].origin != source[0].path:
        source = [_placed(plan, folder, replace(source[0], origin=None))]
    is_there = source == [_placed(plan, f"images/{image.name}", file) for file in image.files]
    if is_there and image.name == image.repository:
        return built[f"images/{image.name}/Dockerfile"].decode()
    return _dockerfile(plan, image, folder, source)


def bake_targets(plan: Plan, images: Iterable[BuiltImage]) -> Mapping[str, Mapping[str, Any]]:
    """Every image as a target for `docker buildx bake`, run from the project's folder. Dockerfiles
    are relative to the context of their target."""
    registries = sorted({each.environment.registry or "localhost" for each in plan.environments})
    targets: dict[str, dict[str, Any]] = {}
    for built in images:
        image = built.image
        targets[image.name] = {
            "context": f"./{image.context}" if image.context else ".",
            "dockerfile": image.dockerfile or f"{plan.output}/images/{image.name}/Dockerfile",
            "platforms": [PLATFORM],
            "tags": [str(built.reference(plan, registry)) for registry in registries],
        }
        if image.fetch is not None and image.fetch.remote.scheme == "ssh":
            targets[image.name]["ssh"] = ["default"]
        if secrets := builder_secrets(image):
            targets[image.name]["secret"] = secrets
    return targets


def builder_secrets(image: Image) -> list[str]:
    """What a builder is given, by the name that instructions or the builder itself know it by."""
    secrets = [f"id={each},env={each}" for each in image.build.secrets]
    is_cloned = image.fetch is not None and image.fetch.remote.form == "git"
    if is_cloned and _GIT_TOKEN in image.build.secrets:
        secrets.append(f"id=GIT_AUTH_TOKEN,env={_GIT_TOKEN}")
    return secrets
