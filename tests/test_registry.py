"""`gitopsc images`: registries on loopback that say yes, no, who are you, and nothing."""

from __future__ import annotations

import base64
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE
from gitopsc.adapters.registry import states_of
from gitopsc.cli import main
from jsonschema import Draft202012Validator

LOGIN = "Basic " + base64.b64encode(b"ada:secret").decode()


class Registry(BaseHTTPRequestHandler):
    """Has the images in `there`; what it asks for says `login`: nothing, `basic` or `token`."""

    there: set[str]
    login: str
    seen: list[tuple[str, str | None]]
    digest = "sha256:" + "0" * 64

    def do_HEAD(self) -> None:
        self.seen.append((self.path, self.headers.get("Authorization")))
        realm = f"http://{self.headers['Host']}/token"
        challenge = {
            "basic": 'Basic realm="here"',
            "token": f'Bearer realm="{realm}",service="here",scope="repository:x:pull"',
        }.get(self.login)
        wanted = {"basic": LOGIN, "token": "Bearer let-me-in"}.get(self.login)
        if challenge is not None and self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("Www-Authenticate", challenge)
        elif self.path == "/v2/" or self.path in self.there:
            self.send_response(200)
            if self.digest:
                self.send_header("Docker-Content-Digest", self.digest)
        elif "broken" in self.path:
            self.send_response(500)
        else:
            self.send_response(404)
        self.end_headers()

    def do_GET(self) -> None:
        """A token for whoever has logged in."""
        known = self.headers.get("Authorization") == LOGIN
        body = json.dumps({"token": "let-me-in"} if known else {}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def registry(request: pytest.FixtureRequest) -> Iterator[tuple[str, type[Registry]]]:
    kind = type("Kind", (Registry,), {"there": set(), "login": "", "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without logins."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "docker"


def logged_in(folder: Path, host: str) -> None:
    folder.mkdir()
    auth = LOGIN.removeprefix("Basic ")
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def project(tmp_path: Path, host: str) -> Path:
    root = tmp_path / "project"
    shutil.copytree(SAMPLE, root, ignore=shutil.ignore_patterns("deploy"))
    settings = root / "gitopsc.yaml"
    settings.write_text(settings.read_text().replace("registry.example.com/geo", f"{host}/geo"))
    return root


def references(root: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["images", str(root), "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    schema = json.loads((ROOT / "schemas" / "reports" / "images.schema.json").read_text())
    Draft202012Validator(schema).validate(listed)
    assert {each["state"] for each in listed["images"]} == {None}
    return [each["reference"] for each in listed["images"]]


def path_of(reference: str) -> str:
    _, _, rest = reference.partition("/")
    name, _, tag = rest.rpartition(":")
    return f"/v2/{name}/manifests/{tag}"


@pytest.mark.parametrize("login", ["", "basic", "token"])
def test_what_a_registry_lacks(
    login: str,
    tmp_path: Path,
    registry: tuple[str, type[Registry]],
    nobody: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    host, kind = registry
    kind.login = login
    logged_in(nobody, host)
    root = project(tmp_path, host)
    known = references(root, capsys)
    assert len(known) == 4
    kind.there |= {path_of(each) for each in known[1:]}
    assert main(["images", str(root), "--missing"]) == 1
    out, err = capsys.readouterr()
    assert [line.split()[:2] for line in out.splitlines()] == [["missing", known[0]]]
    assert "production, staging  announce" in out
    bake = f"{root}/deploy/images/docker-bake.json"
    assert "gitopsc: of 4 images 1 missing" in err
    assert f"docker buildx bake -f {Path(bake).name}" in err.replace("deploy/images/", "")
    kind.there.add(path_of(known[0]))
    assert main(["images", str(root), "--missing"]) == 0
    assert capsys.readouterr() == ("", "gitopsc: every image is there\n")
    assert main(["images", str(root), "--missing", "--format", "json"]) == 0
    images = json.loads(capsys.readouterr().out)["images"]
    assert {each["state"] for each in images} == {"there"}


@pytest.mark.parametrize("login", ["basic", "token"])
def test_a_login_goes_to_its_own_registry(
    login: str, registry: tuple[str, type[Registry]], nobody: Path
) -> None:
    """Whoever writes a registry into a pull request is given nothing."""
    host, kind = registry
    kind.login = login
    logged_in(nobody, "registry.example.com")
    (state,) = states_of([f"{host}/a/b:1"])
    assert (state.state, state.reason) == (
        "unknown",
        f"{host} asks for a login: `docker login {host}`",
    )
    assert {authorization for _, authorization in kind.seen} == {None}


def test_what_a_registry_does_not_say(registry: tuple[str, type[Registry]]) -> None:
    host, _ = registry
    states = states_of(
        [
            f"{host}/geo/broken:1",
            "127.0.0.1:9/geo/nobody:1",
            "localhost/geo/built:1",
            f"{host}/geo/absent@sha256:{'0' * 64}",
        ]
    )
    assert [(each.state, each.reason) for each in states] == [
        ("unknown", f"{host} answers 500"),
        ("unknown", "127.0.0.1:9 cannot be asked: connection refused"),
        ("unknown", "the settings name no `registry`"),
        ("missing", ""),
    ]


def test_an_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["images", str(SAMPLE), "--environment", "staging"]) == 0
    assert "production" not in capsys.readouterr().out
    assert main(["images", str(SAMPLE), "--environment", "stagin"]) == 2
    assert "did you mean `staging`?" in capsys.readouterr().err


def test_a_project_with_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = project(tmp_path, "127.0.0.1:9")
    (root / "functions" / "announce.yaml").unlink()
    assert main(["images", str(root), "--missing"]) == 1
    assert "error[C401]" in capsys.readouterr().err


def test_without_oras(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "oras.container", None)
    monkeypatch.setitem(sys.modules, "oras", None)
    assert main(["images", str(SAMPLE), "--missing"]) == 2
    assert "install `gitopsc[images]`" in capsys.readouterr().err


def locked(root: Path, *options: str) -> int:
    return main(["lock", str(root), "--no-requirements", *options])


def test_base_images_are_pinned(
    tmp_path: Path, registry: tuple[str, type[Registry]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for once each; kept while they fit; told when they do not; in the Dockerfile, and in
    no compute digest."""
    host, kind = registry
    root = tmp_path / "project"
    root.mkdir()
    (root / "gitopsc.yaml").write_text(f"project: demo\nregistry: {host}/geo\n")
    base = f"{host}/bases/python:3.11"
    function = (
        "kind: python\nname: {}\nspec:\n  python_version: PYTHON3_11\n  base_image: {}\n"
        "  source: {{code: 'def run(): ...', handler: run}}\n---\n"
        "kind: python+job:run\nname: {}-run\nspec: {{function: {}}}\n"
    )
    for name in ("one", "two"):
        text = function.format(name, base, name, name)
        (root / f"{name}.yaml").write_text(text)
    assert main(["compile", str(root)]) == 0
    assert locked(root, "--check") == 0
    assert locked(root, "--check", "--images") == 1
    assert capsys.readouterr().err.count(f"the base image `{base}` is not pinned") == 2
    before = (root / "deploy/manifests/default/one-run.yaml").read_text()
    assert locked(root, "--images") == 1
    assert "cannot be pinned: its registry does not have it" in capsys.readouterr().err
    kind.there.add("/v2/bases/python/manifests/3.11")
    kind.seen.clear()
    assert locked(root, "--images") == 0
    assert len(kind.seen) == 1
    assert (root / "gitopsc.lock").read_text().count(f'digest: "{kind.digest}"') == 2
    assert main(["compile", str(root)]) == 0
    dockerfile = (root / "deploy/images/one/Dockerfile").read_text()
    assert f"FROM {base}@{kind.digest}\n" in dockerfile
    after = (root / "deploy/manifests/default/one-run.yaml").read_text()
    compute = [line for text in (before, after) for line in text.splitlines() if "compute" in line]
    assert len(set(compute)) == 2  # the annotation and the setting, each the same twice
    assert before != after

    kind.seen.clear()
    digest, kind.digest = kind.digest, "sha256:" + "1" * 64
    assert locked(root) == 0
    assert locked(root, "--images") == 0
    assert kind.seen == []
    assert digest in (root / "gitopsc.lock").read_text()
    assert locked(root, "--images", "--upgrade") == 0
    assert (root / "gitopsc.lock").read_text().count(kind.digest) == 2
    capsys.readouterr()
    (root / "one.yaml").write_text(function.format("one", f"{base}-slim", "one", "one"))
    assert main(["compile", str(root)]) == 1
    assert "one.yaml:5:15: error[C602]" in capsys.readouterr().err
    assert locked(root) == 0
    assert (root / "gitopsc.lock").read_text().count(kind.digest) == 1
    assert main(["compile", str(root)]) == 0


def test_the_image_beside_containers_is_pinned(
    tmp_path: Path, registry: tuple[str, type[Registry]], capsys: pytest.CaptureFixture[str]
) -> None:
    """It has a block of its own, which goes with the last container that has data."""
    host, kind = registry
    kind.there.add("/v2/bases/python/manifests/3.12")
    settings = (
        f"project: demo\nregistry: {host}/geo\nstores: {{default: s3://demo}}\n"
        f"python_image: {host}/bases/python:{{version}}\n"
    )
    (tmp_path / "gitopsc.yaml").write_text(settings)
    run = (
        "kind: container\nname: tiler\nspec: {image: registry.example.com/tiler:1, command: tile}\n"
        "---\nkind: container+job:run\nname: tiles\n"
        "spec: {function: tiler, outputs: {all: tiles}}\n"
    )
    (tmp_path / "all.yaml").write_text(run)
    dockerfile = tmp_path / "deploy/images/container-data/Dockerfile"
    assert locked(tmp_path) == 0
    assert not (tmp_path / "gitopsc.lock").exists()
    capsys.readouterr()
    assert locked(tmp_path, "--images", "--check") == 1
    assert (
        f"error[C601]: the base image `{host}/bases/python:3.12` is not" in capsys.readouterr().err
    )
    assert locked(tmp_path, "--images") == 0
    assert locked(tmp_path, "--images", "--check") == 0
    assert main(["compile", str(tmp_path)]) == 0
    assert f"FROM {host}/bases/python:3.12@{kind.digest}\n" in dockerfile.read_text()

    digest, kind.digest = kind.digest, "sha256:" + "1" * 64
    assert locked(tmp_path, "--images") == 0
    assert digest in (tmp_path / "gitopsc.lock").read_text()
    assert locked(tmp_path, "--images", "--upgrade", "container-data") == 0
    assert kind.digest in (tmp_path / "gitopsc.lock").read_text()

    elsewhere = settings.replace(f"{host}/bases", "registry.example.com/mirror")
    (tmp_path / "gitopsc.yaml").write_text(elsewhere)
    capsys.readouterr()
    assert main(["compile", str(tmp_path)]) == 1
    assert "all.yaml:7:" in (said := capsys.readouterr().err)
    assert "error[C602]" in said
    assert "the base image of `container-data` has changed since it was pinned" in said
    assert locked(tmp_path) == 0
    assert main(["compile", str(tmp_path)]) == 0
    assert "FROM registry.example.com/mirror/python:3.12\n" in dockerfile.read_text()

    (tmp_path / "gitopsc.yaml").write_text(settings)
    assert locked(tmp_path, "--images") == 0
    job = "kind: container+job:run\nname: tiles\nspec: {function: tiler, outputs: {all: tiles}}\n"
    schedule = (
        "kind: scheduler\nname: tiles\n"
        "spec: {function: tiler, schedule: 0 0 3 * * ?, template: {outputs: {all: tiles}}}\n"
    )
    assert job in run
    (tmp_path / "all.yaml").write_text(run.replace(job, schedule))
    assert locked(tmp_path, "--images", "--check") == 0
    assert main(["compile", str(tmp_path)]) == 0
    assert f"FROM {host}/bases/python:3.12@{kind.digest}\n" in dockerfile.read_text()

    (tmp_path / "all.yaml").write_text(run.replace(", outputs: {all: tiles}", ""))
    capsys.readouterr()
    assert main(["compile", str(tmp_path)]) == 0
    assert "there is no function `container-data` any more" in capsys.readouterr().err
    assert locked(tmp_path) == 0
    assert (
        not (tmp_path / "gitopsc.lock").exists()
        or "container-data" not in (tmp_path / "gitopsc.lock").read_text()
    )


@pytest.mark.parametrize("digest", ["", "sha256:short", "md5:" + "0" * 64])
def test_a_registry_that_does_not_say_what_it_has(
    digest: str,
    tmp_path: Path,
    registry: tuple[str, type[Registry]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    host, kind = registry
    kind.digest = digest
    kind.there.add("/v2/bases/python/manifests/3.11")
    (tmp_path / "gitopsc.yaml").write_text("project: demo\n")
    (tmp_path / "all.yaml").write_text(
        "kind: python\nname: one\nspec:\n  python_version: PYTHON3_11\n"
        f"  base_image: {host}/bases/python:3.11\n"
        "  source: {code: 'def run(): ...', handler: run}\n"
    )
    assert locked(tmp_path, "--images") == 1
    assert "its registry does not say which digest it has" in capsys.readouterr().err
    assert not (tmp_path / "gitopsc.lock").exists()
