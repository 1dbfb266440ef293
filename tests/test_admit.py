"""What Kubernetes refuses over the state before: each edit of `tests/truth`, there and back.

`refusals` is Kubernetes' own validation of updates, as far as it concerns what gitopsc writes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, tree_from
from gitopsc.cli import main
from gitopsc.model.compilation import Compilation
from gitopsc.model.diagnostic import REFUSED_CHANGE, has_errors
from gitopsc.model.previous import Previous
from gitopsc.model.quantity import amount
from gitopsc.pipeline import compile_tree

TRUTH = ROOT / "tests" / "truth"
EDITS = sorted(path.stem for path in (TRUTH / "edits").glob("*.patch"))
RECORDED = json.loads((TRUTH / "consequences.json").read_text())["edits"]
Objects = Mapping[tuple[str, str | None, str], Mapping[str, Any]]


def compiled(folder: Path, previous: Previous | None = None) -> Compilation:
    tree = replace(tree_from(folder), folder="lab", previous=previous or Previous())
    return compile_tree(tree)


def files_of(compilation: Compilation) -> dict[str, bytes]:
    return {
        f"{project.prefix}{project.output}/{file.path}": file.content
        for project, files in compilation.outputs
        for file in files
    }


def committed(files: Mapping[str, bytes]) -> Previous:
    """As Git would name it."""
    manifests = {path: each for path, each in files.items() if "/manifests/" in path}
    names = {
        path: hashlib.sha1(b"blob %d\0" % len(each) + each).hexdigest()
        for path, each in manifests.items()
    }
    return Previous(names, lambda paths: {path: manifests[path] for path in paths})


def objects(files: Mapping[str, bytes]) -> Objects:
    found = {}
    for path, content in files.items():
        if "/manifests/" in path and not path.endswith("kustomization.yaml"):
            for each in yaml.load_all(content, Loader=yaml.CSafeLoader):
                metadata = each["metadata"]
                found[each["kind"], metadata.get("namespace"), metadata["name"]] = each
    return found


def refusals(before: Objects, after: Objects) -> Iterator[str]:
    """Field by field, what the API server says no to when `after` is applied over `before`."""
    for key, new in after.items():
        old = before.get(key)
        if old is None or old == new:
            continue
        was, now = old.get("spec", {}), new.get("spec", {})
        match key[0]:
            case "PersistentVolumeClaim":  # ValidatePersistentVolumeClaimUpdate
                for field in ("storageClassName", "accessModes"):
                    if was.get(field) != now.get(field):
                        yield f"{key}: {field}"
                sizes = [amount(each["resources"]["requests"]["storage"]) for each in (was, now)]
                if sizes[1] < sizes[0]:
                    yield f"{key}: storage"
            case "Deployment":  # ValidateDeploymentUpdate, ValidateDeploymentStrategy
                if was["selector"] != now["selector"]:
                    yield f"{key}: selector"
                if now["strategy"]["type"] == "Recreate" and was["strategy"] == {
                    "type": "RollingUpdate"
                }:
                    yield f"{key}: strategy"  # a server-side apply keeps defaulted numbers
            case "Job":  # ValidateJobSpecUpdate
                for field in ("template", "podFailurePolicy", "selector", "completions"):
                    if was.get(field) != now.get(field):
                        yield f"{key}: {field}"
            case "ConfigMap":  # ValidateConfigMapUpdate
                if old.get("immutable") and old.get("data") != new.get("data"):
                    yield f"{key}: data"
            case "Service":  # ValidateServiceUpdate
                if was.get("clusterIP") != now.get("clusterIP"):
                    yield f"{key}: clusterIP"


@cache
def base() -> dict[str, bytes]:
    compilation = compiled(TRUTH / "lab")
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    return files_of(compilation)


def edited(edit: str, folder: Path) -> Path:
    lab = folder / "lab"
    shutil.copytree(TRUTH / "lab", lab)
    patch = TRUTH / "edits" / f"{edit}.patch"
    if patch.read_text().strip():
        subprocess.run(["git", "apply", "-p1", patch], cwd=lab, check=True)
    return lab


def recorded_refusals(edit: str, direction: str) -> set[str]:
    """Kinds of the objects that the cluster refused, but for what is made otherwise now: strategies
    say both their numbers."""
    return {
        each["kind"]
        for each in RECORDED[edit]["objects"]
        if each["direction"] == direction
        and each["consequence"].startswith("REJECTED")
        and "spec.strategy" not in each.get("message", "")
    }


def step(folder: Path, before: Mapping[str, bytes]) -> tuple[dict[str, bytes], set[str]]:
    """What is written over a state before, or why nothing is; the oracle agrees on which it is."""
    free = files_of(compiled(folder))
    expected = list(refusals(objects(before), objects(free)))
    compilation = compiled(folder, committed(before))
    found = {each.message for each in compilation.diagnostics if each.code is REFUSED_CHANGE}
    assert bool(found) == bool(expected), (found, expected)
    others = [each for each in compilation.diagnostics if each.code is not REFUSED_CHANGE]
    assert not has_errors(others), others
    if found:
        assert compilation.outputs == ()
        assert len(found) == len(expected)
        return {}, found
    assert files_of(compilation) == free, "what was before changes no byte"
    return free, set()


def test_the_lab_has_its_edits() -> None:
    assert set(EDITS) == set(RECORDED)
    assert len(EDITS) > 40


@pytest.mark.parametrize("edit", EDITS)
def test_what_is_written_is_accepted(edit: str, tmp_path: Path) -> None:
    lab = edited(edit, tmp_path)
    after, refused = step(lab, base())
    assert bool(refused) == bool(recorded_refusals(edit, "edit")), refused
    if not refused:
        _, refused = step(TRUTH / "lab", after)
        assert bool(refused) == bool(recorded_refusals(edit, "revert")), refused
    else:
        # A branch that already has it: the revert of the whole commit is looked at, too.
        step(TRUTH / "lab", files_of(compiled(lab)))


def test_a_commit_and_its_revert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command, with Git's own base: HEAD, a name, and where the branch left."""
    lab = tmp_path / "lab"
    shutil.copytree(TRUTH / "lab", lab)

    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *identity, *words], cwd=lab, check=True, capture_output=True)

    def compile_(*words: str) -> tuple[int, str]:
        code = main(["compile", str(lab), *words])
        return code, capsys.readouterr().err

    git("init", "-qb", "main")
    assert compile_()[0] == 0
    git("add", "-A")
    git("commit", "-qm", "base")
    edit = TRUTH / "edits" / "job-shared-volume-grows.patch"
    git("apply", "-p1", str(edit))
    assert compile_()[0] == 0
    assert compile_("--check")[0] == 0
    git("commit", "-qam", "more")
    git("apply", "-R", "-p1", str(edit))
    code, said = compile_("--check")
    assert (code, "claim `team` would shrink" in said) == (1, True)
    assert compile_("--check", "--base", "main~1")[0] == 1, "only stale"
    assert "would shrink" not in compile_("--check", "--base", "main~1")[1]
    git("checkout", "-q", ".")
    assert compile_("--check")[0] == 0, "and what is remembered is of its own base"
    git("update-ref", "refs/remotes/origin/main", "main~1")
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    git("apply", "-R", "-p1", str(edit))
    assert compile_()[0] == 0, "the branch that is merged has the old size"


def test_outside_of_git_the_disk_is_what_there_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = tmp_path / "lab"
    shutil.copytree(TRUTH / "lab", lab)
    assert main(["compile", str(lab)]) == 0
    work = lab / "runs" / "work.yaml"
    work.write_text(work.read_text().replace("size: 1Gi", "size: 512Mi"))
    capsys.readouterr()
    assert main(["compile", str(lab)]) == 1
    assert capsys.readouterr().err.count("would shrink from 1Gi to 512Mi") == 2


def repository(folder: Path) -> Callable[..., None]:
    """Git in a folder, with the output of the lab committed."""

    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)

    git("init", "-qb", "main")
    assert main(["compile", str(folder)]) == 0
    git("add", "-A")
    git("commit", "-qm", "base")
    return git


def shrink(path: Path) -> None:
    path.write_text(path.read_text().replace("size: 1Gi", "size: 512Mi"))


def test_ci_that_knows_no_default_branch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fetches branches by itself, and checks out a commit that has the new output already."""
    lab = tmp_path / "lab"
    shutil.copytree(TRUTH / "lab", lab)
    git = repository(lab)
    git("update-ref", "refs/remotes/origin/main", "HEAD")
    shrink(lab / "runs" / "work.yaml")
    git("checkout", "-q", "--detach")
    git("commit", "-qam", "with a compile that did not look")
    assert main(["compile", str(lab), "--check"]) == 1
    assert "would shrink" in capsys.readouterr().err


def test_a_project_that_moves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(TRUTH / "lab", tmp_path / "a")
    git = repository(tmp_path)
    (tmp_path / "services").mkdir()
    git("mv", "a", "services/a")
    shrink(tmp_path / "services" / "a" / "runs" / "work.yaml")
    assert main(["compile", str(tmp_path)]) == 1
    assert "would shrink" in capsys.readouterr().err


def test_an_environment_that_goes_is_not_the_one_that_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two clusters with one namespace, and claims of two sizes."""
    lab = tmp_path / "lab"
    shutil.copytree(TRUTH / "lab", lab)
    claim = {"volume_type": "persistent_volume_claim", "name": "big", "mount_path": "/big"}
    sizes = {"aside": "10Gi", "production": "5Gi"}
    environments = {
        name: {"profiles": {"more": {"volumes": [{**claim, "spec": {"size": size}}]}}}
        for name, size in sizes.items()
    }
    settings = yaml.safe_load((lab / "gitopsc.yaml").read_text())

    def write(**declared: object) -> None:
        text = yaml.safe_dump({**settings, "environments": declared})
        (lab / "gitopsc.yaml").write_text(text)

    work = lab / "runs" / "work.yaml"
    work.write_text(work.read_text().replace("function: disk", "function: disk\n  profile: more"))
    write(**environments)
    repository(lab)
    write(production=environments["production"])
    capsys.readouterr()
    assert main(["compile", str(lab)]) == 0, capsys.readouterr().err


def test_a_base_whose_contents_are_not_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = tmp_path / "lab"
    shutil.copytree(TRUTH / "lab", lab)
    repository(lab)
    shrink(lab / "runs" / "work.yaml")
    for folder in (lab / ".git" / "objects").glob("??"):
        for path in folder.iterdir():
            command = ["git", "cat-file", "-t", folder.name + path.name]
            kind = subprocess.run(command, cwd=lab, capture_output=True, text=True, check=True)
            if kind.stdout.strip() == "blob":
                path.chmod(0o600)
                path.unlink()
    assert main(["compile", str(lab)]) == 1
    assert "C104" in capsys.readouterr().err
