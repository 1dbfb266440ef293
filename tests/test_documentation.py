"""What README and docs/ say is so: their files compile, their commands run, their links lead
somewhere."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import pickle
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from api_server import api_server
from conftest import ROOT, tree_of
from gitopsc.adapters.schema import violations
from gitopsc.cli import COMMANDS, main, parser
from gitopsc.pipeline import compile_tree
from test_runner_store import Runs

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
FOLLOWED = (README, ROOT / "docs" / "tutorial.md")
"""Pages that a reader goes through from the first line to the last."""

BLOCK = re.compile(r"(?m)^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *kinds: str) -> Iterator[tuple[str, str, str]]:
    """The line before each block, its kind, and what is in it."""
    text = path.read_text()
    for found in BLOCK.finditer(text):
        if found[2] in kinds:
            before = text[: found.start()].rstrip().rpartition("\n")[2]
            yield before, found[2], re.sub(rf"(?m)^{found[1]}", "", found[3])


def test_the_readme_is_short() -> None:
    assert len(README.read_text().split()) <= 700


def test_one_version_is_named() -> None:
    """A tag that a page, a template or the action names is that of this version."""
    version = re.search(r'(?m)^version = "(.+)"$', (ROOT / "pyproject.toml").read_text())
    assert version is not None
    texts = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "action.yml", ROOT / "Dockerfile"]
    texts += (ROOT / "templates").rglob("*.yml")
    named = {
        each
        for path in texts
        for each in re.findall(
            r"gitopsc(?:@v|:)(\d[\d.]+)|(?:rev: |tag -s )v([\d.]+)", path.read_text()
        )
    }
    assert {first or second for first, second in named} == {version[1]}


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
    return isinstance(data, dict) and not {"kind", "repos"} & data.keys()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_descriptors_and_settings_are_valid(path: Path) -> None:
    for _, _, text in blocks(path, "yaml"):
        for data in yaml.safe_load_all(text):
            if is_settings(data):
                assert violations("gitopsc", data) == [], text
            elif isinstance(data, dict) and "kind" in data and "apiVersion" not in data:
                assert violations(data["kind"].replace(":", "."), data) == [], text


FUNCTION = """\
kind: python
name: {name}
spec:
  python_version: PYTHON3_11
  source: {{handler: run, code: "def run(**arguments): ..."}}
"""
FIRST = ("C601", "C80")
"""A source of Git wants a lock first, and policies that the sample keeps to, as the pages say."""

SAMPLE = {"announce", "cities-api", "download-cities", "summarise-countries"}
SETTINGS = {
    "project": "world-cities",
    "registry": "registry.example.com/geo",
    "stores": {"default": "s3://world-cities-data"},
}


@pytest.mark.parametrize("path", [each for each in PAGES if each not in FOLLOWED], ids=name)
def test_descriptors_and_settings_compile(path: Path) -> None:
    """Each block in the sample, with the profiles of the page and the functions that its runs
    name."""
    profiles: dict[str, object] = {}
    for _, _, text in blocks(path, "yaml"):
        documents = [each for each in yaml.safe_load_all(text) if isinstance(each, dict)]
        if any("apiVersion" in each or "repos" in each for each in documents):
            continue  # of another tool
        settings = {**SETTINGS, "profiles": profiles}
        described = [each for each in documents if "kind" in each]
        for each in documents:
            if is_settings(each):
                settings |= each
                profiles |= each.get("profiles", {})
        files = sample_without(each["name"] for each in described)
        if "store://atlas" in text:
            settings["project"] = "atlas"
            files = {"tiles.yaml": "{kind: artifact, name: tiles, spec: {path: s3://atlas/tiles}}"}
        files |= {"gitopsc.yaml": yaml.safe_dump(settings), "page.yaml": text if described else ""}
        functions = {each["name"] for each in described if "+" not in each["kind"]} | SAMPLE
        for function in {each["spec"].get("function") for each in described} - {None, *functions}:
            files[f"{function}.yaml"] = FUNCTION.format(name=function)
        found = compile_tree(tree_of(files)).diagnostics
        errors = [each for each in found if each.severity == "error"]
        assert [each for each in errors if not each.code.id.startswith(FIRST)] == [], text


def sample_without(names: Iterable[str]) -> dict[str, str | bytes]:
    """Files of the sample, but for those of runs that are called so."""
    sample = ROOT / "sample-project"
    left_out = {f"runs/{name}.json" for name in names}
    files = (each for each in sample.rglob("*") if each.is_file() and "deploy" not in each.parts)
    found = {each.relative_to(sample).as_posix(): each.read_bytes() for each in files}
    return {path: content for path, content in found.items() if path not in left_out}


@pytest.mark.slow
@pytest.mark.parametrize("path", FOLLOWED, ids=name)
def test_a_page_to_follow(path: Path, tmp_path: Path) -> None:
    """The files of a page, and its commands, as somebody would type them; and what they print."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    reader = Reader(tmp_path)
    try:
        for before, kind, text in blocks(path, "python", "yaml", "console"):
            named = re.search(r"`([\w.]+)`:$", before)
            if kind == "console" and "$ pip" not in text:
                reader.type(text)
            elif named is not None:
                (reader.folder / named[1]).write_text(text)
    finally:
        reader.leave()
    assert reader.typed >= 4


NO_NETWORK = """\
import pandas
pandas.read_csv = lambda url: pandas.DataFrame({"from": [url, url]})
"""


@pytest.mark.slow
def test_handlers_of_a_page_run(tmp_path: Path) -> None:
    """The jobs by the runner, without the network that the page speaks of; the service by hand."""
    jobs, service = [text for _, _, text in blocks(ROOT / "docs" / "handlers.md", "python")]
    runs = Runs(tmp_path)
    (tmp_path / "function" / "main.py").write_text(NO_NETWORK + jobs)
    key = "store://demo/dataitem/table/cities"
    runs("download", run="download", parameters={"country": "it"}, outputs={"cities": key})
    read = {"cities": {"key": key, "producer": "download", "version": "1" * 64}}
    assert '"output_0": 2' in runs("count", run="count", inputs=read, compute="2" * 64)
    model = tmp_path / "model.pickle"
    model.write_bytes(pickle.dumps({"Rome": 31}))
    names: dict[str, Any] = {}
    exec(service, names)
    found = SimpleNamespace(as_file=lambda: str(model))
    context = SimpleNamespace(project=SimpleNamespace(get_model=lambda _: found))
    names["init"](context, "store://world-cities/model/model/forecast")
    answer = names["serve"](context, SimpleNamespace(body={"city": "Rome"}))
    assert answer == {"temperature": 31}


@pytest.mark.slow
def test_the_demo_is_short() -> None:
    """What `make demo` shows: the image, the change, what it does, the jobs and the service."""
    program = Path(sys.executable).parent / "gitopsc"
    command = ["sh", str(ROOT / "docs" / "demo.sh"), str(program)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert len(shown.splitlines()) <= 60
    for words in ("This change runs 2 jobs", "summarise-countries  done", '"country": "IT"'):
        assert words in shown, shown


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=name)
def test_settings_of_other_tools_are_read(path: Path) -> None:
    """Hooks are those that this repository has; JSON and TOML parse."""
    known = {each["id"] for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    for _, kind, text in blocks(path, "json", "toml", "yaml"):
        if kind == "json":
            json.loads(text)
        elif kind == "toml" and sys.version_info >= (3, 11):
            import tomllib

            tomllib.loads(text)
        elif "repos:" in text:
            (repo,) = yaml.safe_load(text)["repos"]
            assert {each["id"] for each in repo["hooks"]} <= known


NOTEBOOK = """\
import digitalhub as dh
project = dh.get_or_create_project("cities")
hello = project.new_function(name="hello", kind="python", python_version="PYTHON3_11",
                             code="def hello(name): ...", handler="hello")
hello.run("job", parameters={"name": "world"})
"""
OTHER_COMMANDS = [
    command
    for page in PAGES
    if page not in FOLLOWED
    for _, _, text in blocks(page, "console")
    for command in re.findall(r"(?m)^\$ (.+)$", text)
    if not command.startswith(("docker ", "gitopsc lock"))  # test_images.py, test_pin.py
]


@pytest.mark.slow
@pytest.mark.parametrize("command", OTHER_COMMANDS)
def test_commands_of_other_pages_run(command: str, tmp_path: Path) -> None:
    """In the sample, beside an export and a notebook."""
    sample = tmp_path / "sample"
    shutil.copytree(ROOT / "sample-project", sample)
    shutil.copytree(ROOT / "tests" / "cases" / "dialect" / "repo", sample / "export")
    cell = {"cell_type": "code", "source": NOTEBOOK}
    (sample / "tutorial.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))
    subprocess.run(["git", "init", "-q"], cwd=sample, check=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(shlex.split(command), cwd=sample, env={**os.environ, "PATH": path}, check=True)


PLACEHOLDERS = {
    "<run>": "summarise-countries",
    "CODE": "C311",
    "DIR": "out",
    "FILE": "tutorial.ipynb",
    "FILE:LINE": "deploy/manifests/staging/summarise-countries.yaml:9",
    "FOLDER": "export",
    "NAME": "world-cities",
    "PATH": ".",
    "REF": "main",
    "RUN": "summarise-countries",
    "SCHEMA": "gitopsc",
}


def typed(words: str) -> set[str]:
    """What somebody may type for the words of a page: with and without what stands in brackets,
    each of alternatives, and something for each placeholder."""
    words = " ".join(words.replace("\\|", "|").replace(" ...", "").split())
    found = set()
    for chosen in (re.sub(r"[][]", "", words), re.sub(r" *\[[^]]*\]", "", words)):
        alternatives = [word.split("|") for word in chosen.split()]
        for picked in itertools.product(*alternatives):
            found.add(" ".join(PLACEHOLDERS.get(word, word) for word in picked))
    return found


def test_what_has_to_be_filled_in() -> None:
    assert typed("run [RUN] [PATH]") == {"run", "run summarise-countries ."}
    assert typed("completion bash\\|fish") == {"completion bash", "completion fish"}


INLINE = sorted(
    {
        each
        for page in PAGES
        for words in re.findall(r"`(?:\$ )?gitopsc ([^`]+)`", page.read_text())
        for each in typed(words)
    }
)
ELSEWHERE = ("images --missing", "images . --missing", "lock", "lock .", "lock --images", "review")
"""What asks registries and indexes, or is started by a forge: of other tests."""


@pytest.mark.slow
@pytest.mark.parametrize("words", [each for each in INLINE if each not in ELSEWHERE])
def test_commands_in_sentences_run(words: str, tmp_path: Path) -> None:
    """In a clone of the sample, with the branches and files that the pages speak of: nothing is a
    wrong use, or a bug."""
    sample = tmp_path / "sample"
    shutil.copytree(ROOT / "sample-project", sample)
    shutil.copytree(ROOT / "tests" / "cases" / "dialect" / "repo", tmp_path / "export")
    cell = {"cell_type": "code", "source": NOTEBOOK}
    (tmp_path / "tutorial.ipynb").write_text(json.dumps({"cells": [cell], "nbformat": 4}))
    for command in (
        ("init", "--quiet", "--initial-branch", "main"),
        ("add", "."),
        ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-qm", "all"),
        ("update-ref", "refs/remotes/origin/main", "HEAD"),
        ("branch", "production"),
    ):
        subprocess.run(["git", *command], cwd=sample, check=True)
    starts = words.startswith(("import", "init --from-notebook"))
    done = subprocess.run(
        [sys.executable, "-m", "gitopsc", *shlex.split(words)],
        cwd=tmp_path if starts else sample,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "usage:" not in done.stderr


OTHER_TOOLS = {
    "curl ": ("tests/test_documentation.py", "curl"),
    "docker build -t": (".ci/images", "docker build"),
    "docker buildx bake": (
        ".ci/build_images.py",
        "docker-bake.json",
    ),  # without buildx, by the same
    "git ": ("tests/test_documentation.py", '["git", '),
    "kubectl ": ("tests/test_documentation.py", "def kubectl("),
    "make benchmarks": ("tests/test_benchmarks.py", "import figures"),
    "make demo": ("tests/test_documentation.py", "demo.sh"),
    "make fuzz": ("Makefile", "tests/test_fuzz.py"),
    "make ": (".ci/run", "{command}"),
    "pip install .": (".ci/installs", "pipx"),
    'pip install "gitopsc @ git+': ("tests/test_install.py", "git+file"),
    'pip install "gitopsc[': (".ci/installs", "{command}"),
    "pip install": (".ci/installs", "pipx"),
}
"""The file that runs a command of another tool, and what it has of it."""


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_of_other_tools_are_run_somewhere(path: Path) -> None:
    text = path.read_text()
    found = [] if path in FOLLOWED else shown_commands(path)
    found += re.findall(r"`((?:curl|docker|git|kubectl|make|pip) [^`]+)`", text)
    for command in found:
        place, words = next(
            each for start, each in OTHER_TOOLS.items() if command.startswith(start)
        )
        assert words.format(command=command) in (ROOT / place).read_text(), command


def shown_commands(path: Path) -> list[str]:
    """Those of other tools in its blocks."""
    shown = "".join(text for _, _, text in blocks(path, "console"))
    return [each for each in re.findall(r"(?m)^\$ (.+)$", shown) if "gitopsc " not in each]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/argocd.md", "docs/flux.md"])
def test_a_controller_is_pointed_at_it(page: str, tmp_path: Path) -> None:
    """The settings of the page in the sample, and its `kubectl apply`, before a stand-in of a
    cluster."""
    sample = tmp_path / "sample"
    shutil.copytree(ROOT / "sample-project", sample, ignore=shutil.ignore_patterns("deploy"))
    subprocess.run(["git", "init", "-q", sample], check=True)
    (settings,) = [text for _, _, text in blocks(ROOT / page, "yaml") if "controller:" in text]
    if "project:" not in settings:
        settings = f"{settings}project: world-cities\nregistry: registry.example.com/geo\n"
        settings += "stores: {default: s3://world-cities-data}\n"
    (sample / "gitopsc.yaml").write_text(settings)
    assert main(["compile", str(sample)]) == 0
    (command,) = re.findall(r"`(kubectl apply -f [^`]+)`", (ROOT / page).read_text())
    with api_server(tmp_path) as (kubeconfig, objects):
        kubectl(command, sample, kubeconfig)
    kinds = {made["kind"] for made in objects.values()}
    assert kinds == ({"Kustomization", "GitRepository"} if "flux" in page else {"Application"})
    again = shlex.split(command)[-1]
    assert [each["metadata"]["name"] for each in objects.values()] == [
        each["metadata"]["name"] for each in yaml.safe_load_all((sample / again).read_text())
    ]


@pytest.mark.slow
def test_commands_of_kubectl(tmp_path: Path) -> None:
    """Those of sentences, before the stand-in: a folder, Secrets, and a Job by hand."""
    output = ROOT / "tests" / "cases" / "clock" / "out" / "deploy" / "manifests" / "staging"
    (job,) = [path for path in output.glob("*.yaml") if "CronJob" in path.read_text()][:1]
    name = yaml.safe_load(job.read_text())["metadata"]["name"]
    with api_server(tmp_path) as (kubeconfig, objects):
        kubectl(f"kubectl apply -k {output}", tmp_path, kubeconfig)
        listed = yaml.safe_load((output / "kustomization.yaml").read_text())["resources"]
        assert len(objects) >= len(listed)
        for command, made in (
            (f"job --from=cronjob/{name} by-hand", ("Job", "by-hand")),
            (
                "secret generic proj-secrets-world-cities --from-literal TOKEN=hush",
                ("Secret", "proj-secrets-world-cities"),
            ),
            (
                "secret docker-registry registry-login --docker-username=ada"
                " --docker-password=hush --docker-server=registry.example.com",
                ("Secret", "registry-login"),
            ),
        ):
            words = f"kubectl create {command} --dry-run=client -o yaml"
            shown = yaml.safe_load(kubectl(words, tmp_path, kubeconfig))
            assert (shown["kind"], shown["metadata"]["name"]) == made


def kubectl(command: str, folder: Path, kubeconfig: Path) -> str:
    """What it prints. The stand-in has no schemas to validate by."""
    program, *words = shlex.split(command)
    words += ["--validate=false"]
    done = subprocess.run(
        [Path(sys.executable).parent / program, *words],
        cwd=folder,
        env={**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def test_kustomize_on_top(tmp_path: Path) -> None:
    """Of the recipes, over the output of the sample."""
    shutil.copytree(ROOT / "sample-project" / "deploy", tmp_path / "deploy")
    (overlay,) = [
        text
        for _, _, text in blocks(ROOT / "docs" / "recipes.md", "yaml")
        if "Kustomization" in text
    ]
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "kustomization.yaml").write_text(overlay)
    kubectl = Path(sys.executable).parent / "kubectl"
    command = [kubectl, "kustomize", tmp_path / "overlay"]
    built = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    policies = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"].get("dnsPolicy")
        for each in yaml.safe_load_all(built)
        if each["kind"] == "Deployment"
    }
    assert policies.pop("cities-api") == "ClusterFirst"


class Reader:
    """Somebody at a shell: `folder` is where they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.typed = 0
        self._serving: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = str(free.getsockname()[1])
        who = {"NAME": "Ada", "EMAIL": "ada@example.com"}
        self._environment = {
            **os.environ,
            **{f"GIT_{role}_{key}": who[key] for role in ("AUTHOR", "COMMITTER") for key in who},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(folder / ".cache"),
        }

    def type(self, console: str) -> None:
        """The commands of a block, one after another, and what is shown of each."""
        for lines in re.split(r"(?m)^\$ ", console)[1:]:
            command, _, shown = lines.partition("\n")
            pattern = re.escape(plain(shown)).replace(r"\.\.\.", ".*")
            said = plain(self._said(command))
            assert re.fullmatch(pattern, said, re.DOTALL), f"{command}\n{said}"
            self.typed += 1

    def _said(self, command: str) -> str:
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return ""
        if command.endswith("&"):
            words = [*shlex.split(command.rstrip("& ")), "--port", self._port]
            self._serving = subprocess.Popen(
                words, cwd=self.folder, env=self._environment, stdout=subprocess.DEVNULL
            )
            return ""
        if command == "kill %1":
            self.leave()
            return ""
        if command.startswith("curl"):
            return asked(f"http://{shlex.split(command)[-1].replace('8080', self._port)}")
        done = subprocess.run(
            shlex.split(command),
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def leave(self) -> None:
        """No service goes on."""
        if self._serving is not None:
            self._serving.terminate()
            self._serving.wait(timeout=30)
        self._serving = None


def plain(text: str) -> str:
    """Without how long it took, and how wide that makes a table."""
    return re.sub(r"\s+", " ", re.sub(r"( {2,})\d+\.\d(?= |$)", r"\1seconds", text)).strip()


def asked(url: str) -> str:
    """Once it listens: an environment may have to be made before."""
    for _ in range(600):
        try:
            with urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.2)
    raise AssertionError("nothing listens")
