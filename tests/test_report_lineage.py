"""What `gitopsc graph` prints: pictures, networkx' node-link form, GraphML, OpenLineage, a page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from conftest import CASES, ROOT, SAMPLE, tree_of
from gitopsc.cli import main
from gitopsc.pipeline import compile_tree
from gitopsc.report.openlineage import render_openlineage
from gitopsc.report.page import render_page
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

REPOS = [SAMPLE, *sorted(path for path in CASES.glob("*/repo"))]
VENDOR = ROOT / "tests" / "vendor"


def graph(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert main(["graph", *arguments]) == status
    return capsys.readouterr().out


def node_link(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return nx.node_link_graph(
        json.loads(graph(capsys, *arguments, "--format", "json")), edges="edges"
    )


# JSON and GraphML


@pytest.mark.parametrize("repo", REPOS, ids=lambda path: path.parent.name)
def test_json_fits_its_schema_and_is_networkx_own_form(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = json.loads(graph(capsys, str(repo), "--format", "json"))
    schema = json.loads((ROOT / "schemas" / "reports" / "graph.schema.json").read_text())
    Draft202012Validator(schema).validate(written)
    found = nx.node_link_graph(written, edges="edges")
    assert isinstance(found, nx.MultiDiGraph)
    again = nx.node_link_data(found, edges="edges")
    assert {**again, "edges": sorted(again["edges"], key=json.dumps)} == {
        **written,
        "edges": sorted(written["edges"], key=json.dumps),
    }
    assert all((repo / each["file"]).is_file() for each in written["edges"])
    runs = {node["id"] for node in written["nodes"] if node["type"] == "run"}
    assert {id_ for generation in written["graph"]["generations"] for id_ in generation} <= runs


def test_the_report_of_a_project_is_the_same_graph(capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads((SAMPLE / "deploy" / "reports" / "lineage.json").read_text())
    found = nx.node_link_graph(report, edges="edges")
    printed = node_link(capsys, str(SAMPLE))
    assert found.graph == printed.graph
    assert dict(found.nodes(data=True)) == dict(printed.nodes(data=True))
    assert sorted(found.edges()) == sorted(printed.edges())
    assert nx.has_path(found, "world-cities/run/cities-api", "world-cities/source/api")


def test_data_of_a_neighbour_is_one_node(capsys: pytest.CaptureFixture[str]) -> None:
    found = node_link(capsys, str(CASES / "many-projects" / "repo"))
    shared = [id_ for id_, node in found.nodes.items() if not id_.startswith(node["project"] + "/")]
    assert shared == []
    makers = {
        found.nodes[target]["project"]
        for node in found
        for target in nx.descendants(found, node)
        if found.nodes[node]["project"] != found.nodes[target]["project"]
    }
    assert makers  # what one project reads of another leads to its maker


def test_graphml_has_the_same_nodes_and_edges(capsys: pytest.CaptureFixture[str]) -> None:
    text = graph(capsys, str(SAMPLE), "--format", "graphml")
    found = nx.parse_graphml(text, force_multigraph=True)
    printed = node_link(capsys, str(SAMPLE))
    assert dict(found.nodes(data=True)) == dict(printed.nodes(data=True))
    assert sorted(found.edges()) == sorted(printed.edges())


@pytest.mark.slow
def test_all_formats_are_the_same_for_every_hash_seed() -> None:
    for form in ("json", "graphml", "mermaid", "dot", "openlineage", "html"):
        printed = {
            subprocess.run(
                [sys.executable, "-m", "gitopsc", "graph", str(SAMPLE), "--format", form],
                env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
                capture_output=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(printed) == 1, form


# Pictures


def test_dot(capsys: pytest.CaptureFixture[str]) -> None:
    dot = graph(capsys, str(SAMPLE), "--format", "dot")
    assert dot.startswith("digraph lineage {\n  rankdir=LR\n")
    assert '  run_announce [label="announce\\njob of announce" shape=box]\n' in dot
    assert "  run_download_cities -> dataitem_world_cities\n" in dot
    many = graph(capsys, str(CASES / "many-projects" / "repo"), "--format", "dot")
    assert many.count("subgraph cluster_") == 2
    assert many.count("{") == many.count("}")
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg", "-o/dev/null"], input=many, text=True, check=True)


def test_a_reduced_picture_has_no_shortcuts(capsys: pytest.CaptureFixture[str]) -> None:
    shortcut = "  dataitem_world_cities --> run_cities_api\n"
    assert shortcut in graph(capsys, str(SAMPLE))
    reduced = graph(capsys, str(SAMPLE), "--reduced")
    assert shortcut not in reduced
    assert "  dataitem_country_statistics --> run_cities_api\n" in reduced


# Selection


EARLIER = {"download-cities", "summarise-countries"}


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--select", "+summarise-countries"], {"download-cities", "summarise-countries"}),
        (["--select", "world-cities+"], {"summarise-countries", "cities-api"}),
        (["--select", "dataitem/country-statistics+"], {"cities-api"}),
        (["--select", "world-cities/function/announce+"], {"announce"}),
        (["--select", "+announce", "country-statistics+"], {"announce", "cities-api"}),
        (["--select", "download-cities+1"], {"download-cities"}),
        (
            ["--select", "download-cities+2"],
            {"download-cities", "summarise-countries", "cities-api"},
        ),
        (["--select", "2+cities-api"], {"cities-api", "download-cities", "summarise-countries"}),
        (
            ["--select", "@country-statistics"],
            {"cities-api", "download-cities", "summarise-countries"},
        ),
        (["--select", "kind:service"], {"cities-api"}),
        (["--select", "kind:python+serve:run"], {"cities-api"}),
        (["--select", "kind:job,+cities-api"], {"download-cities", "summarise-countries"}),
        (["--select", "*-c*s"], {"download-cities", "summarise-countries"}),
        (["--select", "path:runs/jobs.yaml,kind:run", "--exclude", "announce"], EARLIER),
        (["--select", "path:runs", "--exclude", "kind:service", "announce"], EARLIER),
        (["--exclude", "kind:run"], set()),
    ],
)
def test_selection(
    arguments: list[str], wanted: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = node_link(capsys, str(SAMPLE), *arguments)
    assert {node["name"] for node in found.nodes.values() if node["type"] == "run"} == wanted
    assert {id_ for each in found.graph["generations"] for id_ in each} == {
        f"world-cities/run/{name}" for name in wanted
    }


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("world-citties", "nothing is selected by `world-citties`; did you mean `world-cities`?"),
        ("kind:jobb", "nothing is selected by `kind:jobb`; did you mean `job`?"),
        ("label:x", "nothing is selected by `label:x`"),
        ("path:run/jobs.yaml", "did you mean `runs/jobs.yaml`?"),
        ("state:modified", "needs another state to compare with: `--base REF`"),
        ("state:modifed", "did you mean `modified`?"),
        ("+", "`+` is not a selector"),
        ("announce,", "`announce,` is not a selector"),
    ],
)
def test_what_selects_nothing(
    selector: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["graph", str(SAMPLE), "--select", selector]) == 2
    assert words in capsys.readouterr().err


def test_labels_and_states(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "sample"
    shutil.copytree(SAMPLE, root)
    who = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "x")):
        subprocess.run(["git", *command], cwd=root, check=True)
    jobs = root / "runs" / "jobs.yaml"
    labelled = jobs.read_text().replace(
        "name: announce\n", "name: announce\nmetadata: {labels: [team-geo]}\n"
    )
    jobs.write_text(labelled.replace("min_population: 100000", "min_population: 5"))
    (root / "runs" / "more.yaml").write_text(
        "kind: python+job:run\nname: more\nspec: {function: announce, parameters: {channel: x},"
        " secrets: [ANNOUNCE_TOKEN]}\n"
    )

    def chosen(*selectors: str) -> set[str]:
        found = node_link(capsys, str(root), "--base", "HEAD", "--select", *selectors)
        return {node["name"] for node in found.nodes.values() if node["type"] == "run"}

    assert chosen("label:team-geo") == {"announce"}
    assert chosen("state:new") == {"more"}
    downstream = {"download-cities", "summarise-countries", "cities-api"}
    assert chosen("state:modified") == {*downstream, "announce"}
    assert chosen("state:modified,kind:job") == {*EARLIER, "announce"}
    assert main(["graph", str(root), "--select", "state:new", "--base", "nowhere"]) == 2


# What is sound


def test_a_store_is_not_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project)
    settings = (project / "gitopsc.yaml").read_text()
    before, _, rest = settings.partition("stores:\n")
    (project / "gitopsc.yaml").write_text(before + rest[rest.index("environments:") :])
    assert main(["compile", str(project), "--check"]) == 1
    assert "C507" in capsys.readouterr().err
    assert "run_download_cities" in graph(capsys, str(project))


def test_errors_are_told_and_the_rest_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(SAMPLE, tmp_path / "project")
    (tmp_path / "project" / "runs" / "bad.yaml").write_text(
        "kind: python+job:run\nname: bad\nspec: {function: nobody}\n"
    )
    assert main(["graph", str(tmp_path / "project")]) == 1
    printed = capsys.readouterr()
    assert "C401" in printed.err
    assert "run_download_cities --> dataitem_world_cities" in printed.out


# OpenLineage


def validator(kind: str) -> Draft202012Validator:
    """The official schema of an event, with those of all facets that we write."""
    spec = json.loads((VENDOR / "openlineage-2-0-2.json").read_text())
    facets = [
        json.loads(path.read_text()) for path in (VENDOR / "openlineage-facets").glob("*.json")
    ]
    registry: Registry[Any] = Registry().with_resources(
        (each["$id"], Resource.from_contents(each)) for each in (spec, *facets)
    )
    return Draft202012Validator({"$ref": f"{spec['$id']}#/$defs/{kind}"}, registry=registry)


@pytest.mark.parametrize("repo", REPOS, ids=lambda path: path.parent.name)
def test_openlineage_events_are_valid(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (str(repo), "--format", "openlineage", "--event-time", "2026-01-31T12:00:00Z")
    events = [json.loads(line) for line in graph(capsys, *arguments).splitlines()]
    runs = json.loads(graph(capsys, str(repo), "--format", "json"))["graph"]["generations"]
    assert sum("job" in each for each in events) == sum(map(len, runs))
    for event in events:
        validator("JobEvent" if "job" in event else "DatasetEvent").validate(event)
        assert event["eventTime"] == "2026-01-31T12:00:00+00:00"
        described = event["job"] if "job" in event else event["dataset"]
        for facet in described["facets"].values():
            schema = facet["_schemaURL"].rpartition("/")[2]
            path = VENDOR / "openlineage-facets" / f"{schema}.json"
            assert facet["_schemaURL"].startswith(json.loads(path.read_text())["$id"])
            local = {"$ref": facet["_schemaURL"]}
            registry: Registry[Any] = validator("JobEvent")._registry  # type: ignore[attr-defined]
            Draft202012Validator(local, registry=registry).validate(facet)


def test_openlineage_of_the_sample(capsys: pytest.CaptureFixture[str]) -> None:
    printed = graph(capsys, str(SAMPLE), "--format", "openlineage").splitlines()
    events = {event["job"]["name"]: event for event in map(json.loads, printed) if "job" in event}
    data = {"namespace": "store://world-cities", "name": "dataitem/world-cities"}
    assert events["download-cities"]["outputs"] == [data]
    assert data in events["cities-api"]["inputs"]
    assert events["cities-api"]["job"]["facets"]["jobType"]["processingType"] == "SERVICE"


def test_events_have_the_time_of_the_commit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    shutil.copytree(SAMPLE, project)
    assert '"1970-01-01T00:00:00+00:00"' in graph(capsys, str(project), "--format", "openlineage")
    when = "2026-01-31T12:00:00+01:00"
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"],
    ):
        subprocess.run(
            ["git", *command],
            cwd=project,
            check=True,
            env={"PATH": "/usr/bin:/bin", "GIT_COMMITTER_DATE": when, "HOME": str(tmp_path)},
        )
    assert f'"{when}"' in graph(capsys, str(project), "--format", "openlineage")
    with pytest.raises(SystemExit):
        main(["graph", str(project), "--event-time", "yesterday"])


# The page


def data_of(page: str) -> Any:
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def test_the_page_has_what_a_reader_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    page = graph(capsys, str(SAMPLE), "--format", "html")
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    data = data_of(page)
    node = next(each for each in data["nodes"] if each["id"].endswith("run/summarise-countries"))
    assert ["descriptor", "runs/jobs.yaml:10"] in node["facts"]
    assert ["handler", "summarise, src/countries.py:7"] in node["facts"]
    assert {each["environment"] for each in node["objects"]} == {"staging", "production"}
    for each in node["objects"]:
        assert (SAMPLE / each["path"]).is_file()
        assert each["image"].startswith("registry.example.com/")
    ids = {each["id"] for each in data["nodes"]}
    assert {end for edge in data["edges"] for end in edge[:2]} <= ids


def test_no_value_leaves_its_place_in_the_page() -> None:
    name = "</script><script>alert(1)</script>&amp;<!--"
    function = {
        "kind": "python",
        "name": "f",
        "metadata": {"description": f"{name} https://me:hunter2-hunter2@example.com"},
        "spec": {
            "python_version": "PYTHON3_11",
            "requirements": ["x @ https://me:hunter2-hunter2@example.com/x.zip"],
            "source": {"code": "def f(a, password): ...\n", "handler": "f"},
        },
    }
    run = {
        "kind": "python+job:run",
        "name": "r",
        "metadata": {"description": "password=hunter2-hunter2"},
        "spec": {"function": "f", "parameters": {"a": name, "password": "hunter2-hunter2"}},
    }
    tree = tree_of({"f.json": json.dumps([function, run]), "gitopsc.yaml": "project: demo\n"})
    compilation = compile_tree(tree)
    page = render_page(compilation.programs, compilation)
    assert page.count("</script>") == 3
    assert "<!--" not in page.partition("<script")[2]
    facts = next(each["facts"] for each in data_of(page)["nodes"] if each["id"] == "demo/run/r")
    assert ["a", name] in facts
    assert "hunter2" not in page
    assert "hunter2" not in render_openlineage(compilation.programs, "2026-01-31T12:00:00Z")


def test_a_compile_imports_no_networkx() -> None:
    code = (
        "import sys; from gitopsc.cli import main; "
        f"status = main(['compile', {str(SAMPLE)!r}, '--check', '--no-cache']); "
        "sys.exit(status or 9 * ('networkx' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
