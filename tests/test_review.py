"""`gitopsc review` and what CI starts it with: forges on loopback, real repositories, and the
scripts of the action and the templates."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT
from gitopsc.cli import main
from gitopsc.model.image_state import ImageState
from gitopsc.report.review import MARKER
from jsonschema import Draft202012Validator
from test_diff import Repository, repository

__all__ = ("repository",)

TEMPLATES = ROOT / "templates" / "ci"
BIN = Path(sys.executable).parent


class Forge(BaseHTTPRequestHandler):
    """Keeps comments and labels as GitHub and GitLab do, as far as they are asked here."""

    comments: list[dict[str, Any]]
    labels: set[str]
    refuses: bool
    token: str

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        given = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
        if self.refuses or not given.endswith(self.token):
            self._say({"message": "Resource not accessible by integration"}, 403)
            return
        self._say(self._done(self.command, self.path.partition("?")[0], body))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

    def _done(self, method: str, path: str, body: Any) -> Any:
        if path.endswith("/user"):
            return {"login": "me", "id": 7}
        if path.endswith(("/comments", "/notes")) and method == "GET":
            size = 100
            page = int((re.findall(r"[?&]page=(\d+)", self.path) or ["1"])[0])
            return self.comments[(page - 1) * size : page * size]
        if path.endswith(("/comments", "/notes")):
            own = {"user": {"login": "me"}, "author": {"id": 7}}
            self.comments.append({"id": len(self.comments), "body": body["body"], **own})
        elif "/comments/" in path or "/notes/" in path:
            number = int(path.rpartition("/")[2])
            self.comments[number]["body"] = body["body"]
        elif path.endswith("/labels") and method == "GET":
            return [{"name": name} for name in sorted(self.labels)]
        elif path.endswith("/labels"):
            self.labels |= set(body["labels"])
        elif method == "DELETE":
            self.labels.discard(path.rpartition("/")[2].replace("%3A", ":").replace("%20", " "))
        elif method == "PUT":
            self.labels |= set(filter(None, body["add_labels"].split(",")))
            self.labels -= set(body["remove_labels"].split(","))
        return {}

    def _say(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Forge]]:
    """No CI is around."""
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "GITLAB_", "CI_")):
            monkeypatch.delenv(name)
    state = {"comments": [], "labels": {"bug"}, "refuses": False, "token": "t0ken"}
    kind = type("Kind", (Forge,), state)
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    kind.url = f"http://127.0.0.1:{server.server_port}"
    yield kind
    server.shutdown()
    server.server_close()


def environment(kind: str, forge: Any, folder: Path) -> dict[str, str]:
    if kind == "github":
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": forge.url,
            "GITHUB_BASE_REF": "main",
            "GITHUB_REF": "refs/pull/12/merge",
            "GITHUB_REPOSITORY": "team/cities",
            "GITHUB_TOKEN": "t0ken",
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        }
    return {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": forge.url,
        "CI_MERGE_REQUEST_IID": "12",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_PROJECT_ID": "3",
        "GITOPSC_TOKEN": "t0ken",
    }


@pytest.fixture
def cloned(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """What CI checks out: a clone, whose `origin` has the branches. Commands run in it."""
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.root), str(clone))
    monkeypatch.chdir(clone)
    made = Repository(clone)
    made.git("checkout", "--quiet", "-B", "change", "origin/main")
    return made


def more_memory(cloned: Repository) -> None:
    cloned.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    assert main(["compile", "."]) == 0
    cloned.commit()


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_pull_request(
    kind: str,
    cloned: Repository,
    forge: type[Forge],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment(kind, forge, tmp_path).items():
        monkeypatch.setenv(name, value)
    assert main(["review", "--labels"]) == 0
    assert (forge.comments, forge.labels) == ([], {"bug"})  # nothing changes
    more_memory(cloned)
    assert main(["review", "--labels"]) == 0
    capsys.readouterr()
    assert [each["body"].split("\n")[0] for each in forge.comments] == [MARKER]
    assert "replaces 1 Job whose work is done" in forge.comments[0]["body"]
    assert forge.labels == {"bug", "gitopsc: new job"}
    # The next push: the comment is kept up to date, labels go and come.
    cloned.replace("functions/cities.yaml", "pandas==2.2.3", "pandas==2.3.1")
    assert main(["compile", "."]) == 0
    cloned.commit()
    assert main(["review", "--labels"]) == 0
    assert len(forge.comments) == 1
    assert "runs 2 jobs" in forge.comments[0]["body"]
    assert forge.labels == {"bug", "gitopsc: runs", "gitopsc: rolls", "gitopsc: builds"}
    told = Path("gitopsc-review")
    assert json.loads((told / "review.json").read_text())["classes"]["runs"] == 2
    assert (told / "review.md").read_text() == forge.comments[0]["body"]
    assert "<!doctype html>" in (told / "review.html").read_text()
    assert cloned.git("status", "--porcelain") == ""
    if kind == "github":
        outputs = dict(
            line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines()
        )
        assert outputs["status"] == "changes"
        assert json.loads(outputs["classes"]) == {"builds": 2, "rolls": 1, "runs": 2}
        assert outputs["labels"] == "gitopsc: builds,gitopsc: rolls,gitopsc: runs"
        assert "runs 2 jobs" in (tmp_path / "summary.md").read_text()
    else:
        assert "GITOPSC_STATUS=changes\n" in (told / "gitopsc.env").read_text()
        assert json.loads((told / "code-quality.json").read_text()) == []


def test_what_is_wrong_fails_and_is_annotated(
    cloned: Repository,
    forge: type[Forge],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment("github", forge, tmp_path).items():
        monkeypatch.setenv(name, value)
    cloned.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    cloned.commit()
    assert main(["review"]) == 1
    out, _ = capsys.readouterr()
    assert out.startswith("::error file=deploy/manifests/")
    assert out.count("\n") == 1
    assert "The output is stale: run `gitopsc compile`" in forge.comments[0]["body"]
    assert main(["review", "--no-check"]) == 0
    assert "stale" not in forge.comments[0]["body"]
    cloned.replace("runs/jobs.yaml", "function: announce", "function: anounce")
    cloned.commit()
    capsys.readouterr()
    assert main(["review", "--no-check"]) == 1
    assert "::error file=runs/jobs.yaml,line=20" in capsys.readouterr().out
    body = forge.comments[0]["body"]
    assert body.startswith(f"{MARKER}\n**This does not compile.**\n\n```\n")
    assert "did you mean `announce`?" in body
    assert "status=failed" in (tmp_path / "output").read_text()


def test_consequences_that_fail(
    cloned: Repository, forge: type[Forge], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a forge: only files are written."""
    Path("runs/cities-api.json").unlink()
    assert main(["compile", "."]) == 0
    cloned.commit()
    assert main(["review"]) == 2
    assert main(["review", "--base", "origin/main"]) == 0
    assert main(["review", "--base", "origin/main", "--fail-on", "deletes"]) == 1
    assert "deletes 1 service" in Path("gitopsc-review/review.md").read_text()
    for state, status in (("there", 0), ("missing", 1)):
        monkeypatch.setattr(
            "gitopsc.commands.images.states_of",
            lambda names, state=state: [ImageState(each, state) for each in names],
        )
        assert main(["review", "--base", "origin/main", "--missing-images"]) == status
    assert "> Push the images before merging; a registry lacks world-cities-announce:" in (
        Path("gitopsc-review/review.md").read_text()
    )


@pytest.mark.parametrize(
    ("mode", "changes", "fails"),
    [("always", 1, 1), ("changes", 1, 1), ("failure", 0, 1), ("never", 0, 0)],
)
def test_when_there_is_a_comment(
    mode: str,
    changes: int,
    fails: int,
    cloned: Repository,
    forge: type[Forge],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment("github", forge, tmp_path).items():
        monkeypatch.setenv(name, value)
    assert main(["review", "--comment", mode]) == 0
    assert len(forge.comments) == (mode == "always")
    forge.comments.clear()
    more_memory(cloned)
    assert main(["review", "--comment", mode]) == 0
    assert len(forge.comments) == changes
    forge.comments.clear()
    assert main(["review", "--comment", mode, "--fail-on", "new job"]) == 1
    assert len(forge.comments) == fails


def test_a_comment_of_somebody_else_stays(
    cloned: Repository, forge: type[Forge], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wrote it could change it after the review; the own one is found on any page."""
    for name, value in environment("github", forge, tmp_path).items():
        monkeypatch.setenv(name, value)
    theirs = {"user": {"login": "mallory"}, "body": f"{MARKER}\nnothing happens"}
    forge.comments += [{"id": number, **theirs} for number in range(130)]
    more_memory(cloned)
    for _ in range(2):
        assert main(["review"]) == 0
        assert len(forge.comments) == 131
        assert {each["body"] for each in forge.comments[:130]} == {theirs["body"]}


@pytest.mark.parametrize("how", ["refused", "no token", "nobody there"])
def test_a_forge_that_takes_nothing(
    how: str,
    cloned: Repository,
    forge: type[Forge],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A pull request from a fork may only read: that fails nothing, and the summary is there."""
    for name, value in environment("github", forge, tmp_path).items():
        monkeypatch.setenv(name, value)
    forge.refuses = how == "refused"
    if how == "no token":
        monkeypatch.delenv("GITHUB_TOKEN")
    if how == "nobody there":
        monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    more_memory(cloned)
    assert main(["review", "--labels"]) == 0
    assert "gitopsc: GitHub took no comment or label: " in capsys.readouterr().err
    assert "replaces 1 Job" in (tmp_path / "summary.md").read_text()


def test_a_shallow_clone(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit("more")
    clone = tmp_path / "clone"
    place = f"file://{repository.root}"
    repository.git("clone", "--quiet", "--depth=1", "--branch=change", place, str(clone))
    assert main(["review", str(clone), "--base", "origin/main"]) == 2
    assert "fetch all commits" in capsys.readouterr().err


# What CI starts


def script(*lines: str, folder: Path, **more: str) -> str:
    """By the shell of CI, where gitopsc is installed."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=folder,
        env={**os.environ, "PATH": path, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_action(cloned: Repository, forge: type[Forge], tmp_path: Path) -> None:
    """Its step, with the values of its inputs."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    step = next(each for each in action["runs"]["steps"] if each.get("id") == "review")
    inputs = {name: each["default"] for name, each in action["inputs"].items()}
    inputs |= {"token": "t0ken", "labels": "true", "fail-on": "refused,deletes-data"}
    known = {
        name: re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: inputs[found[1]], value)
        for name, value in step["env"].items()
    }
    assert not any("${{" in value for value in known.values())
    more_memory(cloned)
    program = tmp_path / "runner" / "gitopsc" / "bin"
    program.mkdir(parents=True)
    (program / "gitopsc").symlink_to(BIN / "gitopsc")
    variables = environment("github", forge, tmp_path) | known
    script(step["run"], folder=cloned.root, RUNNER_TEMP=str(tmp_path / "runner"), **variables)
    assert len(forge.comments) == 1
    assert "gitopsc: new job" in forge.labels
    outputs = (tmp_path / "output").read_text()
    told = {each["value"] for each in action["outputs"].values()}
    assert told == {
        f"${{{{ steps.review.outputs.{line.partition('=')[0]} }}}}"
        for line in outputs.split()
        if "=" in line
    }


def test_the_template_for_gitlab(cloned: Repository, forge: type[Forge], tmp_path: Path) -> None:
    job = yaml.safe_load((TEMPLATES / "gitlab.yml").read_text())["gitopsc"]
    more_memory(cloned)
    lines = [line for line in job["script"] if not line.startswith("pip install")]
    assert len(lines) == len(job["script"]) - 1
    script(*lines, folder=cloned.root, **environment("gitlab", forge, tmp_path))
    assert "replaces 1 Job" in forge.comments[0]["body"]
    for place in (*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()):
        assert (cloned.root / place).exists(), place


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_the_templates_with_a_branch_for_the_output(
    kind: str, repository: Repository, tmp_path: Path
) -> None:
    """Compiled twice: a branch that has the output alone, and grows by what changes."""
    workflow = yaml.safe_load((TEMPLATES / f"{kind}-branch.yml").read_text())
    if kind == "github":
        steps = workflow["jobs"]["deploy"]["steps"]
        lines = [each["run"] for each in steps if "run" in each and "pipx" not in each["run"]]
    else:
        lines = workflow["gitopsc-deploy"]["script"]
    remote = tmp_path / "remote.git"
    repository.git("checkout", "--quiet", "main")
    repository.git("rm", "--quiet", "-r", "--cached", "deploy")
    (repository.root / ".gitignore").write_text("deploy/\n")
    repository.commit("the output is elsewhere")
    repository.git("clone", "--quiet", "--bare", str(repository.root), str(remote))
    url = "https://gitopsc:$GITOPSC_PUSH_TOKEN@$CI_SERVER_HOST/$CI_PROJECT_PATH.git"
    text = [line.replace(url, "origin") for line in lines]
    if kind == "gitlab":
        assert text != lines
    for memory in ("1Gi", "2Gi", "2Gi"):
        folder = tmp_path / f"job-{memory}-{len(list(tmp_path.iterdir()))}" / "clone"
        folder.parent.mkdir()
        repository.git("clone", "--quiet", "--branch", "main", str(remote), str(folder))
        jobs = folder / "runs" / "jobs.yaml"
        jobs.write_text(jobs.read_text().replace("mem: 1Gi", f"mem: {memory}"))
        if memory == "1Gi":  # a project that goes takes its output with it
            assert main(["init", "--project", "other", str(folder / "more" / "other")]) == 0
            subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
        script(*text, folder=folder, GITHUB_SHA="abc", CI_COMMIT_SHA="abc")
        listed = ("ls-tree", "-r", "--name-only", "deployment")
        held = repository.git("--git-dir", str(remote), *listed).split()
        other = "more/other/deploy/manifests/default/kustomization.yaml"
        assert (other in held) == (memory == "1Gi")
    commits = repository.git("--git-dir", str(remote), "rev-list", "--count", "deployment")
    assert commits == "2"
    assert "deploy/manifests/staging/kustomization.yaml" in held
    assert all(path.startswith("deploy/") for path in held)
    shown = repository.git(
        "--git-dir",
        str(remote),
        "show",
        "deployment:deploy/manifests/staging/summarise-countries.yaml",
    )
    assert 'memory: "2Gi"' in shown


def test_workflows_are_valid(tmp_path: Path) -> None:
    """By actionlint, where it is installed."""
    actionlint = shutil.which("actionlint", path=str(BIN))
    if actionlint is None:
        pytest.skip("actionlint is not installed")
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for path in TEMPLATES.glob("github*.yml"):
        shutil.copy(path, folder)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    done = subprocess.run([actionlint], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", ["github", "github-branch", "gitlab", "gitlab-branch"])
def test_init_writes_what_a_forge_reads(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the top of the repository, wherever the project is; in a new one or beside one."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    project = tmp_path / "team" / "cities"
    assert main(["init", "--ci", kind, str(project)]) == 0
    place = ".github/workflows/gitopsc.yml" if "github" in kind else ".gitlab-ci.yml"
    assert (tmp_path / place).read_text() == (TEMPLATES / f"{kind}.yml").read_text()
    assert (project / "gitopsc.yaml").exists()
    ignored = "deploy/" in (project / ".gitignore").read_text().split()
    assert ignored == kind.endswith("-branch")
    hooks = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert ("--fail-on-change" in hooks[0]["entry"]) != ignored
    assert main(["compile", str(project)]) == 0
    assert main(["compile", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["init", "--ci", kind, str(project)]) == 1  # a file of our own
    assert f"no workflow was written: `{place}` exists already" in capsys.readouterr().err
    if "gitlab" in kind:
        (tmp_path / place).write_text("test: {script: [make test]}\n")
        again = main(["init", "--ci", kind, str(project)])
        shown = capsys.readouterr().err
        included = ".gitlab/gitopsc.yml"
        assert again == 0
        assert f"include: [{{local: {included}}}]" in shown
        assert (tmp_path / included).read_text() == (TEMPLATES / f"{kind}.yml").read_text()
    (tmp_path / place).unlink()
    assert main(["init", "--ci", kind, str(project)]) == 0
    assert capsys.readouterr().err.count("created") == 1


@pytest.mark.parametrize("kind", ["argocd", "flux"])
def test_a_controller_reads_the_branch_of_the_output(kind: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    remote = "https://git.example.com/team/cities.git"
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=tmp_path, check=True)
    project = tmp_path / "services" / "cities"
    assert main(["init", "--controller", kind, "--ci", "gitlab-branch", str(project)]) == 0
    assert main(["compile", str(project)]) == 0
    text = (project / "deploy" / "controllers" / "default.yaml").read_text()
    assert ": deployment\n" in text
    assert "services/cities/deploy/manifests/default" in text


@pytest.mark.parametrize("kind", ["argocd", "flux"])
def test_init_writes_what_a_controller_reads(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the clone that it is in, without the login of whoever cloned it."""
    remote = "https://ada:secret@git.example.com/team/cities.git"
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=tmp_path, check=True)
    project = tmp_path / "services" / "cities"
    assert main(["init", "--controller", kind, str(project)]) == 0
    assert main(["compile", str(tmp_path)]) == 0
    text = (project / "deploy" / "controllers" / "default.yaml").read_text()
    assert "secret" not in text
    assert "https://git.example.com/team/cities.git" in text
    assert "services/cities/deploy/manifests/default" in text
    assert "deployment" not in text
    for each in yaml.safe_load_all(text):
        schema = ROOT / "tests" / "vendor" / "custom-resources" / f"{each['kind']}.json"
        Draft202012Validator(json.loads(schema.read_text())).validate(each)
    capsys.readouterr()
    assert main(["init", "--controller", kind, "--ci", "github", str(project)]) == 1
    assert f"write `controller: {{{kind}: " in capsys.readouterr().err
    assert (tmp_path / ".github" / "workflows" / "gitopsc.yml").exists(), "what else was asked for"
