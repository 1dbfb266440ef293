"""Plan -> what people and tools read beside the manifests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitopsc.model.plan import Plan


def lineage_report(plan: Plan) -> Mapping[str, Any]:
    """Neither lines nor digests: an edit elsewhere in a file changes no line of the report."""
    lineage = plan.lineage
    return {
        "project": plan.project,
        "nodes": [node._asdict() for node in lineage.nodes],
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "relation": edge.relation,
                "evidence": edge.evidence,
                "file": edge.span.path.removeprefix(plan.prefix),
            }
            for edge in lineage.edges
        ],
        "generations": [list(generation) for generation in lineage.generations],
    }
