"""Random edits of a project, against what design.md section 4a says that each kind of edit moves.

The table is written from the page, not from the code: a run's *compute* decides its result and all
downstream; its *object* (a Job's name, a pod template) is what Kubernetes does not let change.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
import yaml
from conftest import tree_of
from gitopsc.model.diagnostic import has_errors
from gitopsc.pipeline import compile_tree

pytestmark = pytest.mark.slow

State = dict[str, Any]
EDITS = 500 // 5

FOLDER = {
    "src/main.py": "import parts\n\n\ndef run(x=1, y=2):  # a\n    return parts.double(x)\n",
    "src/parts.py": "def double(x):\n    return 2 * x\n",
    "src/unused.py": "A = 1\n",
    "src/data.csv": "a,b\n",
    "src/README.md": "# A\n",
    "src/tests/check.py": "import main\n",
}
PROJECT: State = {
    "settings": {
        "project": "demo",
        "registry": "registry.example.com/a",
        "namespace": "one",
        "stores": {"default": {"url": "s3://data"}},
        "secrets": {"TOKEN": {"name": "tokens", "key": "a"}},
        "profiles": {"big": {"resources": {"requests": {"mem": "2Gi"}}, "envs": []}},
    },
    "functions": {
        "folder": {"source": {"source": "src", "handler": "main:run"}, "requirements": []},
        "file": {"source": {"source": "lib/one.py", "handler": "run"}, "requirements": []},
        "text": {
            "source": {
                "code": "def init(context, data): ...\n\n\ndef serve(context, event): ...  # a\n",
                "handler": "serve",
                "init_function": "init",
            },
            "requirements": [],
        },
    },
    "runs": {
        "first": {"kind": "python+job:run", "function": "folder", "outputs": {"a": "a"}},
        "second": {
            "kind": "python+job:run",
            "function": "file",
            "inputs": {"a": "store://demo/dataitem/dataitem/a"},
            "outputs": {"b": "b"},
            "profile": "big",
        },
        "third": {
            "kind": "python+serve:run",
            "function": "text",
            "init_parameters": {"data": "store://demo/dataitem/dataitem/b"},
            "replicas": 1,
        },
        "alone": {"kind": "python+job:run", "function": "file", "parameters": {"a": 1}},
        "nightly": {"kind": "scheduler", "function": "folder", "schedule": "0 0 5 * * ?"},
    },
    "files": {**FOLDER, "lib/one.py": "def run(a=1):  # a\n    return a\n"},
    "places": {},
}
DOWNSTREAM = {"first": {"second", "third"}, "second": {"third"}}
RUNS = tuple(PROJECT["runs"])
JOBS = ("first", "second", "alone", "nightly")
NOTHING: frozenset[str] = frozenset()


class Edit(NamedTuple):
    """What is done to a state; whose compute and whose object that moves, downstream apart."""

    do: Callable[[State, str], object]
    targets: tuple[str, ...]
    compute: bool = False
    object: bool = False
    everywhere: bool = False


def of(state: State, function: str) -> set[str]:
    return {name for name, run in state["runs"].items() if run["function"] == function}


def put(key: str, make: Callable[[Any], Any]) -> Callable[[State, str], object]:
    """A key of a run, from what it has."""

    def do(state: State, run: str) -> None:
        spec = state["runs"][run]
        home = spec.setdefault("template", {}) if spec["kind"] == "scheduler" else spec
        home[key] = make(copy.deepcopy(home.get(key)))

    return do


def of_function(key: str, make: Callable[[Any], Any]) -> Callable[[State, str], object]:
    def do(state: State, function: str) -> None:
        spec = state["functions"][function]
        spec[key] = make(copy.deepcopy(spec.get(key)))

    return do


def setting(*way: str, make: Callable[[Any], Any]) -> Callable[[State, str], object]:
    def do(state: State, _: str) -> None:
        home = state["settings"]
        for step in way[:-1]:
            home = home.setdefault(step, {})
        home[way[-1]] = make(copy.deepcopy(home.get(way[-1])))

    return do


def text(path: str, make: Callable[[str], str]) -> Callable[[State, str], object]:
    def do(state: State, _: str) -> None:
        state["files"][path] = make(state["files"][path])

    return do


def code(make: Callable[[str], str]) -> Callable[[State, str], object]:
    def do(state: State, _: str) -> None:
        source = state["functions"]["text"]["source"]
        source["code"] = make(source["code"])

    return do


count = iter(range(1, 1_000_000))


def new(*_: Any) -> int:
    return next(count)


def volume(kind: str, **more: Any) -> Callable[[Any], Any]:
    def make(found: Any) -> Any:
        number = new()
        more_ = {"volume_type": kind, "name": f"v{number}", "mount_path": f"/mnt/{number}"}
        return [*(found or []), {**more_, "spec": {**more}}]

    return make


def gitops(key: str, make: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda found: {**(found or {}), key: make()}


def resources(key: str, make: Callable[[], str]) -> Callable[[Any], Any]:
    return lambda found: {**(found or {}), key: make()}


def spelled(found: Any) -> list[str]:
    return [each.replace("==", " == ") for each in reversed(found or [])]


def requirement(found: Any) -> list[str]:
    return [*(found or []), f"package-{new()}==1.0"]


def memory(found: Any) -> Any:
    """The same amount, in another spelling."""
    known = (found or {}).get("mem", "256Mi")
    size = int(known[:-2]) * (1024 if known.endswith("Gi") else 1)
    other = f"{size}Mi" if known.endswith("Gi") or size % 1024 else f"{size // 1024}Gi"
    return {**(found or {}), "mem": other if other != known else known}


def named(path: str) -> Callable[[State, str], object]:
    """The descriptor of a run in another file."""

    def do(state: State, run: str) -> None:
        state["places"][run] = path.format(new())

    return do


FUNCTIONS = ("folder", "file", "text")
KINDS: Mapping[str, Edit] = {
    # What decides a result
    "a parameter": Edit(
        put("parameters", lambda found: {**(found or {}), "a": new()}), ("alone",), True, True
    ),
    "a parameter of a folder's function": Edit(
        put("parameters", lambda _: {"x": new()}), ("first", "nightly"), True, True
    ),
    "an init parameter": Edit(
        put("init_parameters", lambda found: {**found, "data": found["data"]}), ("third",)
    ),
    "a variable": Edit(
        put("envs", lambda found: [*(found or []), {"name": f"A{new()}", "value": "b"}]),
        RUNS,
        True,
        True,
    ),
    "a value of a variable": Edit(
        put("envs", lambda _: [{"name": "LEVEL", "value": str(new())}]), RUNS, True, True
    ),
    "a secret": Edit(put("secrets", lambda found: [*(found or []), f"S{new()}"]), RUNS, True, True),
    "rerun": Edit(put("gitops", gitops("rerun", lambda: str(new()))), JOBS, True, True),
    "a claim": Edit(
        put("volumes", volume("persistent_volume_claim", size="1Gi")), JOBS, True, True
    ),
    "a shared claim": Edit(
        put("volumes", volume("shared_volume", claimName="there")), JOBS, True, True
    ),
    "an output more": Edit(
        put("outputs", lambda found: {**(found or {}), f"o{new()}": f"o{new()}"}),
        ("first", "second", "alone"),
        True,
        True,
    ),
    "requirements": Edit(of_function("requirements", requirement), FUNCTIONS, True, True),
    "python": Edit(
        of_function(
            "python_version",
            lambda found: "PYTHON3_12" if found != "PYTHON3_12" else "PYTHON3_13",
        ),
        FUNCTIONS,
        True,
        True,
    ),
    "base image": Edit(
        of_function("base_image", lambda _: f"registry.example.com/base:{new()}"),
        FUNCTIONS,
        True,
        True,
    ),
    "code of the module": Edit(
        text("src/main.py", lambda found: f"{found}A{new()} = 1\n"), ("folder",), True, True
    ),
    "code of what it imports": Edit(
        text("src/parts.py", lambda found: f"{found}A{new()} = 1\n"), ("folder",), True, True
    ),
    "a data file beside": Edit(
        text("src/data.csv", lambda found: f"{found}{new()}\n"), ("folder",), True, True
    ),
    "code of a file": Edit(
        text("lib/one.py", lambda found: f"{found}A{new()} = 1\n"), ("file",), True, True
    ),
    "code in the descriptor": Edit(
        code(lambda found: f"{found}A{new()} = 1\n"), ("text",), True, True
    ),
    "a variable of a profile": Edit(
        setting("profiles", "big", "envs", make=lambda _: [{"name": "P", "value": str(new())}]),
        ("second",),
        True,
        True,
    ),
    # What Kubernetes does not let change, and decides no result
    "memory": Edit(  # of `second`, its profile says how much
        put("resources", resources("mem", lambda: f"{new()}Gi")),
        ("first", "third", "alone", "nightly"),
        object=True,
    ),
    "processor": Edit(put("resources", resources("cpu", lambda: f"{new()}m")), RUNS, object=True),
    "disk": Edit(put("resources", resources("disk", lambda: f"{new()}Gi")), RUNS, object=True),
    "node selector": Edit(
        put("node_selector", lambda _: [{"key": "zone", "value": f"z{new()}"}]), RUNS, object=True
    ),
    "toleration": Edit(
        put("tolerations", lambda _: [{"key": f"k{new()}", "operator": "Exists"}]),
        RUNS,
        object=True,
    ),
    "priority": Edit(put("priority_class", lambda _: f"p{new()}"), RUNS, object=True),
    "runtime class": Edit(put("runtime_class", lambda _: f"r{new()}"), RUNS, object=True),
    "scratch": Edit(put("volumes", volume("empty_dir", sizeLimit="1Gi")), RUNS, object=True),
    "ephemeral": Edit(put("volumes", volume("ephemeral", size="1Gi")), RUNS, object=True),
    "a comment": Edit(
        text("src/main.py", lambda found: found.replace("# ", "# a")), ("folder",), object=True
    ),
    "blank lines": Edit(text("src/parts.py", lambda found: f"{found}\n"), ("folder",), object=True),
    "a comment in a file": Edit(
        text("lib/one.py", lambda found: found.replace("# ", "# a")), ("file",), object=True
    ),
    "a comment in the descriptor": Edit(
        code(lambda found: found.replace("# ", "# a")), ("text",), object=True
    ),
    "registry": Edit(
        setting("registry", make=lambda _: f"registry.example.com/r{new()}"),
        RUNS,
        object=True,
        everywhere=True,
    ),
    "the store's address": Edit(
        setting("stores", "default", "url", make=lambda _: f"s3://data{new()}"),
        RUNS,
        object=True,
        everywhere=True,
    ),
    "accelerator": Edit(put("resources", resources("gpu", lambda: str(new()))), RUNS, object=True),
    "affinity": Edit(
        put("affinity", lambda _: {"nodeAffinity": {"x": [f"a{new()}"]}}), RUNS, object=True
    ),
    "a profile's memory": Edit(
        setting("profiles", "big", "resources", make=lambda _: {"requests": {"mem": f"{new()}Gi"}}),
        ("second",),
        object=True,
    ),
    "options of the store": Edit(
        setting("stores", "default", "options", make=lambda _: {"region": f"r{new()}"}),
        RUNS,
        object=True,
        everywhere=True,
    ),
    "output folder": Edit(
        setting("output", make=lambda _: f"out{new()}"), RUNS, object=True, everywhere=True
    ),
    # What is neither
    "description of a function": Edit(of_function("description", lambda _: f"d{new()}"), FUNCTIONS),
    "sources": Edit(setting("sources", make=lambda _: "fetch"), RUNS, everywhere=True),
    "description": Edit(put("description", lambda _: f"d{new()}"), RUNS),
    "a label": Edit(put("labels", lambda _: [f"l{new()}"]), RUNS),
    "another file": Edit(named("moved/{}.yaml"), RUNS),
    "readme": Edit(text("src/README.md", lambda found: f"{found}{new()}"), ("folder",)),
    "a test": Edit(text("src/tests/check.py", lambda found: f"{found}A = {new()}\n"), ("folder",)),
    "a module that nobody imports": Edit(
        text("src/unused.py", lambda found: f"{found}A = {new()}\n"), ("folder",)
    ),
    "requirements in another spelling": Edit(of_function("requirements", spelled), FUNCTIONS),
    "memory in another spelling": Edit(put("resources", memory), RUNS),
    "deadline": Edit(put("gitops", gitops("deadline", new)), JOBS),
    "what deletes a claim": Edit(put("gitops", gitops("on_delete", lambda: "keep")), JOBS),
    "replicas": Edit(put("replicas", lambda found: (found or 1) % 5 + 1), ("third",)),
    "service type": Edit(
        put("service_type", lambda found: "NodePort" if found != "NodePort" else "ClusterIP"),
        ("third",),
    ),
    "service name": Edit(put("service_name", lambda _: f"s{new()}"), ("third",)),
    "the schedule": Edit(
        lambda state, run: state["runs"][run].update(schedule=f"0 {new() % 60} 5 * * ?"),
        ("nightly",),
        object=True,
    ),
    "kubernetes": Edit(
        setting("kubernetes", make=lambda found: "1.36" if found != "1.36" else "1.35"),
        RUNS,
        everywhere=True,
    ),
    "sync waves": Edit(setting("sync_waves", make=lambda found: not found), RUNS, everywhere=True),
    "time zone": Edit(
        setting("time_zone", make=lambda found: "Asia/Tokyo" if not found else None),
        ("nightly",),
        object=True,
    ),
    "identity": Edit(setting("identity", make=lambda _: 2), RUNS, everywhere=True),
    "an include": Edit(setting("include", make=lambda _: ["*"]), RUNS, everywhere=True),
}


def files(state: State) -> dict[str, str]:
    settings = {key: each for key, each in state["settings"].items() if each is not None}
    found = {**state["files"], "gitopsc.yaml": json.dumps(settings)}
    for name, spec in state["functions"].items():
        whole = {"python_version": "PYTHON3_11", **spec}
        metadata = {"description": whole.pop("description", "a function")}
        found[f"functions/{name}.yaml"] = yaml.safe_dump(
            {"kind": "python", "name": name, "metadata": metadata, "spec": whole}
        )
    for name, run in state["runs"].items():
        spec = {key: each for key, each in run.items() if key != "kind"}
        template = spec.get("template", {})
        metadata = {
            key: home.pop(key)
            for home in (spec, template)
            for key in ("description", "labels")
            if key in home
        }
        document = {"kind": run["kind"], "name": name, "metadata": metadata, "spec": spec}
        found[state["places"].get(name, f"runs/{name}.yaml")] = yaml.safe_dump(document)
    return found


def measured(state: State) -> tuple[dict[str, str], dict[str, Any]]:
    compilation = compile_tree(tree_of(files(copy.deepcopy(state))))
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    computes = {
        resolved.name: resolved.compute
        for resolution in compilation.resolutions
        for resolved in resolution.runs
    }
    ((_, objects),) = compilation.objects
    templates = {
        str(each.run): (each.name if each.kind == "Job" else "", each.pod_template)
        for each in objects
        if each.pod_template is not None
    }
    return computes, templates


def expected(state: State, edit: Edit, target: str) -> tuple[set[str], set[str]]:
    """Whose compute and whose object moves: what is upstream of a run is in both of its own."""
    if edit.everywhere:
        own = set(RUNS)
    else:
        own = of(state, target) if target in state["functions"] else {target}
    compute = own if edit.compute else set()
    compute = compute | {each for run in compute for each in DOWNSTREAM.get(run, ())}
    return compute, compute | (own if edit.object else set())


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 60


@pytest.mark.parametrize("seed", range(5))
def test_random_edits_move_what_the_design_says(seed: int) -> None:
    chance = random.Random(seed)
    state = copy.deepcopy(PROJECT)
    before = measured(state)
    for number in range(EDITS):
        if number % 10 == 0:
            state = copy.deepcopy(PROJECT)
            before = measured(state)
        kind = chance.choice(sorted(KINDS))
        edit = KINDS[kind]
        target = chance.choice(edit.targets)
        after_state = copy.deepcopy(state)
        edit.do(after_state, target)
        after = measured(after_state)
        compute, objects = expected(after_state, edit, target)
        assert {run for run in RUNS if before[0][run] != after[0][run]} == compute, (kind, target)
        assert {run for run in RUNS if before[1][run] != after[1][run]} == objects, (kind, target)
        state, before = after_state, after


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_of_edit(kind: str) -> None:
    edit = KINDS[kind]
    for target in edit.targets:
        state = copy.deepcopy(PROJECT)
        edit.do(state, target)
        before, after = measured(PROJECT), measured(state)
        compute, objects = expected(state, edit, target)
        assert {run for run in RUNS if before[0][run] != after[0][run]} == compute, target
        assert {run for run in RUNS if before[1][run] != after[1][run]} == objects, target
