"""What merging does: beside what a real cluster did, and in the words that a reviewer reads."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, tree_of
from gitopsc.compare import compare, compare_environments
from gitopsc.model.compilation import Compilation
from gitopsc.model.consequence import Review
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import compile_tree
from gitopsc.report.review import (
    MARKER,
    headline,
    render_review,
    render_review_json,
    render_review_markdown,
)
from jsonschema import Draft202012Validator
from test_admit import EDITS, RECORDED, TRUTH, compiled, edited

# What a cluster did

_VERBS = {
    "created": "created",
    "kept": "kept",
    "patched in place": "patched",
    "pruned": "pruned",
    "REJECTED": "refused",
    "rolled (Recreate)": "rolled Recreate",
    "rolled (RollingUpdate)": "rolled RollingUpdate",
    "scaled": "scaled",
}
_NOT_RECORDED = ("ConfigMap", "PodDisruptionBudget")
"""Settings were ConfigMaps then, and there were no budgets."""

OTHERWISE: Mapping[str, str] = {
    "job-deadline": "a deadline is in no digest, so the Job stays (design.md 4a)",
    "run-renamed-in-letter-case-only": "records are under cleaned names, so nothing changes",
    "settings-namespace": "claims of the new namespace are created, which was not recorded",
}
"""Edits of which another compiler's output had other consequences."""


BACK_OTHERWISE = ("service-claim-access-mode-rwx-recreate-rolling", "service-claim-empty-dir")
"""Edits whose way back was refused for a strategy that said one of its numbers only."""

RUNS_NOW = ("job-volume-mount-path", "job-volume-renamed")
"""Edits of a claim's name and mount path, which are parts of compute now (design.md 4a)."""


def recorded(edit: str, direction: str) -> set[tuple[str, str, str]]:
    return {
        (each["kind"], named(each["kind"], each["name"]), verb)
        for each in RECORDED[edit]["objects"]
        if each["direction"] == direction and each["kind"] not in _NOT_RECORDED
        for word, verb in _VERBS.items()
        if each["consequence"].startswith(word)
    }


def named(kind: str, name: str) -> str:
    """A Job's name ends in a digest, which another compiler made."""
    return re.sub(r"-[0-9a-f]{10}$", "", name) if kind == "Job" else name


def told(review: Review, but: Collection[str] = _NOT_RECORDED) -> set[tuple[str, str, str]]:
    return {
        (each.kind, named(each.kind, each.name), " ".join(filter(None, (each.verb, each.strategy))))
        for each in review.objects
        if each.kind not in but
    }


@pytest.fixture(scope="module")
def lab() -> Compilation:
    return compiled(TRUTH / "lab")


@pytest.mark.parametrize("edit", EDITS)
def test_what_a_cluster_did(edit: str, lab: Compilation, tmp_path: Path) -> None:
    after = compiled(edited(edit, tmp_path))
    forth, back = compare(lab, after), compare(after, lab)
    same = told(forth) == recorded(edit, "edit")
    assert same is (edit not in OTHERWISE), told(forth) ^ recorded(edit, "edit")
    if same and not forth.of("refused"):
        # What was kept is there when an edit is reverted.
        kept = {(kind, name, "created") for kind, name, verb in told(forth) if verb == "kept"}
        same_back = told(back) - kept == recorded(edit, "revert")
        assert same_back is (edit not in BACK_OTHERWISE)
    assert bool(forth.of("refused")) == any(each.verb == "refused" for each in forth.objects)
    for review in (forth, back):
        for each in review.consequences:
            assert each.environments
            assert each.causes or each.kind in ("build", "claim", "image", "object")


def test_otherwise_is_short() -> None:
    assert len(OTHERWISE) <= 8


def test_whether_jobs_did_their_work(lab: Compilation, tmp_path: Path) -> None:
    """A Job that found its record is one whose work was done."""
    checked = 0
    for edit in EDITS:
        if edit in OTHERWISE or edit in RUNS_NOW:
            continue
        after = compiled(edited(edit, tmp_path / edit))
        verbs = {
            each.subject: each.verb
            for each in compare(lab, after).consequences
            if each.kind == "job"
        }
        for each in RECORDED[edit]["objects"]:
            if each["direction"] == "edit" and each.get("kind") == "Job" and each.get("job"):
                name = named(each["kind"], each["name"])
                wanted = "new job" if each["job"].startswith("found its record") else "runs"
                assert verbs.get(name) == wanted, (edit, name)
                checked += 1
    assert checked > 10


# What their own sources say


CITED = yaml.safe_load((TRUTH / "cited.yaml").read_text())


@pytest.mark.parametrize("edit", CITED["edits"], ids=lambda each: str(each["edit"]))
def test_what_the_sources_say(edit: Any, lab: Compilation, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    shutil.copytree(TRUTH / "lab", folder)
    file = folder / edit["file"]
    before = file.read_text() if file.exists() else ""
    assert before.count(edit.get("from", "")) >= 1
    file.write_text(before.replace(edit["from"], edit["to"], 1) if before else edit["to"])
    after = compiled(folder)
    assert not has_errors(after.diagnostics)
    found = told(compare(lab, after), but=())
    assert {" ".join(each) for each in found} == {*edit["expect"]}


def test_each_has_a_source() -> None:
    assert len(CITED["edits"]) >= 60
    used = {name for edit in CITED["edits"] for name in edit["because"]}
    assert used == CITED["sources"].keys()
    assert all(edit["because"] for edit in CITED["edits"])


# In words


REVIEWS = ROOT / "tests" / "reviews"
SETTINGS = """
project: demo
registry: registry.example.com
stores: {default: s3://demo/data}
environments:
  staging: {namespace: staging}
  production: {namespace: production}
"""
ALL = """
kind: python
name: download
spec:
  python_version: PYTHON3_11
  source: {source: src/download.py, handler: run}
  requirements: [pandas==2.2.3]
---
kind: python
name: count
spec:
  python_version: PYTHON3_11
  source: {source: src/count.py, handler: run}
---
kind: python
name: api
spec:
  python_version: PYTHON3_11
  source: {source: src/api.py, handler: serve, init_function: init}
---
kind: python+job:run
name: cities
spec:
  function: download
  parameters: {country: IT}
  outputs: {cities: cities}
---
kind: python+job:run
name: counts
spec: {function: count, inputs: {cities: cities}, outputs: {counts: counts}}
---
kind: python+serve:run
name: cities-api
spec:
  function: api
  init_parameters: {counts: store://demo/dataitem/dataitem/counts}
  replicas: 2
---
kind: python+job:run
name: alone
spec: {function: download}
---
kind: python+job:run
name: nightly
spec: {function: download, schedule: 0 3 * * *}
"""
FILES = {
    "gitopsc.yaml": SETTINGS,
    "all.yaml": ALL,
    "src/download.py": "def run(country='IT'): ...\n",
    "src/count.py": "def run(cities): ...\n",
    "src/api.py": "def init(context, counts): ...\n\n\ndef serve(context, event): ...\n",
}


def reviewed(*changes: tuple[str, str, str], **whole: str) -> Review:
    """`changes` are a file, what is there, and what takes its place."""
    files = dict(FILES)
    for path, old, new in changes:
        assert old in files[path], old
        files[path] = files[path].replace(old, new)
    before, after = compile_tree(tree_of(FILES)), compile_tree(tree_of(files))
    for side in (before, after):
        assert not has_errors(side.diagnostics), [
            each.message for each in side.diagnostics if has_errors([each])
        ]
    return compare(before, after)


DELETED = ALL[
    ALL.index("---\nkind: python+serve:run") : ALL.index("---\nkind: python+job:run\nname: alone")
]
RUN = "---\nkind: python+job:run\nname: another\nspec: {function: download}\n"

CHANGES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "nothing": (("all.yaml", "name: download\n", "name: download\n# a comment\n"),),
    "parameter": (("all.yaml", "country: IT", "country: DE"),),
    "requirement": (("all.yaml", "pandas==2.2.3", "pandas==2.3.1"),),
    "memory": (
        ("all.yaml", "{cities: cities}\n---", "{cities: cities}\n  resources: {mem: 1Gi}\n---"),
    ),
    "replicas": (("all.yaml", "replicas: 2", "replicas: 3"),),
    "schedule": (("all.yaml", "0 3 * * *", "0 4 * * *"),),
    "deleted-service": (("all.yaml", DELETED, ""),),
    "new-run": (
        ("all.yaml", RUN.replace("another", "alone"), RUN.replace("another", "alone") + RUN),
    ),
    "renamed-run": (("all.yaml", "name: alone", "name: lonely"),),
    "handler": (("src/count.py", "...", "return 1"),),
    "comment": (("src/count.py", "def", "# said\ndef"),),
    "store": (("gitopsc.yaml", "s3://demo/data", "s3://other/data"),),
    "registry": (("gitopsc.yaml", "registry.example.com", "other.example.com"),),
    "python": (
        (
            "all.yaml",
            "PYTHON3_11\n  source: {source: src/api.py",
            "PYTHON3_12\n  source: {source: src/api.py",
        ),
    ),
    "environment-gone": (("gitopsc.yaml", "  production: {namespace: production}\n", ""),),
    "environment-new": (
        ("gitopsc.yaml", "  production:", "  test: {namespace: test}\n  production:"),
    ),
    "environment-renamed": (("gitopsc.yaml", "  production: {", "  live: {"),),
    "namespace": (
        ("gitopsc.yaml", "production: {namespace: production", "production: {namespace: live"),
    ),
    "project-renamed": (("gitopsc.yaml", "project: demo", "project: geo"),),
    "secret": (
        (
            "all.yaml",
            "name: alone\nspec: {function: download}",
            "name: alone\nspec: {function: download, secrets: [TOKEN]}",
        ),
    ),
    "job-becomes-a-schedule": (
        (
            "all.yaml",
            "name: alone\nspec: {function: download}",
            "name: alone\nspec: {function: download, schedule: '@daily'}",
        ),
    ),
    "exception": (
        (
            "gitopsc.yaml",
            "environments:",
            "policies: {requests: [mem]}\n"
            "allow: [{code: C804, path: all.yaml, reason: measured in March}]\nenvironments:",
        ),
    ),
    "patch": (
        (
            "gitopsc.yaml",
            "environments:",
            "patches:\n- target: {kind: Deployment}\n  merge: {spec: {minReadySeconds: 9}}\n"
            "- target: {kind: Job, run: alone}\n"
            "  merge: {spec: {template: {spec: {hostname: alone}}}}\nenvironments:",
        ),
    ),
    "queue": (("gitopsc.yaml", "environments:", "queue: batch\nenvironments:"),),
    "shards": (
        (
            "all.yaml",
            "spec: {function: download}",
            "spec: {function: download, gitops: {completions: 9}}",
        ),
    ),
    "label": (("all.yaml", "name: alone\n", "name: alone\nmetadata: {labels: [team:geo]}\n"),),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_a_reviewer_reads(case: str, update: bool) -> None:
    """`tests/reviews` has the texts; digests are left out of them."""
    text = render_review(reviewed(*CHANGES[case]), "Merging")
    text = re.sub(r":[0-9a-f]{16}\b", ":<digest>      ", text)
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    file = REVIEWS / f"{case}.txt"
    if update:
        file.write_text(text)
    assert text == file.read_text()


def test_every_text_is_of_a_change() -> None:
    assert {path.stem for path in REVIEWS.iterdir()} == {*CHANGES}


def test_json_fits_its_schema() -> None:
    schema = json.loads((ROOT / "schemas" / "reports" / "review.schema.json").read_text())
    for changes in CHANGES.values():
        found: Any = json.loads(render_review_json(reviewed(*changes), "Merging"))
        Draft202012Validator(schema).validate(found)
        assert found["summary"].startswith("Merging ")


def test_markdown_shows_no_value_as_markup() -> None:
    review = reviewed(("all.yaml", "country: IT", "country: '<b>|`x` [y](z)'"))
    text = render_review_markdown(review, "Merging")
    assert text.startswith(f"{MARKER}\n**Merging runs 2 jobs")
    assert "<b>" not in text
    assert "\\|\\`x\\` \\[y\\](z)" in text


@pytest.mark.slow
def test_a_comment_fits_into_its_limit() -> None:
    runs = "".join(
        f"---\nkind: python+job:run\nname: run-{number}\nspec:\n  function: download\n"
        f"  parameters: {{country: A{number}}}\n"
        for number in range(1_500)
    )
    before = compile_tree(tree_of({**FILES, "all.yaml": ALL + runs}))
    after = compile_tree(tree_of({**FILES, "all.yaml": ALL + runs.replace("A", "B")}))
    review = compare(before, after)
    assert len(review.consequences) == 1_500
    assert len(render_review_markdown(review, "Merging")) < 65_536
    assert render_review(review, "Merging").startswith("Merging runs 1500 jobs;")


def test_many_of_one_reason_are_one_line() -> None:
    runs = "".join(
        f"---\nkind: python+job:run\nname: run-{number}\n"
        "spec: {function: count, inputs: {cities: x}}\n"
        for number in range(20)
    )
    data = "---\nkind: dataitem\nname: x\nspec: {path: 's3://a/b.csv'}\n"
    files = {**FILES, "all.yaml": ALL + runs + data}
    before = compile_tree(tree_of(files))
    after = compile_tree(tree_of({**files, "src/count.py": "def run(cities): return 2\n"}))
    text = render_review(compare(before, after), "Merging")
    assert re.search(r"\nruns +run-0 and 19 more +production, staging +source src/count.py", text)
    assert "run-7" not in text.partition("\n\n")[2].partition("\n\n")[0]


def test_what_is_stale_is_told_apart() -> None:
    compilation = compile_tree(tree_of(FILES))
    ((_, files),) = compilation.outputs
    written = {f"deploy/{file.path}": file.content for file in files if "manifests/" in file.path}
    assert compare(compilation, compilation, written).stale == ()
    path = "deploy/manifests/staging/cities.yaml"
    written[path] = written[path].replace(b"256Mi", b"128Mi")
    review = compare(compilation, compilation, written)
    assert review.consequences == ()
    assert [(each.kind, each.environment, each.verb) for each in review.stale] == [
        ("Job", "staging", "refused")
    ]
    assert "Besides: 1 object that the base has committed" in render_review(review, "Merging")


SHOP = {
    "gitopsc.yaml": (
        "project: shop\nregistry: registry.example.com\nstores: {default: s3://shop/data}\n"
        "controller: {argocd: {repo: https://git.example.com/shop, revision: production}}\n"
        "environments: {prod: {namespace: shop}}\n"
    ),
    "f.yaml": (
        "kind: python\nname: api\nspec:\n  python_version: PYTHON3_11\n"
        "  source: {code: 'def api(): ...', handler: api}\n"
    ),
}
SERVICE = "kind: python+serve:run\nname: api\nspec:\n  function: api\n  replicas: 2\n"
EXPOSED = f"{SERVICE}  gitops: {{expose: {{host: shop.example.com}}}}\n"


def shop_review(before: str, after: str) -> Review:
    first, second = (
        compile_tree(tree_of({**SHOP, "api.yaml": text}, "shop")) for text in (before, after)
    )
    return compare(first, second)


def test_an_object_that_goes_while_its_run_stays_is_told() -> None:
    review = shop_review(EXPOSED, SERVICE.replace("2", "1"))
    gone = {each.subject: each.parent for each in review.of("deletes")}
    assert gone == {"Ingress api": "api", "PodDisruptionBudget api": "api"}
    assert headline(review, "Merging").endswith("it deletes 2 objects.")
    assert review.classes["deletes"] == 2


def renamed(*names: tuple[str, str, str, str]) -> tuple[Review, Compilation, Compilation]:
    """Projects by folder before, name before, folder after, name after; none where it is empty."""
    sides = []
    for at in (0, 2):
        files = {}
        for number, project in enumerate(names):
            if project[at]:
                folder, name = project[at : at + 2]
                text = SHOP["gitopsc.yaml"].replace("project: shop", f"project: {name}")
                text = text.replace("namespace: shop", f"namespace: n{number}")
                own = {**SHOP, "gitopsc.yaml": text, "api.yaml": SERVICE}
                files |= {f"{folder}/{path}": each for path, each in own.items()}
        sides.append(compile_tree(tree_of(files)))
    return compare(*sides), *sides


@pytest.mark.parametrize(
    "names",
    [
        (("a", "alpha", "a", "beta"),),
        (("a", "alpha", "a", "beta"), ("b", "beta", "b", "gamma")),
        (("a", "alpha", "a", "beta"), ("b", "beta", "b", "alpha")),
        (("a", "alpha", "c", "beta"),),
        (("a", "alpha", "c", "alpha"), ("b", "beta", "a", "gamma")),
    ],
    ids=["one", "a chain", "swapped", "moved, too", "into the folder of another"],
)
def test_projects_that_are_renamed_stay(names: tuple[tuple[str, str, str, str], ...]) -> None:
    """Nothing tells anybody to delete what still runs."""
    review, _, head = renamed(*names)
    assert review.of("deletes") == ()
    assert not any("and then the objects" in each for each in review.notes)
    assert {each.project for each in review.consequences} <= {each.name for each in head.projects}


def test_a_project_that_goes_beside_one_that_takes_its_name() -> None:
    review, base, head = renamed(("a", "alpha", "a", "beta"), ("b", "beta", "", ""))
    assert any("and then the objects" in each for each in review.notes)
    assert "Project `alpha` is called `beta` now" in review.notes[0]
    chosen = compare(base, head, chosen={"alpha/run/api"})
    assert chosen.of("rolls")[0].project == "beta"


def test_an_environment_in_which_nothing_is_left() -> None:
    review = shop_review(SERVICE, "")
    assert headline(review, "Merging") == "Merging deletes 1 service."
    assert any("Argo CD prunes nothing then" in each for each in review.notes)


def test_an_object_that_comes_beside_a_run_is_told() -> None:
    (change,) = shop_review(SERVICE, EXPOSED).consequences
    assert (change.verb, change.note) == ("patches", "its Ingress is new")


def test_an_image_that_the_cluster_builds_is_counted_once() -> None:
    """Nobody has to push it."""
    address = "build: {in_cluster: true, address: 'tcp://buildkitd:1234'}\n"
    settings = SHOP["gitopsc.yaml"].replace("controller", f"{address}controller")
    build = "kind: python+build:run\nname: build-api\nspec: {function: api}\n"
    files = {**SHOP, "gitopsc.yaml": settings, "build.yaml": build, "api.yaml": SERVICE}
    before, after = (
        compile_tree(tree_of({**files, "f.yaml": files["f.yaml"].replace("...", body)}, "shop"))
        for body in ("return 1", "return 2")
    )
    review = compare(before, after)
    assert (
        headline(review, "Merging")
        == "Merging rolls 1 service and builds 1 image; it deletes nothing."
    )
    assert not any("Push images" in each for each in review.notes)


def test_runs_of_several_projects_are_told_apart() -> None:
    files = {
        f"{project}/{path}": text.replace("project: shop", f"project: {project}")
        for project in ("shop", "store")
        for path, text in {**SHOP, "api.yaml": SERVICE}.items()
    }
    files["store/gitopsc.yaml"] = files["store/gitopsc.yaml"].replace(
        "namespace: shop", "namespace: store"
    )
    compilation = compile_tree(tree_of(files))
    assert compare(compilation, compilation).unchanged == ("shop/api", "store/api")


def test_what_only_goes_is_no_patch() -> None:
    review = shop_review(EXPOSED, SERVICE)
    (gone,) = review.consequences
    assert review.unchanged == ()
    assert (gone.verb, gone.subject) == ("deletes", "Ingress api")
    assert [each.text for each in gone.causes] == ["no gitops expose any more"]


def test_what_nothing_applies_is_told() -> None:
    grouped = EXPOSED.replace("{expose", "{group: serving, expose")
    there = " ".join(shop_review(EXPOSED, grouped).notes)
    assert "apply it for Application `shop-prod.serving` after the merge." in there
    assert "prod follows `production`" in there
    back = " ".join(shop_review(grouped, EXPOSED).notes)
    assert "delete Application `shop-prod.serving`" in back


def test_an_environment_that_follows_a_tag_says_so() -> None:
    (note,) = shop_review(EXPOSED, EXPOSED.replace("2", "3")).notes
    assert note == "prod follows `production`: this happens there when it moves."


def test_what_clusters_have_to_have_is_told() -> None:
    pod = "{service_account: shop, image_pull_secrets: [pull]}"
    after = EXPOSED.replace("{expose", f"{{pod: {pod}, expose")
    notes = shop_review(EXPOSED, after).notes
    assert "Needed in prod before this is applied: Secret `pull`, service account `shop`." in notes


STORED = (
    "{project: shop, registry: registry.example.com, environments: {prod: {namespace: NS}}, STORE}"
)
JOBS = (
    "kind: python\nname: api\nspec:\n  python_version: PYTHON3_11\n"
    "  source: {code: 'def api(): ...', handler: api}\n---\n"
    "kind: container\nname: tiler\n"
    "spec: {image: 'registry.example.com/tiler:1', command: tile}\n---\n"
    "kind: python+job:run\nname: daily\nspec: {function: api}\n---\n"
    "kind: container+job:run\nname: plain\nspec: {function: tiler}\n---\n"
    "kind: container+job:run\nname: tiles\n"
    "spec: {function: tiler, outputs: {all: store://shop/artifact/artifact/all}}\n"
)


def stored(store: str, namespace: str = "shop", jobs: str = JOBS) -> Compilation:
    settings = STORED.replace("STORE", f"stores: {{default: {store}}}").replace("NS", namespace)
    return compile_tree(tree_of({"gitopsc.yaml": settings, "jobs.yaml": jobs}, "shop"))


def test_records_on_another_claim_are_no_records() -> None:
    """Nothing of what was done is there."""
    one, two = (stored(f"{{claim: {{name: {name}, size: 1Gi}}}}") for name in ("one", "two"))
    ran = {each.subject: each for each in compare(one, two).of("runs")}
    assert {"daily", "tiles"} <= ran.keys()
    (cause,) = ran["daily"].causes
    assert cause.text == "store default claim one -> claim two"
    assert cause.place is not None
    assert cause.place.path == "gitopsc.yaml"
    elsewhere = stored("{claim: {name: one, size: 1Gi}}", "other")
    assert {"daily", "tiles"} <= {each.subject for each in compare(one, elsewhere).of("runs")}
    url = compare(stored("s3://one"), stored("s3://one", "other"))
    assert "daily" not in {each.subject for each in url.of("runs")}


def test_a_run_that_moves_to_another_group_is_made_again() -> None:
    moved = JOBS
    for name in ("api}", "tiler}", "tiler, outputs: {all: store://shop/artifact/artifact/all}}"):
        moved = moved.replace(
            f"spec: {{function: {name}", f"spec: {{function: {name[:-1]}, gitops: {{group: web}}}}"
        )
    review = compare(stored("s3://one"), stored("s3://one", jobs=moved))
    assert {(each.verb, each.subject) for each in review.consequences} == {
        ("new job", "daily"),
        ("new job", "tiles"),
        ("runs", "plain"),
    }
    assert {each.text for one in review.consequences for each in one.causes} == {
        "group (none) -> web"
    }


def test_all_containers_of_a_pod_are_asked_for() -> None:
    more = JOBS.replace("outputs: {all", "resources: {cpu: 10m, mem: 16Mi}, outputs: {all")
    review = compare(stored("s3://one"), stored("s3://one", jobs=more))
    (demand,) = review.demands
    assert demand.asked["cpu"] == "110m"
    assert demand.asked["mem"] == "272Mi"


def test_what_another_environment_has_otherwise() -> None:
    """Targets, patches, waves, and how a store is opened."""
    settings = (
        "project: shop\nregistry: registry.example.com\n"
        "environments:\n  one: {namespace: a, stores: {default: s3://one}}\n"
        "  two:\n    namespace: b\n    target: argo-workflows\n    sync_waves: true\n"
        "    network: {restrict: true, allow: [ingress-nginx]}\n"
        "    stores: {default: {url: s3://one, options: {anon: true}}}\n"
        "    patches:\n      - target: {kind: Deployment, run: web}\n"
        "        merge: {spec: {minReadySeconds: 9}}\n"
        "    runs: {web: {gitops: {scale: {min: 2, max: 5}}}}\n"
    )
    web = (
        "---\nkind: python+serve:run\nname: web\n"
        "spec: {function: api, gitops: {scale: {min: 1, max: 5}},"
        " volumes: [{name: own, volume_type: persistent_volume_claim, mount_path: /own}]}\n"
    )
    both = compile_tree(tree_of({"gitopsc.yaml": settings, "jobs.yaml": JOBS + web}, "shop"))
    assert not has_errors(both.diagnostics), both.diagnostics
    found = compare_environments(both, both, ("one", "two"))
    told = {each.run: {cause.text for cause in each.causes} for each in found}
    assert told[None] == {
        "namespace a -> b",
        "new network restricted, open to ingress-nginx",
        "target kubernetes -> argo-workflows",
        "new sync waves true",
        "options of store default",
    }
    assert told["web"] == {
        "patch of its Deployment: spec.minReadySeconds",
        "gitops scale.min 1 -> 2",
    }
    assert told["daily"] == set()
