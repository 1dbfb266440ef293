"""A descriptor names any host; the user's token goes to those that the user has named."""

from __future__ import annotations

import base64
import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from gitopsc.adapters.git import token_hosts
from gitopsc.cli import main
from gitopsc.model.remote import host_of_clone


class Private(http.server.BaseHTTPRequestHandler):
    heard: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self.heard.append((self.headers["Host"], self.headers.get("Authorization", "")))
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="private"')
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a server that wants to know who asks; it is `localhost` and `127.0.0.1`, two hosts."""
    folder = tmp_path_factory.mktemp("certificate")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run([*made, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def project(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone from `localhost`, with functions from there and from another host."""
    Private.heard.clear()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    origin = f"https://localhost:{port}/team/project.git"
    subprocess.run(["git", "remote", "add", "origin", origin], cwd=tmp_path, check=True)
    (tmp_path / "gitopsc.yaml").write_text("project: demo\nregistry: registry.example.com\n")
    for name, host in (("ours", "localhost"), ("theirs", "127.0.0.1")):
        (tmp_path / f"{name}.yaml").write_text(
            f"kind: python\nname: {name}\nspec:\n  python_version: PYTHON3_11\n"
            f"  source: {{source: 'git+https://{host}:{port}/a/b', handler: 'm:run'}}\n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    for name in ("GIT_USERNAME", "GIT_PASSWORD", "GIT_TOKEN_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_TOKEN", "hunter2")
    return tmp_path


def told(host: str) -> set[str]:
    """What a host was told of who asks."""
    words = {said for asked, said in Private.heard if asked == host}
    return {base64.b64decode(each.partition(" ")[2]).decode() for each in words if each}


def test_a_token_goes_to_the_host_of_origin(
    project: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock"]) == 1
    said = capsys.readouterr().err
    assert told(f"localhost:{port}") == {"hunter2:x-oauth-basic"}
    assert told(f"127.0.0.1:{port}") == set()
    assert f"gitopsc: localhost:{port} is given the Git credentials" in said
    assert f"gitopsc: 127.0.0.1:{port}" not in said
    assert (
        f"`GIT_TOKEN` is not given to this host, unless you set `GIT_TOKEN_HOSTS=127.0.0.1:{port}`"
        in said
    )
    assert "hunter2" not in said


def test_and_to_hosts_that_the_user_names(
    project: Path, port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GIT_TOKEN_HOSTS", f"git.example.com, 127.0.0.1:{port}")
    assert main(["lock"]) == 1
    assert told(f"127.0.0.1:{port}") == {"hunter2:x-oauth-basic"}
    assert "GIT_TOKEN_HOSTS" not in capsys.readouterr().err


def test_a_repository_inside_says_nothing_of_origin(project: Path, port: int) -> None:
    """A folder that looks like a repository to Git, with an origin of its own."""
    inside = project / "inside"
    (inside / "objects").mkdir(parents=True)
    (inside / "refs").mkdir()
    (inside / "HEAD").write_text("ref: refs/heads/main\n")
    (inside / "config").write_text(
        '[core]\n\tbare = true\n[remote "origin"]\n\turl = https://evil.example.com/x\n'
    )
    assert token_hosts(str(inside)) == {f"localhost:{port}"}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:secret@Git.example.com/a/b.git", "git.example.com"),
        ("https://git.example.com:443/a", "git.example.com"),
        ("https://git.example.com:8443/a", "git.example.com:8443"),
        ("git@git.example.com:a/b.git", "git.example.com"),
        ("ssh://git@git.example.com:2222/a/b.git", "git.example.com"),
        ("http://git.example.com/a", None),
        ("/srv/git/a.git", None),
        ("file:///srv/git/a.git", None),
        ("", None),
    ],
)
def test_the_host_of_a_clone(url: str, host: str | None) -> None:
    assert host_of_clone(url) == host
