"""Plan -> what people and tools read beside the manifests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitopsc.model.node_link import NodeLink, node_link
from gitopsc.model.plan import Plan
from gitopsc.model.requirement_list import required


def lineage_report(plan: Plan) -> NodeLink:
    """Neither lines nor digests: an edit elsewhere in a file changes no line of the report."""
    return node_link(
        [(plan.project, plan.lineage)],
        lambda span: {"file": span.path.removeprefix(plan.prefix)},
    )


def requirements_report(plan: Plan) -> Mapping[str, Any]:
    """`schemas/reports/requirements.schema.json` describes it."""
    return {"version": 1, "environments": required(plan)}
