"""Remote sources, served on loopback: pinned, then compiled with no network at all."""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import yaml
from conftest import ROOT
from gitopsc.adapters.archive import BadArchive, unpack
from gitopsc.adapters.download import DownloadFailed
from gitopsc.adapters.packaged import runner_requirements
from gitopsc.cli import main
from gitopsc.model.lock import both_sides
from gitopsc.model.remote import HoldsCredentials, NotRemote, remote_of

GIT = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com"]
HANDLER = "def run(country='IT'):\n    return country\n"
OTHER = HANDLER.replace("IT", "FR")


def git(folder: Path, *command: str) -> str:
    done = subprocess.run([*GIT, *command], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def repository(folder: Path) -> Path:
    """An empty one."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    return folder


def commit(folder: Path, text: str) -> str:
    (folder / "pipelines").mkdir(exist_ok=True)
    (folder / "pipelines" / "etl.py").write_text(text)
    (folder / "tool.sh").write_text("#!/bin/sh\n")
    (folder / "tool.sh").chmod(0o755)
    (folder / ".gitignore").write_text("*.csv\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "The source")
    git(folder, "update-server-info")
    return git(folder, "rev-parse", "HEAD")


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL it is served at, as files: Git's oldest way, too."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project of a user with an empty cache; it is the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "gitopsc.yaml").write_text("project: demo\nregistry: registry.example.com\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    for name in ("GIT_TOKEN", "GIT_USERNAME", "GIT_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return folder


def describe(project: Path, source: str, handler: str, **more: object) -> None:
    function = {
        "kind": "python",
        "name": "etl",
        "spec": {
            "python_version": "PYTHON3_11",
            "source": {"source": source, "handler": handler},
            **more,
        },
    }
    run = {"kind": "python+job:run", "name": "nightly", "spec": {"function": "etl"}}
    (project / "etl.yaml").write_text(yaml.safe_dump_all([function, run]))


def run(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str]:
    capsys.readouterr()
    status = main([*command])
    return status, "".join(capsys.readouterr())


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, whoever connects to anything fails."""

    def cut() -> None:
        def refuse(*_: object) -> NoReturn:
            raise AssertionError("the network is used")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr("gitopsc.adapters.git.remote_repository", refuse)
        monkeypatch.setattr("gitopsc.pin.remote_repository", refuse)

    return cut


def computed(project: Path) -> str:
    manifest = (project / "deploy/manifests/default/nightly.yaml").read_text()
    (digest,) = {line.split('"')[3] for line in manifest.splitlines() if '"compute":' in line}
    return digest


def test_a_git_source(
    served: tuple[Path, str],
    project: Path,
    capsys: pytest.CaptureFixture[str],
    offline: Callable[[], None],
) -> None:
    folder, url = served
    source = repository(folder / "team" / "etl")
    first = commit(source, HANDLER)
    git(source, "tag", "-a", "v1", "-m", "One")
    git(source, "update-server-info")
    describe(project, f"git+{url}/team/etl/.git#main", "pipelines.etl:run")
    assert run(capsys, "compile")[0] == 1
    assert run(capsys, "lock", "--check")[0] == 1
    assert not (project / "gitopsc.lock").exists()
    status, said = run(capsys, "lock")
    assert status == 0, said
    lock = (project / "gitopsc.lock").read_text()
    assert yaml.safe_load(lock)["functions"]["etl"]["source"]["commit"] == first
    assert str(project) not in lock
    assert run(capsys, "lock", "--check")[0] == 0

    second = commit(source, OTHER)
    assert run(capsys, "lock")[0] == 0  # the branch has moved, and the pin stays
    assert (project / "gitopsc.lock").read_text() == lock
    offline()
    assert run(capsys, "compile")[0] == 0
    made = project / "deploy/images/etl"
    assert (made / "source/pipelines/etl.py").read_text() == HANDLER
    assert not (made / "source/.gitignore").exists()
    dockerfile = (made / "Dockerfile").read_text()
    assert "--chmod=0755" in dockerfile
    assert "deploy/images/etl/source/tool.sh" in dockerfile
    vendored = computed(project)

    # A fresh clone has the output, and nobody's cache; without output, the cache has the source.
    cache = Path(os.environ["XDG_CACHE_HOME"])
    hidden = cache.rename(cache.with_name("hidden"))
    assert run(capsys, "compile", "--check", "--no-cache")[0] == 0
    hidden.rename(cache)
    subprocess.run(["rm", "-rf", "deploy"], check=True)
    assert run(capsys, "compile", "--no-cache")[0] == 0
    assert (made / "source/pipelines/etl.py").read_text() == HANDLER

    # The builder fetches the same commit, and all that is in it: that is another run.
    (project / "gitopsc.yaml").write_text(
        "project: demo\nregistry: registry.example.com\nsources: fetch\n"
    )
    assert run(capsys, "compile")[0] == 0
    hidden = cache.rename(cache.with_name("hidden"))
    assert run(capsys, "lock", "--check")[0] == 0
    assert run(capsys, "compile", "--check", "--no-cache")[0] == 0
    hidden.rename(cache)
    dockerfile = (made / "Dockerfile").read_text()
    assert f'ADD ["{url}/team/etl/.git#{first}", "/opt/function/"]' in dockerfile
    assert not (made / "source").exists()
    assert computed(project) != vendored
    assert second != first


def test_upgrades_are_asked_for(
    served: tuple[Path, str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = served
    source = repository(folder / "etl")
    first = commit(source, HANDLER)
    describe(project, f"git+{url}/etl/.git", "pipelines.etl:run")
    assert run(capsys, "lock")[0] == 0
    second = commit(source, OTHER)
    assert run(capsys, "lock", "--upgrade", "another")[0] == 2
    assert first in (project / "gitopsc.lock").read_text()
    assert run(capsys, "lock", "--upgrade", "etl")[0] == 0
    assert second in (project / "gitopsc.lock").read_text()
    describe(project, f"git+{url}/etl/.git#{first}", "pipelines.etl:run")
    assert run(capsys, "lock")[0] == 0
    assert first in (project / "gitopsc.lock").read_text()
    describe(project, f"git+{url}/etl/.git#{'0' * 40}", "pipelines.etl:run")
    status, said = run(capsys, "lock")
    assert status == 1
    assert "C605" in said
    assert first in (project / "gitopsc.lock").read_text()


@pytest.mark.parametrize("is_builders", [False, True], ids=["vendored", "fetched"])
def test_an_archive_and_a_file(
    served: tuple[Path, str],
    project: Path,
    capsys: pytest.CaptureFixture[str],
    offline: Callable[[], None],
    is_builders: bool,
) -> None:
    folder, url = served
    (folder / "etl.zip").write_bytes(zipped({"pkg/mod.py": HANDLER, "__pycache__/x.pyc": "x"}))
    (folder / "single.py").write_text(HANDLER)
    with (project / "gitopsc.yaml").open("a") as settings:
        settings.write(f"sources: {'fetch' if is_builders else 'vendor'}\n")
    describe(project, f"zip+{url}/etl.zip", "pkg.mod:run")
    single = {
        "kind": "python",
        "name": "single",
        "spec": {
            "python_version": "PYTHON3_11",
            "source": {"source": f"{url}/single.py", "handler": "single:run"},
        },
    }
    (project / "single.yaml").write_text(yaml.safe_dump(single))
    status, said = run(capsys, "lock")
    assert status == 0, said
    functions = yaml.safe_load((project / "gitopsc.lock").read_text())["functions"]
    assert set(functions) == {"etl", "single"}
    offline()
    status, said = run(capsys, "compile")
    assert status == 0, said
    images = project / "deploy/images"
    if is_builders:
        checksum = functions["etl"]["source"]["sha256"]
        dockerfile = (images / "etl/Dockerfile").read_text()
        assert f'ADD --checksum=sha256:{checksum} ["{url}/etl.zip", "/source.zip"]' in dockerfile
        checksum = functions["single"]["source"]["sha256"]
        added = f'sha256:{checksum} --chmod=0644 ["{url}/single.py", "/opt/function/single.py"]'
        assert added in (images / "single/Dockerfile").read_text()
    else:
        assert (images / "etl/source/pkg/mod.py").read_text() == HANDLER
        assert (images / "single/source/single.py").read_text() == HANDLER
        assert not (images / "etl/source/__pycache__").exists()


def test_an_archive_in_s3(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
        try:
            endpoint = f"http://127.0.0.1:{port}"
            for name, value in (
                ("AWS_ENDPOINT_URL", endpoint),
                ("AWS_ACCESS_KEY_ID", "id"),
                ("AWS_SECRET_ACCESS_KEY", "hunter2"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
            ):
                monkeypatch.setenv(name, value)
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            client = boto3.client("s3")
            client.create_bucket(Bucket="datalake")
            content = zipped({"pkg/mod.py": HANDLER})
            client.put_object(Bucket="datalake", Key="src/func.zip", Body=content)
            client.close()
            describe(project, "zip+s3://datalake/src/func.zip", "pkg.mod:run")
            status, said = run(capsys, "lock")
            assert status == 0, said
            describe(project, "zip+s3://datalake/src/none.zip", "pkg.mod:run")
            status, missing = run(capsys, "lock")
            assert status == 1
            assert "C605" in missing
            assert "hunter2" not in said + missing
        finally:
            server.terminate()
    describe(project, "zip+s3://datalake/src/func.zip", "pkg.mod:run")
    assert run(capsys, "compile")[0] == 0


BAD = {
    "out-of-it": {"../etl.py": HANDLER},
    "absolute": {"/etc/etl.py": HANDLER},
    "backslashes": {"..\\etl.py": HANDLER},
    "nothing": {},
    "another-module": {"other.py": HANDLER},
    "bomb": {"etl.py": HANDLER, "zeros": "\0" * (65 * 1024 * 1024)},
    "name": {"etl.py": HANDLER, "a$b": ""},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_archive(
    name: str, served: tuple[Path, str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = served
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in BAD[name].items():
            archive.writestr(path, text)
    (folder / "etl.zip").write_bytes(buffer.getvalue())
    describe(project, f"zip+{url}/etl.zip", "etl:run")
    status, said = run(capsys, "lock")
    assert status == 1, said
    assert "etl.yaml:" in said
    assert not (project / "gitopsc.lock").exists()
    (project / "local.zip").write_bytes(buffer.getvalue())
    describe(project, "local.zip", "etl:run")
    status, said = run(capsys, "compile")
    assert status == 1, said
    assert "etl.yaml:" in said
    assert not (project / "deploy").exists()


def test_no_archive_raises_anything_else() -> None:
    whole = zipped({"pkg/mod.py": HANDLER, "b.py": "x" * 500})
    assert [each.path for each in unpack(whole)] == ["b.py", "pkg/mod.py"]
    for at in range(0, len(whole), 3):
        for damaged in (whole[:at], whole[:at] + b"\xff" + whole[at + 1 :]):
            try:
                unpack(damaged)
            except BadArchive:
                continue
    link = io.BytesIO()
    with zipfile.ZipFile(link, "w") as archive:
        entry = zipfile.ZipInfo("etl.py")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(BadArchive, match="is a link"):
        unpack(link.getvalue())
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr("a.py", "1")
        archive.writestr("./a.py", "2")
    with pytest.raises(BadArchive, match="twice"):
        unpack(twice.getvalue())


FORMATS = ("text", "json", "github", "gitlab", "junit", "sarif")


@pytest.mark.parametrize("command", ["compile", "lock", "validate"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_secret_in_a_url_is_never_printed(
    project: Path, capsys: pytest.CaptureFixture[str], command: str, form: str
) -> None:
    for source in (
        "git+https://someone:hunter2@git.example.com/team/etl",
        "git+https://hunter2@git.example.com/team/etl",
        "git+ssh://git:hunter2@git.example.com/team/etl",
        "zip+https://files.example.com/etl.zip?token=hunter2",
        "https://files.example.com/etl.py?X-Amz-Signature=hunter2",
        "ftp://someone:hunter2@git.example.com/team/etl",
        "git+https://user:hunter2/abc@127.0.0.1/x",
        "git+https://user:hunter2#abc@127.0.0.1/x",
        "git+https://user:hun hunter2@h/x",
        "git+https://user:p@hunter2@h/x",
        "zip+https://files.example.com/etl.zip?sv=1&sig=hunter2",
        "zip+https://files.example.com/etl.zip?to%6ben=hunter2",
        "zip+https://files.example.com/etl.zip?a=1;token=hunter2",
        "https://files.example.com/etl.py#token=hunter2",
        "git+https://git.example.com/team/etl#token=hunter2",
    ):
        describe(project, source, "etl:run")
        status, said = run(capsys, command, "--format", form)
        assert status == 1
        assert "C607" in said, said
        assert "hunter2" not in said
    for source in (
        "https:/user:hunter2@h/x.py",
        "git+https:user:hunter2@h/x.py",
        "user:hunter2@h:x",
        "//user:hunter2@h/x",
    ):
        describe(project, source, "etl:run")
        status, said = run(capsys, command, "--format", form)
        assert status == 1
        assert "hunter2" not in said, said
    describe(project, "etl.py", "run", requirements=["a @ https://h/a.whl?token=hunter2"])
    assert "hunter2" not in run(capsys, command, "--format", form)[1]


def test_a_token_of_the_environment(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches the server by Git's own way of asking, and nothing that is printed or written."""
    asked: list[str] = []

    class Private(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization", ""))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="private"')
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Private)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/team/etl"
        monkeypatch.setenv("GIT_TOKEN", "ghp_hunter2")
        describe(project, f"git+{url}", "etl:run")
        status, said = run(capsys, "lock")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert status == 1
    assert "C605" in said
    assert "hunter2" not in said
    assert asked == [""]  # without encryption, nobody is told


def test_a_token_is_for_the_host_of_the_url_alone(tmp_path: Path) -> None:
    """A server that sends Git elsewhere learns nothing there."""
    from gitopsc.adapters.git import _ASKED

    script = tmp_path / "asked"
    script.write_text(_ASKED)
    variables = {"GITOPSC_HOST": "h:8443", "GITOPSC_USERNAME": "u", "GITOPSC_PASSWORD": "p"}

    def answer(prompt: str) -> str:
        done = subprocess.run(
            ["sh", script, prompt], env={**os.environ, **variables}, capture_output=True, text=True
        )
        return done.stdout.strip()

    assert answer("Username for 'https://h:8443': ") == "u"
    assert answer("Password for 'https://u@h:8443': ") == "p"
    for other in ("http://h:8443", "https://h:84430", "https://other", "https://h:8443.other"):
        assert answer(f"Username for '{other}': ") == ""
        assert answer(f"Password for '{other.replace('://', '://u@')}': ") == ""


def test_a_hook_of_another_repository(
    served: tuple[Path, str],
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Git gives its hooks variables that name the user's repository: nothing is written there."""
    folder, url = served
    source = repository(folder / "etl")
    commit(source, HANDLER)
    describe(project, f"git+{url}/etl/.git", "pipelines.etl:run")
    before = (project / ".git/config").read_text()
    for name, value in (
        ("GIT_DIR", str(project / ".git")),
        ("GIT_INDEX_FILE", str(project / ".git/index")),
        ("GIT_OBJECT_DIRECTORY", str(project / ".git/objects")),
        ("GIT_DEFAULT_HASH", "sha256"),
    ):
        monkeypatch.setenv(name, value)
    status, said = run(capsys, "lock")
    assert status == 0, said
    assert (project / ".git/config").read_text() == before
    assert not [path for path in (project / ".git/objects").rglob("*") if path.is_file()]
    assert os.environ["GIT_DEFAULT_HASH"] == "sha256"


ANSWERS = {
    "garbage": b"\0\377 garbage\r\n\r\n",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\ndef run(): ...\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
    "port": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:abc/\r\n\r\n",
    "nothing": b"",
    "slow": None,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_server_that_misbehaves(
    name: str,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gitopsc.adapters.download._MOST_SECONDS", 2)
    done = threading.Event()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                answer = ANSWERS[name]
                if answer is not None:
                    connection.sendall(answer)
                    return
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while not done.wait(0.1):
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        describe(project, f"http://127.0.0.1:{server.getsockname()[1]}/etl.py", "etl:run")
        try:
            status, said = run(capsys, "lock")
        finally:
            done.set()
            thread.join()
    assert status == 1
    assert "C605" in said
    assert not (project / "gitopsc.lock").exists()


ODD_TREES = {
    "text": b"100644 a\xff.py\0",
    "out": b"100644 ..\0",
    "git": b"100644 .GIT\0",
    "deeper": b"100644 a/b.py\0",
    "newline": b"100644 a\nb.py\0",
}


@pytest.mark.parametrize("name", ODD_TREES)
def test_a_repository_with_odd_names(
    name: str, served: tuple[Path, str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = served
    source = repository(folder / "etl")

    def kept(kind: str, content: bytes) -> str:
        command = ["git", "hash-object", "-w", "--stdin", "--literally", "-t", kind]
        done = subprocess.run(command, cwd=source, input=content, check=True, capture_output=True)
        return done.stdout.decode().strip()

    blob = bytes.fromhex(kept("blob", HANDLER.encode()))
    tree = kept("tree", ODD_TREES[name] + blob + b"100644 etl.py\0" + blob)
    git(source, "update-ref", "refs/heads/main", git(source, "commit-tree", tree, "-m", "x"))
    git(source, "update-server-info")
    describe(project, f"git+{url}/etl/.git#main", "etl:run")
    status, said = run(capsys, "lock")
    assert status == 1, said
    assert "C605" in said or "C606" in said
    assert not (project / "gitopsc.lock").exists()


def test_what_stands_in_the_place_of_the_lock(
    served: tuple[Path, str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = served
    (folder / "etl.py").write_text(HANDLER)
    describe(project, f"{url}/etl.py", "etl:run")
    lock = project / "gitopsc.lock"
    lock.symlink_to("nowhere")
    status, said = run(capsys, "lock")
    assert (status, "C703" in said) == (1, True)
    lock.unlink()
    assert run(capsys, "lock")[0] == 0
    whole = lock.read_text()
    for broken in (
        "",
        "functions:",
        whole[: len(whole) // 2],
        f"<<<<<<< a\n{whole}",
        f"{whole}---\n{whole}",
    ):
        lock.write_text(broken)
        status, said = run(capsys, "compile")
        assert status == 1, broken
        assert run(capsys, "lock")[0] == 0, broken
        assert lock.read_text() == whole
    assert not [path for path in project.iterdir() if path.name.startswith(".gitopsc.lock-")]


def test_functions_of_one_name(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    describe(project, "git+https://git.example.com/a", "etl:run")
    (project / "again.yaml").write_text((project / "etl.yaml").read_text().split("---")[0])
    status, said = run(capsys, "lock")
    assert status == 1
    assert "C402" in said


def test_a_machine_without_git(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitPython says so by failing to be imported."""
    describe(project, "git+file:///nowhere", "etl:run")
    monkeypatch.setitem(sys.modules, "git", None)
    status, said = run(capsys, "lock")
    assert status == 1
    assert "Git is not on this machine" in said


def test_a_remote_that_refuses_is_asked_once(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(url: str) -> NoReturn:
        asked.append(url)
        raise DownloadFailed("it is out")

    monkeypatch.setattr("gitopsc.pin.download", refuse)
    describe(project, "https://files.example.com/etl.py", "etl:run")
    text = (project / "etl.yaml").read_text().split("---")[0]
    (project / "again.yaml").write_text(text.replace("name: etl", "name: again"))
    status, said = run(capsys, "lock")
    assert status == 1
    assert said.count("C605") == 2
    assert len(asked) == 1


def test_a_cache_that_cannot_be_written(
    served: tuple[Path, str],
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, url = served
    (folder / "etl.py").write_text(HANDLER)
    describe(project, f"{url}/etl.py", "etl:run")
    (project / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "file"))
    status, said = run(capsys, "lock")
    assert status == 1
    assert "XDG_CACHE_HOME" in said
    assert not (project / "gitopsc.lock").exists()


def test_vendored_files_are_what_is_pinned(
    served: tuple[Path, str],
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder, url = served
    (folder / "etl.zip").write_bytes(zipped({"etl.py": HANDLER, "more.py": "x = 1\n"}))
    describe(project, f"zip+{url}/etl.zip", "etl:run")
    assert run(capsys, "lock")[0] == 0
    assert run(capsys, "compile")[0] == 0
    made = project / "deploy/images/etl/source"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    (made / "notes.txt").write_text("somebody's own")
    (made / "__pycache__").mkdir()
    (made / "__pycache__/etl.pyc").write_text("")
    assert run(capsys, "compile", "--check")[0] == 0
    for damaged in (HANDLER + "#", ""):
        (made / "etl.py").write_bytes(damaged.encode())
        status, said = run(capsys, "compile", "--check")
        assert (status, "C604" in said) == (1, True), damaged
    (made / "etl.py").unlink()
    (made / "etl.py").symlink_to("/etc/hostname")
    assert run(capsys, "compile", "--check")[0] == 1


def test_a_pin_outlives_the_versions_beside_it(
    served: tuple[Path, str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = served
    source = repository(folder / "etl")
    first = commit(source, HANDLER)
    describe(project, f"git+{url}/etl/.git", "pipelines.etl:run")
    text = (project / "etl.yaml").read_text().split("---")[0]
    for version in ("v1", "v2"):
        (project / f"{version}.yaml").write_text(f"{text}id: {version}\n")
    (project / "etl.yaml").unlink()
    assert run(capsys, "lock")[0] == 0
    assert "etl:v1" in (project / "gitopsc.lock").read_text()
    second = commit(source, OTHER)
    (project / "v2.yaml").unlink()
    assert run(capsys, "lock")[0] == 0
    lock = (project / "gitopsc.lock").read_text()
    assert "etl:v1" not in lock
    assert first in lock
    assert second not in lock


def test_what_git_ignores_is_told_and_hides_no_other(
    served: tuple[Path, str],
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    folder, url = served
    (folder / "etl.zip").write_bytes(zipped({"etl.py": HANDLER, "lib/ignored.py": "x = 1\n"}))
    describe(project, f"zip+{url}/etl.zip", "etl:run")
    text = (project / "etl.yaml").read_text().replace("name: etl", "name: another")
    (project / "another.yaml").write_text(text.split("---")[0])
    (project / ".gitignore").write_text("*.lock\n/deploy/images/another/source/lib/\n")
    assert "C107" in run(capsys, "lock")[1]
    (project / ".gitignore").write_text("/deploy/images/another/source/lib/\n")
    for _ in range(3):
        status, said = run(capsys, "compile")
        assert (status, "C107" in said) == (0, True)
        assert "`!/deploy/**`" in said
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    (project / "deploy/images/another/source/lib/ignored.py").unlink()
    status, said = run(capsys, "compile")
    assert status == 1
    assert "another.yaml" in said
    assert "etl.yaml" not in said


def test_a_commit_without_the_lock_is_no_commit(
    served: tuple[Path, str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, url = served
    (folder / "etl.py").write_text(HANDLER)
    describe(project, f"{url}/etl.py", "etl:run")
    assert run(capsys, "lock")[0] == 0
    assert run(capsys, "compile")[0] == 0
    git(project, "add", "etl.yaml", "gitopsc.yaml", "deploy")
    assert run(capsys, "compile", "--fail-on-change")[0] == 1
    git(project, "add", "-A")
    assert run(capsys, "compile", "--fail-on-change")[0] == 0


# Requirements


def test_a_requirement_that_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "src").mkdir()
    (project / "src/etl.py").write_text(HANDLER)
    describe(project, "src/etl.py", "run", requirements=["pandas=2"])
    for options in ([], ["--check"]):
        status, said = run(capsys, "lock", *options)
        assert (status, "C420" in said) == (1, True)


def wheel(
    folder: Path, name: str, version: str, python: str = ">=3.8", requires: str | None = None
) -> None:
    info = f"{name}-{version}.dist-info"
    metadata = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {python}\n"
    )
    metadata += f"Requires-Dist: {requires}\n" if requires is not None else ""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages come from, and nowhere else; those of the runner are there."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for pin in runner_requirements("python", ()):
        name, version = pin.split("==")
        wheel(folder, name.replace("-", "_"), version)
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return folder


def test_requirements_are_locked_with_hashes(
    project: Path, wheels: Path, capsys: pytest.CaptureFixture[str], offline: Callable[[], None]
) -> None:
    wheel(wheels, "some_tables", "1.0")
    (project / "src").mkdir()
    (project / "src/etl.py").write_text(HANDLER)
    describe(project, "src/etl.py", "run", requirements=["some-tables>=0.5"])
    assert run(capsys, "compile")[0] == 0  # nobody has to lock them
    unlocked = computed(project)
    assert run(capsys, "lock", "--check")[0] == 1
    assert run(capsys, "lock", "--check", "--no-requirements")[0] == 0
    status, said = run(capsys, "lock")
    assert status == 0, said
    wheel(wheels, "some_tables", "2.0")
    assert run(capsys, "lock")[0] == 0
    offline()
    assert run(capsys, "compile")[0] == 0
    requirements = (project / "deploy/images/etl/requirements.txt").read_text()
    assert "some-tables==1.0 \\\n    --hash=sha256:" in requirements
    assert all(f"{pin} \\\n" in requirements for pin in runner_requirements("python", ()))
    dockerfile = (project / "deploy/images/etl/Dockerfile").read_text()
    assert dockerfile.count("pip install") == dockerfile.count("--require-hashes") == 1
    assert computed(project) != unlocked
    assert run(capsys, "lock", "--upgrade")[0] == 0
    assert "some-tables==2.0" in (project / "gitopsc.lock").read_text()
    describe(project, "src/etl.py", "run", requirements=["some-tables>=0.6"])
    status, said = run(capsys, "compile")
    assert status == 1
    assert "C602" in said


def test_a_lock_of_two_branches_keeps_the_pins_of_both(
    project: Path, wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that fits is pinned anew, though newer versions are there."""
    wheel(wheels, "some_tables", "1.0")
    (project / "src").mkdir()
    (project / "src/etl.py").write_text(HANDLER)
    text = (
        "kind: python\nname: {name}\nspec:\n  python_version: PYTHON3_11\n"
        "  source: {{source: src/etl.py, handler: run}}\n  requirements: [some-tables>=0.5]\n"
    )

    def locked(branch: str) -> str:
        git(project, "checkout", "-q", "-b", branch, "start")
        (project / f"{branch}.yaml").write_text(text.format(name=branch))
        assert run(capsys, "lock")[0] == 0
        git(project, "add", "-A")
        git(project, "commit", "-qm", branch)
        return (project / "gitopsc.lock").read_text()

    git(project, "add", "-A")
    git(project, "commit", "-qm", "start")
    git(project, "tag", "start")
    one, other = locked("one"), locked("other")
    with pytest.raises(subprocess.CalledProcessError):
        git(project, "merge", "one")
    assert "<<<<<<<" in (project / "gitopsc.lock").read_text()
    wheel(wheels, "some_tables", "2.0")
    assert "a merge conflict is left" in run(capsys, "compile")[1]
    assert run(capsys, "lock")[0] == 0
    merged = (project / "gitopsc.lock").read_text()
    assert "some-tables==2.0" not in merged
    head, blocks = other.split("functions:\n")
    assert merged == f"{head}functions:\n{one.split(f'functions:{chr(10)}')[1]}{blocks}"
    assert both_sides(merged) is None
    conflicting = f"<<<<<<< a\n=======\n{merged}>>>>>>> b\n"
    assert both_sides(conflicting) == merged
    assert both_sides(conflicting.replace("\n", "\r\n")) == merged


def test_the_runner_s_packages_decide_no_result(
    project: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newer runner asks for a new lock, and makes the same data."""
    wheel(wheels, "some_tables", "1.0")
    (project / "src").mkdir()
    (project / "src/etl.py").write_text(HANDLER)
    describe(project, "src/etl.py", "run", requirements=["some-tables"])
    assert run(capsys, "lock")[0] == 0
    assert run(capsys, "compile")[0] == 0
    before = computed(project)
    wheel(wheels, "fsspec", "2099.1")
    wheel(wheels, "some_tables", "2.0")  # which nobody has asked for
    newer = [pin for pin in runner_requirements("python", ()) if not pin.startswith("fsspec")]
    for module in ("gitopsc.load", "gitopsc.pin"):
        monkeypatch.setattr(
            f"{module}.runner_requirements", lambda *_: tuple(sorted([*newer, "fsspec==2099.1"]))
        )
    status, said = run(capsys, "compile", "--no-cache")
    assert (status, "were locked beside others of the runner" in said) == (1, True)
    assert run(capsys, "lock")[0] == 0
    assert run(capsys, "compile", "--no-cache")[0] == 0
    assert "fsspec==2099.1" in (project / "deploy/images/etl/requirements.txt").read_text()
    assert computed(project) == before


def test_what_does_not_fit_beside_the_runner_is_told_at_its_line(
    project: Path, wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(wheels, "fsspec", "1.0")
    wheel(wheels, "some_tables", "1.0", requires="fsspec==1.0")
    wheel(wheels, "others", "1.0")
    (project / "src").mkdir()
    (project / "src/etl.py").write_text(HANDLER)
    describe(project, "src/etl.py", "run", requirements=["others", "some-tables==1.0"])
    status, said = run(capsys, "lock", "--format", "json")
    assert status == 1
    (problem,) = [each for each in json.loads(said)["diagnostics"] if each["code"] == "C610"]
    assert problem["message"].startswith("`some-tables==1.0` does not fit beside the runner")
    assert "`fsspec==" in problem["message"]
    text = (project / problem["file"]).read_text().split("\n")[problem["line"] - 1]
    assert "some-tables" in text


def test_the_pins_of_a_laptop_are_explained(
    project: Path, wheels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(wheels, "some_tables", "3.0", python=">=3.12")
    describe(project, "src/etl.py", "run", requirements=["some-tables==3.0"])
    (project / "src").mkdir()
    (project / "src/etl.py").write_text(HANDLER)
    status, said = run(capsys, "lock", "--format", "json")
    assert status == 1
    (problem,) = [each for each in json.loads(said)["diagnostics"] if each["code"] == "C610"]
    assert problem["message"] == "`some-tables==3.0` needs Python >=3.12, and the function has 3.11"
    assert "laptop" in problem["hint"]


# The grammar of URLs


@pytest.mark.parametrize(
    ("text", "form", "url", "ref"),
    [
        ("git+https://h.example.com/a/b", "git", "https://h.example.com/a/b", None),
        (
            "git+https://h.example.com:8443/a/b#v1.0",
            "git",
            "https://h.example.com:8443/a/b",
            "v1.0",
        ),
        ("git+ssh://git@h.example.com/a/b#f/x", "git", "ssh://git@h.example.com/a/b", "f/x"),
        ("git+file:///srv/a.git", "git", "file:///srv/a.git", None),
        ("zip+s3://bucket/a/b.zip", "zip", "s3://bucket/a/b.zip", None),
        ("zip+https://h.example.com/a.zip?v=1", "zip", "https://h.example.com/a.zip?v=1", None),
        ("https://h.example.com/x/foo.py", "file", "https://h.example.com/x/foo.py", None),
    ],
)
def test_urls(text: str, form: str, url: str, ref: str | None) -> None:
    assert remote_of(text) == (form, url, ref)


@pytest.mark.parametrize(
    "text", ["git+https://", "git+https://h:x/", "git+https://h/a b", "https://[", "x://", "git@h:"]
)
def test_no_url_raises_anything_else(text: str) -> None:
    with pytest.raises(NotRemote) as caught:
        remote_of(text)
    assert caught.value.hint
    assert not isinstance(caught.value, HoldsCredentials)


def test_only_lock_imports_a_client(tmp_path: Path) -> None:
    (tmp_path / "gitopsc.yaml").write_text("project: demo\n")
    script = (
        "import sys; from gitopsc.cli import main; main(['compile', '--no-cache'])\n"
        "print([name for name in ('git', 'boto3', 'gitopsc.pin', 'uv') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n"
