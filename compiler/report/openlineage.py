"""Lineage -> OpenLineage events, one a line: a JobEvent for each run, a DatasetEvent for each data.

Both are of the standard's static metadata, version 2-0-2: what is declared, and no run's times. A
job's namespace is its project; data is called by its key, `store://<project>` and `<type>/<name>`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gitopsc.model.credentials import masked
from gitopsc.model.descriptor import DataDescriptor, Descriptor
from gitopsc.model.node_link import unique_id
from gitopsc.model.program import Lineage, Node, Program, Run
from gitopsc.model.store import scheme_of
from gitopsc.report.lineage import DATA

_PRODUCER = "urn:gitopsc:compiler"
_SPEC = "https://openlineage.io/spec"
_SCHEMA = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/"
_FACETS = {
    "DatasetTypeDatasetFacet": "1-0-1",
    "DatasetVersionDatasetFacet": "1-0-1",
    "DatasourceDatasetFacet": "1-0-1",
    "DocumentationDatasetFacet": "1-1-0",
    "DocumentationJobFacet": "1-1-0",
    "JobTypeJobFacet": "2-0-4",
}
"""The versions of the facets' schemas."""

Facet = dict[str, Any]
_Datasets = dict[str, list[dict[str, str]]]


def render_openlineage(programs: Iterable[Program], event_time: str) -> str:
    """`event_time` is of all events, in RFC 3339: the standard requires one of each."""
    events = [event for program in programs for event in _events(program, event_time)]
    return "".join(f"{json.dumps(event, sort_keys=True)}\n" for event in events)


def _events(program: Program, event_time: str) -> Iterator[dict[str, Any]]:
    project, lineage = program.project.name, program.lineage
    declared = {(each.name, each.id): each for each in program.project.entities.data}
    drawn = {node.id for node in lineage.nodes}
    reads, makes = _flows(project, lineage)
    for run in sorted(program.runs, key=lambda run: run.name):
        node = f"run/{run.name}"
        if node in drawn:
            yield {
                **_head("JobEvent", event_time),
                "job": {"namespace": project, "name": run.name, "facets": _job_facets(run)},
                "inputs": reads.get(node, []),
                "outputs": makes.get(node, []),
            }
    for each in lineage.nodes:
        if _is_data(each) and not each.id.startswith("store://"):
            _, _, version = each.id.partition(":")
            facets = _data_facets(each, declared.get((each.name, version or None)))
            yield {
                **_head("DatasetEvent", event_time),
                "dataset": {**_dataset(project, each), "facets": facets},
            }


def _head(kind: str, event_time: str) -> dict[str, str]:
    return {"eventTime": event_time, "producer": _PRODUCER, "schemaURL": f"{_SCHEMA}{kind}"}


def _is_data(node: Node) -> bool:
    return node.type in DATA and node.type != "unknown"


def _flows(project: str, lineage: Lineage) -> tuple[_Datasets, _Datasets]:
    """By the nodes of runs, what each reads and what each makes."""
    nodes = {node.id: node for node in lineage.nodes if _is_data(node)}
    reads: _Datasets = {}
    makes: _Datasets = {}
    for edge in lineage.edges:
        flows, run, data = reads, edge.source, edge.target
        if edge.relation == "produced_by":
            flows, run, data = makes, edge.target, edge.source
        if data in nodes and edge.relation in ("consumes", "produced_by"):
            dataset = _dataset(project, nodes[data])
            found = flows.setdefault(run, [])
            if dataset not in found:
                found.append(dataset)
    return reads, makes


def _dataset(project: str, node: Node) -> dict[str, str]:
    """A version is a facet: the standard has one name for all versions."""
    home, _, name = unique_id(project, node).partition("/")
    return {"namespace": f"store://{home}", "name": name.partition(":")[0]}


def _job_facets(run: Run) -> Mapping[str, Facet]:
    is_service = run.action == "serve"
    facets = {
        "jobType": _facet(
            "JobTypeJobFacet",
            processingType="SERVICE" if is_service else "BATCH",
            integration="GITOPSC",
            jobType="SERVICE" if is_service else "JOB",
        )
    }
    return facets | _documentation("DocumentationJobFacet", run.descriptor)


def _data_facets(node: Node, declared: DataDescriptor | None) -> Mapping[str, Facet]:
    facets: dict[str, Facet] = {}
    if node.type != "data":
        kind = declared.kind if declared is not None else node.type
        facets["datasetType"] = _facet("DatasetTypeDatasetFacet", datasetType=kind.upper())
    if version := node.id.partition(":")[2]:
        facets["version"] = _facet("DatasetVersionDatasetFacet", datasetVersion=version)
    if declared is not None:
        facets |= _documentation("DocumentationDatasetFacet", declared)
        path = declared.spec.path
        if path is not None and scheme_of(path):
            facets["dataSource"] = _facet(
                "DatasourceDatasetFacet", name=node.name, uri=masked(path)
            )
    return facets


def _documentation(kind: str, descriptor: Descriptor) -> dict[str, Facet]:
    text = descriptor.metadata.get("description")
    if not isinstance(text, str) or not text:
        return {}
    return {"documentation": _facet(kind, description=masked(text))}


def _facet(kind: str, **values: str) -> Facet:
    schema = f"{_SPEC}/facets/{_FACETS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": _PRODUCER, "_schemaURL": schema, **values}
