"""`gitopsc run`: real environments, real processes. Functions without requirements share one."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from gitopsc.cli import main
from gitopsc.commands.spinner import Spinner
from test_runner import free_port, get

pytestmark = pytest.mark.slow

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSION = f"PYTHON{OWN.replace('.', '_')}"

SOURCE = """
import os
import sys
import time


def first(project, word="a", many=0, secret=None):
    print("first says", word, type(word).__name__)
    open("x", "w").write(word)
    project.log_artifact("first", "artifact", "x")
    return word * many


def second(project, before):
    text = open(before.as_file()).read()
    print("second has read", text)
    open("x", "w").write(text + "2")
    project.log_artifact("second", "artifact", "x")


def third(project, before):
    time.sleep(0.5)
    print("third has read", open(before.as_file()).read())
    open("x", "w").write("3")
    project.log_artifact("third", "artifact", "x")


def init(context, left, right, word="w"):
    files = [context.project.get_artifact(key).as_file() for key in (left, right)]
    context.answer = [*(open(file).read() for file in files), word]


def serve(context, event):
    return context.answer


def fails():
    raise ValueError("on purpose: " + os.environ["PASSWORD"])


def leaves():
    sys.exit(0)


def floods():
    for _ in range(1000):
        sys.stdout.write("x" * 100_000)


def hangs():
    if os.fork() == 0:
        time.sleep(600)
    print("hanging", os.getpid(), flush=True)
    while True:
        try:
            time.sleep(600)
        except Exception:
            pass


def asks():
    print("got", input())


def background():
    import subprocess
    print("left", subprocess.Popen(["sleep", "600"], start_new_session=True).pid, flush=True)


def exits():
    os._exit(0)


def dies():
    os._exit(137)


def opens():
    return open("data/cities.csv").read()


def lambdas():
    return lambda: None
"""

ALONE = ("leaves", "floods", "hangs", "asks", "background", "exits", "dies", "opens")

RUNS: dict[str, Any] = {
    "one": {"function": "first", "outputs": {"first": "store://demo/artifact/artifact/first"}},
    "two": {
        "function": "second",
        "inputs": {"before": "store://demo/artifact/artifact/first"},
        "outputs": {"second": "store://demo/artifact/artifact/second"},
        "local_execution": True,
    },
    "three": {
        "function": "third",
        "inputs": {"before": "store://demo/artifact/artifact/first"},
        "outputs": {"third": "store://demo/artifact/artifact/third"},
    },
    "fails": {"function": "fails", "secrets": ["PASSWORD"]},
    "file": {"function": "second", "inputs": {"before": "store://demo/artifact/artifact/beside"}},
    **{name: {"function": name} for name in (*ALONE, "lambdas")},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Two jobs that read what one makes, a service that reads both, and what goes wrong."""
    folder = tmp_path / "demo project"
    folder.mkdir()
    (folder / "main.py").write_text(SOURCE)
    (folder / "beside.txt").write_text("beside")
    documents: list[Any] = [
        {
            "kind": "python",
            "name": name,
            "spec": {"python_version": VERSION, "source": {"source": "main.py", "handler": name}},
        }
        for name in ("first", "second", "third", "fails", *ALONE)
    ]
    documents += [
        {
            "kind": "python",
            "name": "lambdas",
            "spec": {
                "python_version": VERSION,
                "source": {"code": SOURCE, "handler": "lambdas"},
            },
        },
        {
            "kind": "python",
            "name": "serve",
            "spec": {
                "python_version": VERSION,
                "source": {"source": "main.py", "handler": "serve", "init_function": "init"},
            },
        },
        {"kind": "artifact", "name": "beside", "spec": {"path": "beside.txt"}},
        {
            "kind": "python+serve:run",
            "name": "api",
            "spec": {
                "function": "serve",
                "init_parameters": {
                    "left": "store://demo/artifact/artifact/second",
                    "right": "store://demo/artifact/artifact/third",
                },
            },
        },
    ]
    documents += [{"kind": "python+job:run", "name": n, "spec": each} for n, each in RUNS.items()]
    (folder / "all.yaml").write_text("\n---\n".join(json.dumps(each) for each in documents))
    (folder / "gitopsc.yaml").write_text("project: demo\nstores: {default: s3://elsewhere}\n")
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Environments are made once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PASSWORD", "hush-hush")
        yield


def start(*arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gitopsc", "run", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def run(*arguments: str, expect: int = 0) -> tuple[str, str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=180)
    assert process.returncode == expect, (out, err)
    return out, err


def statuses(out: str) -> dict[str, str]:
    rows = [line.split("  ") for line in out.splitlines()[1:]]
    return {row[0]: next(cell.strip() for cell in row[1:] if cell.strip()) for row in rows}


def ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Serving:
    """A service that `gitopsc run` serves, until it is told to stop."""

    def __init__(self, *arguments: str, **more: Any) -> None:
        self.port = free_port()
        self.process = start(*arguments, "--port", str(self.port), **more)
        self.said = ""

    def __enter__(self) -> Serving:
        assert self.process.stderr is not None
        while "serving on" not in self.said:
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.out, err = self.process.communicate(timeout=30)
        self.said += err
        assert self.process.returncode == 0, self.said

    def ask(self) -> Any:
        return json.loads(get(f"http://127.0.0.1:{self.port}/")[1])


def test_a_service_with_its_upstream(project: Path) -> None:
    with Serving("api", str(project), "--upstream") as serving:
        assert serving.ask() == ["a2", "3", "w"]
    assert statuses(serving.out) == {
        "one": "done",
        "two": "done",
        "three": "done",
        "api": "stopped",
    }
    assert "two   | second has read a" in serving.said
    assert re.search(r"api   \| GET / 200 in 0\.\d{3} s", serving.said)
    place = re.search(
        r"artifact second \(([^()]*demo/local/data/artifact/second/\w+/x)\)", serving.out
    )
    assert place is not None
    assert Path(place[1]).read_text() == "a2"
    with Serving("api", str(project), "--upstream", "--param", "word=v") as again:
        assert again.ask() == ["a2", "3", "v"]
    assert statuses(again.out)["three"] == "done before"
    assert "has read" not in again.said
    assert (project / ".gitopsc" / "store" / ".gitignore").read_text() == "*\n"
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    listed = subprocess.run(status, cwd=project, capture_output=True, text=True, check=True)
    assert ".gitopsc" not in listed.stdout


@pytest.mark.parametrize("is_in_a_script", [False, True], ids=["terminal", "script"])
def test_a_service_is_started_again_when_a_file_changes(
    project: Path, is_in_a_script: bool
) -> None:
    """Behind `&` in a script, SIGINT is ignored, by all that is started there, too."""
    run("three", str(project), "--upstream")
    more = {"preexec_fn": ignore_interrupts} if is_in_a_script else {}
    with Serving("api", str(project), "--upstream", "--reload", **more) as serving:
        assert serving.ask() == ["a2", "3", "w"]
        main = project / "main.py"
        main.write_text(main.read_text().replace("return context.answer", "return ['new']"))
        assert serving.process.stderr is not None
        while "starting again" not in serving.said or "serving on" not in serving.said[-200:]:
            line = serving.process.stderr.readline()
            assert line, serving.said
            serving.said += line
        assert serving.ask() == ["new"]
        (project / "all.yaml").write_text("kind: python\nname: [\n")
        while "`api` has errors" not in serving.said:
            line = serving.process.stderr.readline()
            assert line, serving.said
            serving.said += line
    assert "main.py has changed: starting again" in serving.said
    with pytest.raises(OSError, match="refused"):
        serving.ask()


def test_what_was_made_is_not_made_again(project: Path) -> None:
    out, err = run("three", str(project), expect=1)
    assert statuses(out) == {"three": "waiting"}
    assert "data of `one` is not there yet" in err
    assert "add `--upstream`" in err
    assert statuses(run("three", str(project), "--upstream")[0]) == {"one": "done", "three": "done"}
    assert statuses(run("three", str(project))[0]) == {"three": "done before"}
    assert "third has read a" in run("three", str(project), "--force")[1]
    before = (project / "main.py").read_text()
    (project / "main.py").write_text(before.replace('"3"', '"4"'))
    assert statuses(run("three", str(project), "--upstream")[0])["three"] == "done"
    (project / "main.py").write_text(before)
    out, err = run("three", str(project), "--upstream")
    assert statuses(out) == {"one": "done before", "three": "done before"}
    assert err == ""


def test_records_are_read_before_an_environment_is_made(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (project / "all.yaml").read_text()
    wanted = '"requirements": ["iniconfig>=2"], "python_version"'
    (project / "all.yaml").write_text(text.replace('"python_version"', wanted, 1))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    environments = tmp_path / "cache" / "gitopsc" / "environments"
    first, err = run("one", str(project))
    assert "iniconfig" in err
    for environment in environments.iterdir():  # and the one that has asked, too
        shutil.rmtree(environment) if environment.is_dir() else environment.unlink()
    again, err = run("one", str(project))
    assert "iniconfig" not in err
    assert statuses(again) == {"one": "done before"}
    assert again.split()[-2:] == first.split()[-2:]
    assert len([*environments.glob("*/gitopsc-ready")]) == 1
    assert statuses(run("one", str(project))[0]) == {"one": "done before"}
    out, err = run("one", str(project), "--force")
    assert "iniconfig" in err
    assert statuses(out) == {"one": "done"}


def test_parameters(project: Path, tmp_path: Path) -> None:
    _, err = run("one", str(project), "--param", "word=b", "--param", "many=2")
    assert "first says b str" in err
    out, _ = run("one", str(project), "--param", 'word="7"', "--param", "many=3", "--force")
    assert 'output_0="777"' in out
    for given, said in (
        ("wort=b", "`first` takes no parameter `wort`; did you mean `word`?"),
        ("word", "`--param word` is not of the form `NAME=VALUE`"),
        ("project=b", "`project` cannot be set by `--param`"),
    ):
        assert said in run("one", str(project), "--param", given, expect=2)[1]
    elsewhere = tmp_path / "elsewhere"
    assert statuses(run("one", str(project), "--store", str(elsewhere))[0]) == {"one": "done"}
    assert list(elsewhere.glob("demo/local/records/one/*.json"))


def test_a_declared_file_of_the_project(project: Path) -> None:
    assert "second has read beside" in run("file", str(project))[1]


def test_what_cannot_be_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        "no run is called `tree`; did you mean `three`?" in run("tree", str(project), expect=2)[1]
    )
    monkeypatch.delenv("PASSWORD")
    said = run("fails", str(project), expect=2)[1]
    assert "`fails` needs the secret `PASSWORD`: set the environment variable" in said
    (project / "all.yaml").write_text(
        (project / "all.yaml").read_text().replace('"function": "third"', '"function": "thirdd"')
    )
    assert "did you mean `third`?" in run("three", str(project), expect=1)[1]


def test_functions_that_fail(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run("fails", str(project), expect=1)
    assert "ValueError: on purpose: ***" in err
    assert re.search(
        r'call last\):\n  File "[^\n"]*demo project/main.py", line \d+, in fails\n', err
    )
    assert "the function raised (exit code 1)" in err
    assert "hush-hush" not in out + err
    assert statuses(out) == {"fails": "failed"}
    assert "SystemExit: 0" in run("leaves", str(project), expect=1)[1]
    assert "which cannot be stored" in run("lambdas", str(project), expect=1)[1]
    assert "killed by SIGKILL" in run("dies", str(project), expect=1)[1]
    assert "declare the file as data" in run("opens", str(project), expect=1)[1]
    assert main(["status", "opens", "--path", str(project)]) == 0
    assert '|   File "main.py", line' in capsys.readouterr().out
    assert "EOFError" in run("asks", str(project), expect=1)[1]
    out, err = run("floods", str(project))
    assert len(err) > 100_000_000
    assert statuses(out) == {"floods": "done"}


def test_what_a_function_leaves_behind(project: Path) -> None:
    begun = time.monotonic()
    out, err = run("background", str(project))
    assert statuses(out) == {"background": "done"}
    assert time.monotonic() - begun < 60
    os.kill(int(err.split("left")[1]), signal.SIGKILL)
    out, err = run("exits", str(project), expect=1)
    assert "it ended itself, and has stored nothing" in err


def test_data_that_is_gone_is_made_again(project: Path) -> None:
    run("three", str(project), "--upstream")
    (made,) = project.glob(".gitopsc/store/demo/local/data/artifact/first/*/x")
    made.unlink()
    out, err = run("three", str(project), "--upstream", "--force")
    assert "third has read a" in err
    made.unlink()
    out, err = run("one", str(project))
    assert statuses(out) == {"one": "done"}
    assert "its data is gone: it runs again" in err
    assert made.exists()


def test_nobody_who_reads(project: Path) -> None:
    command = f"{sys.executable} -m gitopsc run floods '{project}' 2>&1 | head -c 10"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, timeout=60)
    assert len(done.stdout) == 10


def test_a_failure_upstream(project: Path) -> None:
    source = (project / "main.py").read_text()
    (project / "main.py").write_text(source.replace("text = open", "text = opened"))
    out, err = run("api", str(project), "--upstream", expect=1)
    assert statuses(out) == {
        "one": "done",
        "two": "failed",
        "three": "done",
        "api": "not started",
    }
    assert "name 'opened' is not defined" in err
    assert "`two` has not made its data" in err


def test_a_port_that_is_taken(project: Path) -> None:
    run("two", str(project), "--upstream")
    run("three", str(project), "--upstream")
    with Serving("api", str(project)) as serving:
        _, err = run("api", str(project), "--port", str(serving.port), expect=1)
    assert f"port {serving.port} is unavailable: Address already in use; choose another" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_running(project: Path, number: signal.Signals) -> None:
    process = start("hangs", str(project))
    assert process.stderr is not None
    line = ""
    while "hanging" not in line:
        line = process.stderr.readline()
        assert line or process.poll() is None
    child = int(line.split("hanging")[1])
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == (-9 if number is signal.SIGKILL else 130)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()
    assert not list(project.glob(".gitopsc/store/demo/local/records/hangs/*"))


def test_a_python_that_is_not_here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = "PYTHON3_13" if VERSION != "PYTHON3_13" else "PYTHON3_12"
    (project / "all.yaml").write_text((project / "all.yaml").read_text().replace(VERSION, other))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    monkeypatch.setenv("UV_PYTHON_PREFERENCE", "only-managed")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(project / "none"))
    out, err = run("one", str(project), expect=1)
    assert "is not on this machine" in err
    assert "hint: install Python" in err
    assert statuses(out) == {"one": "failed"}


def other_python() -> tuple[str, Path] | None:
    """The full version and the folder of a Python on this machine that is not the one of the tests,
    with all of its standard library."""
    homes = {Path(sys.base_prefix).parent, Path.home() / ".pyenv" / "versions"}
    for program in sorted(each for home in homes for each in home.glob("*/bin/python3")):
        words = [program, "-c", "import ssl, sys; print(sys.version.split()[0], sys.base_prefix)"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        version, _, folder = done.stdout.strip().partition(" ")
        minor = version.rpartition(".")[0]
        if done.returncode == 0 and minor in {"3.10", "3.11", "3.12", "3.13"} - {OWN}:
            return version, Path(folder)
    return None


def test_uv_brings_another_python(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an archive as its builds are, of a Python that lies here, by an index of its own."""
    found = other_python()
    if found is None:
        pytest.skip("there is only one Python to pack")
    version, home = found
    major, minor, patch = version.split(".")
    library = f"lib/python{major}.{minor}"
    left_out = re.compile(rf"/({library}/(test|site-packages|config-)|.*__pycache__)")

    def packed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if left_out.search(entry.name) else entry

    archive = tmp_path / "python.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in (f"bin/python{major}.{minor}", library, f"include/python{major}.{minor}"):
            tar.add(home / path, f"python/{path}", filter=packed)
        for shared in (home / "lib").glob("libpython*"):
            tar.add(shared, f"python/lib/{shared.name}")
        link = tarfile.TarInfo("python/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, f"python{major}.{minor}"
        tar.addfile(link)
    arch = {"x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}[platform.machine()]
    system, libc = ("darwin", "none") if sys.platform == "darwin" else ("linux", "gnu")
    build = {
        "name": "cpython",
        "arch": {"family": arch, "variant": None},
        **{"os": system, "libc": libc, "prerelease": "", "variant": None, "build": "20260101"},
        **{"major": int(major), "minor": int(minor), "patch": int(patch)},
        **{"url": archive.as_uri(), "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()},
    }
    index = tmp_path / "downloads.json"
    index.write_text(json.dumps({f"cpython-{version}-{system}-{arch}-{libc}": build}))
    other = f"PYTHON{major}_{minor}"
    (project / "all.yaml").write_text((project / "all.yaml").read_text().replace(VERSION, other))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(index))
    monkeypatch.setenv("UV_PYTHON_PREFERENCE", "only-managed")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "pythons"))
    out, err = run("one", str(project))
    assert statuses(out) == {"one": "done"}
    assert f"making an environment: Python {major}.{minor}" in err
    assert len(list((tmp_path / "pythons").glob(f"cpython-{version}-*"))) == 1


def test_without_uv(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip makes the environment; a module of uv's name that has no uv stands in for none."""
    (tmp_path / "nowhere" / "uv").mkdir(parents=True)
    (tmp_path / "nowhere" / "uv" / "__init__.py").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(tools))
    process = subprocess.Popen(
        [sys.executable, "-m", "gitopsc", "run", "one", str(project)],
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'nowhere'}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate(timeout=180)
    assert statuses(out) == {"one": "done"}, err


def test_requirements_that_no_one_has(project: Path) -> None:
    text = (project / "all.yaml").read_text()
    wanted = '"requirements": ["nothing-of-this-name-1234==9.9"], "python_version"'
    (project / "all.yaml").write_text(text.replace('"python_version"', wanted, 1))
    out, err = run("three", str(project), "--upstream", expect=1)
    assert "the requirements cannot be installed" in err
    assert "nothing-of-this-name-1234" in err
    assert statuses(out) == {"one": "failed", "three": "not started"}


def test_a_container_is_started_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "tests/cases/containers/repo", tmp_path, dirs_exist_ok=True)
    assert main(["run", "tiles", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "`tiles` is a container, and `gitopsc run` runs Python functions" in told
    assert "docker run --rm --publish 80:8000 --publish 9000:9000 registry.example.com" in told
    assert main(["run", "scenes", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    words = shlex.split(told.partition("by hand: ")[2])
    assert words[:5] == ["docker", "run", "--rm", "--env", "TMPDIR=/app/files"]
    assert words[5:9] == ["--env", "CDSE_PASSWORD", "--entrypoint", "python"]
    assert words[-1] == '{"cloudCover": "[0,20]", "price": "$(cost)"}'
    hostile = tmp_path / "hostile.yaml"
    hostile.write_text(
        'kind: container\nname: odd\nspec: {image: "a/b:1", command: "x\\e[2J\\u202E\\r"}\n'
        "---\nkind: container+job:run\nname: odd\n"
        'spec: {function: odd, args: ["a\\n::warning::b\\n"]}\n'
    )
    assert main(["run", "odd", str(tmp_path)]) == 2
    assert capsys.readouterr().err.removesuffix("\n").isprintable()
    hostile.unlink()
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 0
    assert capsys.readouterr().out.split() == ["run", "is", "a", "of", "index", "service", "index"]


def test_a_new_project_runs_at_once(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "new")]) == 0
    out, _ = run("count", str(tmp_path / "new"), "--upstream")
    assert statuses(out) == {"hello-world": "done", "count": "done"}
    assert "output_0=14" in out


def test_a_terminal_shows_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        spinner = Spinner()
        spinner.turn("installing")
        time.sleep(0.3)
        spinner.rest()
        terminal.flush()
    shown = b""
    while b"installing" not in shown:
        shown += os.read(master, 1024)
    os.close(master)


def test_what_is_no_terminal_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    spinner = Spinner()
    spinner.turn("installing")
    spinner.rest()
    assert capsys.readouterr().err == ""


def test_an_input_is_not_its_data(project: Path) -> None:
    main = project / "main.py"
    main.write_text(main.read_text().replace("open(before.as_file()).read()", "before[0]"))
    _, err = run("file", str(project), expect=1)
    assert "'Artifact' object is not subscriptable" in err
    assert "hint: an input is not its data: `as_file()` is its file" in err
