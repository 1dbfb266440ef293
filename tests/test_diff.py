"""`gitopsc diff` in real repositories: branches, conflicts, stale output, what is not there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SAMPLE
from gitopsc.cli import main
from jsonschema import Draft202012Validator

OFF = ("-c", "filter.mine.smudge=", "-c", "core.fsmonitor=false")
WHO = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")


class Repository:
    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *command: str) -> str:
        done = subprocess.run(
            ["git", *WHO, *command], cwd=self.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str = "x") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def replace(self, path: str, old: str, new: str) -> None:
        file = self.root / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The sample with its output, committed on `main`; `change` is checked out."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    root = tmp_path / "repository"
    shutil.copytree(SAMPLE, root)
    made = Repository(root)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit()
    made.git("checkout", "--quiet", "-b", "change")
    return made


def diff(
    capsys: pytest.CaptureFixture[str], repository: Repository, *arguments: str, status: int = 0
) -> str:
    assert main(["diff", str(repository.root), *arguments]) == status
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], repository: Repository, *arguments: str) -> Any:
    return json.loads(diff(capsys, repository, *arguments, "--format", "json"))


def verbs(review: Any) -> set[tuple[str, str]]:
    return {
        (each["verb"], each["subject"])
        for each in review["consequences"]
        if each["kind"] != "image"
    }


def test_the_working_tree_over_head(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "changes nothing in a cluster" in diff(capsys, repository)
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    (repository.root / "runs" / "more.yaml").write_text(
        "kind: python+job:run\nname: more\nspec: {function: announce, parameters: {channel: x}}\n"
    )
    review = told(capsys, repository)
    assert verbs(review) == {("new job", "summarise-countries"), ("runs", "more")}
    assert review["summary"].startswith("This change ")


def test_merging_counts_what_both_have_done(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the target has done meanwhile is no part of it; nothing is left in the repository."""
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.replace("runs/cities-api.json", '"replicas": 2', '"replicas": 3')
    repository.commit()
    repository.git("checkout", "--quiet", "change")
    before = repository.git("count-objects")
    review = told(capsys, repository, "--base", "main")
    assert verbs(review) == {("new job", "summarise-countries")}
    assert review["warnings"] == []
    back = told(capsys, repository, "--base", "change", "--head", "main")
    assert verbs(back) == {("scales", "cities-api")}
    assert repository.git("count-objects") == before
    assert repository.git("status", "--porcelain") == ""


def test_conflicts_in_what_is_generated_do_not_count(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.replace("runs/jobs.yaml", "min_population: 100000", "min_population: 5000")
    assert main(["compile", str(repository.root)]) == 0
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.replace("functions/cities.yaml", "pandas==2.2.3", "pandas==2.3.1")
    assert main(["compile", str(repository.root)]) == 0
    repository.commit()
    merge = subprocess.run(
        ["git", "merge-tree", "--write-tree", "main", "change"],
        cwd=repository.root,
        capture_output=True,
        check=False,
    )
    assert merge.returncode == 1
    capsys.readouterr()
    review = told(capsys, repository, "--base", "main", "--head", "change")
    assert ("runs", "download-cities") in verbs(review)
    assert review["warnings"] == []
    causes = [
        each["causes"] for each in review["consequences"] if each["subject"] == "download-cities"
    ]
    assert [each["text"] for each in causes[0]] == ["parameter min_population 100000 -> 5000"]


def test_a_real_conflict_shows_what_the_head_does(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 3Gi")
    repository.commit()
    text = diff(capsys, repository, "--base", "main", "--head", "change")
    assert (
        "warning: This is what `change` does since it left `main`: runs/jobs.yaml cannot be" in text
    )
    assert "memory 1Gi -> 2Gi" in text


def test_no_driver_of_a_repository_runs(
    repository: Repository, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    proof = tmp_path / "ran"
    repository.git("config", "merge.mine.driver", f"touch {proof}; false")
    repository.git("config", "filter.mine.smudge", f"touch {proof}; cat")
    repository.git("config", "core.fsmonitor", f"touch {proof}")
    (repository.root / ".gitattributes").write_text("*.yaml merge=mine filter=mine\n")
    (repository.root / ".git" / "info" / "attributes").write_text("*.yaml merge=mine\n")
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    repository.git(*OFF, "add", "--all")
    repository.git(*OFF, "commit", "--quiet", "--message", "x")
    proof.unlink(missing_ok=True)
    repository.git(
        "-c", "filter.mine.smudge=", "-c", "core.fsmonitor=false", "checkout", "-q", "main"
    )
    proof.unlink(missing_ok=True)
    repository.replace("runs/jobs.yaml", "min_population: 100000", "min_population: 5")
    repository.git(*OFF, "commit", "--quiet", "--all", "--message", "x")
    proof.unlink(missing_ok=True)
    text = diff(capsys, repository, "--base", "main", "--head", "change")
    assert "summarise-countries" in text
    assert not proof.exists()


def test_an_output_that_is_stale_is_told_apart(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.git("checkout", "--quiet", "main")
    repository.replace("deploy/manifests/staging/announce.yaml", "256Mi", "128Mi")
    repository.commit()
    repository.git("checkout", "--quiet", "change")
    review = told(capsys, repository, "--base", "main")
    assert review["consequences"] == []
    assert [each["name"].split("-")[0] for each in review["stale"]] == ["announce"]


def test_what_no_compile_has_made_is_told_first(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A controller applies what is committed, whoever wrote it."""
    edited, listed = ("deploy/manifests/staging/" + name for name in ("announce", "kustomization"))
    repository.replace(f"{edited}.yaml", "allowPrivilegeEscalation: false", "privileged: true")
    repository.commit()
    text = diff(capsys, repository, "--base", "main", "--exit-code", status=1)
    assert text.startswith(
        f"`{edited}.yaml` is not what the descriptors make, and would be applied as it is: run"
        " `gitopsc compile`. Compiled, merging changes nothing in a cluster."
    )
    kustomization = repository.root / f"{listed}.yaml"
    kustomization.write_text(f"{kustomization.read_text()}  - added.yaml\n")
    repository.commit()
    review = told(capsys, repository, "--base", "main")
    assert review["unmade"] == [f"{edited}.yaml", f"{listed}.yaml"]
    assert main(["compile", str(repository.root)]) == 0
    capsys.readouterr()
    repository.commit()
    assert told(capsys, repository, "--base", "main")["unmade"] == []
    repository.replace(f"{edited}.yaml", "\n", "\r\n")
    repository.commit()
    assert told(capsys, repository, "--base", "main")["unmade"] == []
    # Without the list, nothing says what is ours; what lies there is looked at all the same.
    repository.replace(f"{edited}.yaml", "allowPrivilegeEscalation: false", "privileged: true")
    (repository.root / "deploy" / ".gitopsc-files").unlink()
    repository.commit()
    text = diff(capsys, repository, "--base", "main")
    assert text.startswith("`deploy/manifests/production/announce.yaml` and ")
    assert " more files are not what the descriptors make" in text


def test_a_base_that_does_not_compile(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository.root / "runs" / "bad.yaml").write_text(
        "kind: python+job:run\nname: bad\nspec: {function: nobody}\n"
    )
    bad = repository.commit()
    (repository.root / "runs" / "bad.yaml").unlink()
    repository.commit()
    text = diff(capsys, repository, "--base", bad)
    assert "warning: The base does not compile (1 error): everything counts as new." in text
    assert "download-cities" in text
    assert main(["diff", str(repository.root), "--base", "HEAD", "--head", bad]) == 0
    capsys.readouterr()
    repository.git("checkout", "--quiet", "-b", "worse", bad)
    assert main(["diff", str(repository.root), "--base", "main"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "C401" in said.err
    assert "the merge does not compile" in said.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--base", "nowhere"], "it has no commit `nowhere`"),
        (["--base", "main", "--head", "nowhere"], "it has no commit `nowhere`"),
        (["--base", "--upload-pack=x"], "it has no commit `--upload-pack=x`"),
    ],
)
def test_refs_that_are_not_there(
    arguments: list[str],
    words: str,
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = [f"{name}={value}" for name, value in zip(arguments[::2], arguments[1::2], strict=True)]
    assert main(["diff", str(repository.root), *flags]) == 2
    assert words in capsys.readouterr().err


def test_no_commit_and_no_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(SAMPLE, tmp_path / "a")
    assert main(["diff", str(tmp_path / "a")]) == 2
    assert "the folder is in no Git repository" in capsys.readouterr().err
    subprocess.run(["git", "init", "-q"], cwd=tmp_path / "a", check=True)
    assert main(["diff", str(tmp_path / "a")]) == 0  # nothing is committed yet
    shown = capsys.readouterr()
    assert shown.out.startswith("This change runs ")
    assert not shown.err
    assert main(["diff", "--base", "HEAD", str(tmp_path / "a")]) == 2
    assert "it has no commit `HEAD`" in capsys.readouterr().err


def test_the_first_and_the_last_project(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A side without any project is one where nothing is, and no error."""
    repository.git("checkout", "--quiet", "--orphan", "empty")
    repository.git("rm", "-r", "--quiet", "--force", ".")
    repository.git("commit", "--quiet", "--allow-empty", "-m", "nothing")
    repository.git("checkout", "--quiet", "-b", "first")
    repository.git("checkout", "main", "--", ".")
    repository.git("commit", "--quiet", "-m", "a project")
    assert main(["diff", "--base", "empty", str(repository.root)]) == 0
    shown = capsys.readouterr()
    assert "does not compile" not in shown.out + shown.err
    assert "Environment `staging` of project `world-cities` is new" in shown.out
    repository.git("checkout", "--quiet", "-b", "last")
    repository.git("rm", "-r", "--quiet", "--force", ".")
    repository.git("commit", "--quiet", "-m", "no project")
    assert main(["diff", "--base", "first", str(repository.root)]) == 0
    shown = capsys.readouterr()
    assert "does not compile" not in shown.out + shown.err
    assert "Environment `staging` of project `world-cities` goes" in shown.out


def test_a_shallow_clone(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.replace("runs/jobs.yaml", "min_population: 100000", "min_population: 5")
    repository.commit()
    shallow = tmp_path / "shallow"
    subprocess.run(
        [
            "git",
            "clone",
            "-q",
            "--depth",
            "1",
            "--no-single-branch",
            f"file://{repository.root}",
            shallow,
        ],
        check=True,
    )
    assert main(["diff", str(shallow), "--base", "origin/main", "--head", "origin/change"]) in (
        0,
        2,
    )
    said = capsys.readouterr()
    assert "runs" in said.out or "shallow" in said.err or "common" in said.err


def test_a_detached_head_and_a_linked_working_tree(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    commit = repository.commit()
    linked = tmp_path / "linked"
    repository.git("worktree", "add", "--quiet", "--detach", str(linked), commit)
    review = told(capsys, Repository(linked), "--base", "main")
    assert verbs(review) == {("new job", "summarise-countries")}


def test_exit_codes(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    diff(capsys, repository, "--exit-code")
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    diff(capsys, repository)
    diff(capsys, repository, "--exit-code", status=1)
    diff(capsys, repository, "--fail-on", "runs,deletes-data")
    diff(capsys, repository, "--fail-on", "new job", status=1)
    with pytest.raises(SystemExit):
        main(["diff", str(repository.root), "--fail-on", "explodes"])


def test_what_is_refused_fails_always(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    volume = (
        "  volumes: [{volume_type: persistent_volume_claim, name: data, mount_path: /d,"
        " spec: {size: 5Gi}}]\n"
    )
    repository.replace(
        "runs/jobs.yaml", "  resources: {mem: 1Gi}\n", "  resources: {mem: 1Gi}\n" + volume
    )
    repository.commit()
    repository.replace("runs/jobs.yaml", "5Gi", "1Gi")
    text = diff(capsys, repository, status=1)
    assert text.startswith("Kubernetes refuses one object of this.")
    assert "refused claim   summarise-countries-data" in text
    repository.replace("runs/jobs.yaml", volume.replace("5Gi", "1Gi"), "")
    text = diff(capsys, repository)
    assert "keeps claim" in text
    diff(capsys, repository, "--fail-on", "deletes-data")


def test_an_lfs_pointer_is_a_pointer_on_both_sides(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository.root / ".gitattributes").write_text("*.bin filter=lfs\n")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n"
    (repository.root / "api" / "model.bin").write_text(pointer.format("1" * 64))
    repository.commit()
    (repository.root / "api" / "model.bin").write_text(pointer.format("2" * 64))
    commit = repository.commit()
    review = told(capsys, repository, "--base", f"{commit}~1")
    assert verbs(review) == {("rolls", "cities-api")}


def test_markdown_is_one_comment(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.replace("functions/cities.yaml", "pandas==2.2.3", "pandas==2.3.1")
    text = diff(capsys, repository, "--format", "markdown")
    assert text.startswith("<!-- gitopsc diff -->\n**This change runs 2 jobs")
    assert "| runs | download\\_cities" in text or "| runs | download-cities |" in text


# Twelve pull requests

REVIEWS = ROOT / "docs" / "reviews"
JOBS = "runs/jobs.yaml"
NEW_RUN = """\
---
kind: python+job:run
name: german-cities
spec:
  function: download-cities
  parameters: {min_population: 50000}
"""
PULL_REQUESTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "requirement": (("functions/cities.yaml", "3.0.2, pandas==2.2.3", "3.0.2, pandas==2.3.1"),),
    "handler": (("src/countries.py", '["count", "sum", "max"]', '["count", "sum"]'),),
    "memory": ((JOBS, "mem: 1Gi", "mem: 4Gi"),),
    "new-run": (
        (JOBS, "  secrets: [ANNOUNCE_TOKEN]\n", "  secrets: [ANNOUNCE_TOKEN]\n" + NEW_RUN),
    ),
    "deleted-service": (("runs/cities-api.json", "", ""),),
    "rename": (("runs/cities-api.json", '"name": "cities-api"', '"name": "world-api"'),),
    "moved-file": ((JOBS, "", "runs/batch/all.yaml"),),
    "schedule": (
        (
            JOBS,
            "  parameters: {channel: geo}\n",
            "  parameters: {channel: geo}\n  schedule: 0 7 * * 1\n",
        ),
    ),
    "registry": (("gitopsc.yaml", "registry.example.com/geo", "registry.example.com/maps"),),
    "environment": (
        ("gitopsc.yaml", "  production:\n", "  test:\n    namespace: cities-test\n  production:\n"),
    ),
    "store": (("gitopsc.yaml", "s3://world-cities-data", "s3://cities"),),
    "python-version": (("functions/cities-api.yaml", "PYTHON3_11", "PYTHON3_12"),),
}
"""Of each a file, what is there, and what takes its place; of a whole file where it goes, if it
stays."""


def without_tags(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{16}\b", "<tag>", text)


@pytest.mark.parametrize("case", PULL_REQUESTS)
def test_a_comment_on_a_pull_request(
    case: str, repository: Repository, capsys: pytest.CaptureFixture[str], update: bool
) -> None:
    """`docs/reviews` shows them as a reviewer reads them; digests are of the runner of that day."""
    for path, old, new in PULL_REQUESTS[case]:
        if old:
            repository.replace(path, old, new)
        elif new:
            (repository.root / new).parent.mkdir()
            (repository.root / path).rename(repository.root / new)
        else:
            (repository.root / path).unlink()
    assert main(["compile", str(repository.root)]) == 0
    capsys.readouterr()
    repository.commit()
    text = diff(capsys, repository, "--base", "main", "--format", "markdown")
    file = REVIEWS / f"{case}.md"
    if update and without_tags(file.read_text()) != without_tags(text):
        file.write_text(text)
    assert without_tags(file.read_text()) == without_tags(text)
    assert {path.stem for path in REVIEWS.iterdir()} <= {*PULL_REQUESTS}


def test_the_page_shows_what_is_said(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first of `docs/review.md`, without the sentences below."""
    page = (ROOT / "docs" / "review.md").read_text()
    shown = page[page.index("```\n") + 4 :].partition("```")[0]
    repository.replace(*PULL_REQUESTS["requirement"][0])
    assert main(["compile", str(repository.root)]) == 0
    capsys.readouterr()
    repository.commit()
    text = diff(capsys, repository, "--base", "main")
    assert without_tags(text).startswith(without_tags(shown))


def test_a_budget(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Jobs that start together ask for more than one environment has."""
    settings = repository.root / "gitopsc.yaml"
    text = settings.read_text()
    settings.write_text(
        text.replace("  production:\n", "  production:\n    budget: {cpu: 150m, mem: 8Gi}\n")
    )
    assert "changes nothing in a cluster" in diff(capsys, repository)
    repository.replace("functions/cities.yaml", "pandas==2.2.3", "pandas==2.3.1")
    said = diff(capsys, repository)
    words = "2 jobs start together in production: they ask for 200m CPU and 1536Mi of memory"
    assert f"warning: {words}, and the budget is 150m CPU." in said
    assert "2 jobs start together in staging" in said
    assert [each["over"] for each in told(capsys, repository)["demands"]] == [["cpu"], []]
    diff(capsys, repository, "--fail-on", "over-budget", status=1)
    # With sync waves, each starts when the one before it is done.
    settings.write_text(settings.read_text() + "sync_waves: true\n")
    assert "budget" not in diff(capsys, repository, "--fail-on", "over-budget")
    settings.write_text(settings.read_text().replace("150m", "50m"))
    assert "1 job starts in production and asks for 100m CPU" in diff(capsys, repository)


def test_a_page(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.replace("runs/jobs.yaml", "mem: 1Gi", "mem: 2Gi")
    page = diff(capsys, repository, "--format", "html")
    assert '"summary":"This change replaces 1 Job whose work is done' in page
    assert page == diff(capsys, repository, "--format", "html")


def test_two_environments(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """What one has otherwise, here, and as a tag has it that production is pinned to."""
    repository.git("tag", "v1", "main")
    said = diff(capsys, repository, "--env", "staging", "production")
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "What production has otherwise than staging:"
    assert "(all) namespace cities-staging -> cities gitopsc.yaml:14" in lines
    assert "announce memory 256Mi -> 512Mi gitopsc.yaml:18" in lines
    assert lines[-1] == "the same: summarise-countries"
    repository.replace("functions/cities.yaml", "pandas==2.2.3", "pandas==2.3.1")
    repository.commit()
    here = diff(capsys, repository, "--env", "staging", "production", "--exit-code", status=1)
    assert "pandas" not in here
    pinned = diff(capsys, repository, "--env", "staging", "production", "--base", "v1")
    assert "requirement pandas 2.3.1 -> 2.2.3" in pinned
    form = ("--env", "staging", "production", "--format", "json")
    told = json.loads(diff(capsys, repository, *form))
    schema = json.loads((ROOT / "schemas/reports/environments.schema.json").read_text())
    Draft202012Validator(schema).validate(told)
    diff(capsys, repository, "--env", "staging", "prod", status=2)
    diff(capsys, repository, "--env", "staging", "production", "--format", "html", status=2)
    assert diff(capsys, repository, "--env", "staging", "staging").count("nothing.") == 1


def test_promotion(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Production is pinned to a tag, which its controller follows, while staging moves with the
    branch: moving the tag is the promotion, and this is what that does."""
    repository.git("tag", "production", "main")
    repository.git("checkout", "--quiet", "main")
    repository.replace("functions/cities.yaml", "pandas==2.2.3", "pandas==2.3.1")
    assert main(["compile", str(repository.root)]) == 0
    repository.commit()
    capsys.readouterr()
    pinned = repository.git("show", "production:deploy/manifests/production/download-cities.yaml")
    moved = repository.git("show", "main:deploy/manifests/staging/download-cities.yaml")
    image = re.compile(r"download-cities:[0-9a-f]{16}")
    assert image.findall(pinned) != image.findall(moved)
    review = told(
        capsys, repository, *("--base", "production", "--head", "main", "--env", "production")
    )
    assert ("runs", "download-cities") in verbs(review)
    assert {tuple(each["environments"]) for each in review["consequences"]} == {("production",)}
    assert {each["environment"] for each in review["objects"]} == {"production"}


def test_an_environment_has_a_run_otherwise(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    """A review points to the line of the environment, and tells of no other."""
    repository.replace(
        "gitopsc.yaml",
        "    namespace: cities-staging",
        "    namespace: cities-staging\n"
        "    runs:\n      cities-api: {replicas: 1}\n"
        "      download-cities: {parameters: {min_population: 5000}}",
    )
    review = told(capsys, repository)
    found = {each["subject"]: each for each in review["consequences"] if each["kind"] != "image"}
    assert found["cities-api"]["environments"] == ["staging"]
    causes = found["download-cities"]["causes"]
    assert [(each["text"], each["file"], each["line"]) for each in causes] == [
        ("parameter min_population 100000 -> 5000", "gitopsc.yaml", 15)
    ]
    assert main(["explain", "download-cities", "--path", str(repository.root)]) == 0
    assert "gitopsc.yaml:15" not in capsys.readouterr().out
    asked = ("--path", str(repository.root), "--environment", "staging")
    assert main(["explain", "download-cities", *asked]) == 0
    assert re.search(r"min_population +5000 +gitopsc.yaml:15", capsys.readouterr().out)


def test_a_run_of_one_environment(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.replace(
        "runs/jobs.yaml",
        "  secrets: [ANNOUNCE_TOKEN]",
        "  secrets: [ANNOUNCE_TOKEN]\n  gitops: {only: [production]}",
    )
    review = told(capsys, repository)
    assert [(each["verb"], each["environments"]) for each in review["consequences"]] == [
        ("deletes", ["staging"])
    ]
    assert main(["compile", str(repository.root)]) == 0
    assert not (repository.root / "deploy/manifests/staging/announce.yaml").exists()
    assert (repository.root / "deploy/manifests/production/announce.yaml").exists()


def test_what_pods_have_besides(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its cause, and an autoscaler with what it does to pods that are there."""
    repository.replace(
        "gitopsc.yaml", "environments:", "pod: {service_account: cities}\nenvironments:"
    )
    review = told(capsys, repository)
    assert verbs(review) == {
        ("rolls", "cities-api"),
        *{("new job", name) for name in ("announce", "download-cities", "summarise-countries")},
    }
    causes = {cause["text"] for each in review["consequences"] for cause in each["causes"]}
    assert causes == {"new pod service account cities"}
    repository.git("checkout", "--quiet", "--", "gitopsc.yaml")
    repository.replace("runs/cities-api.json", '"replicas": 2', '"gitops": {"scale": {"max": 4}}')
    said = diff(capsys, repository)
    assert "`cities-api` in staging has 1 pod for a moment instead of 2, until its" in said
    assert 'new gitops scale {"cpu": 80, "max": 4, "min": 1}' in said
