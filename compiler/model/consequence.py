"""What merging a change does in clusters, and why: values that a review is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from gitopsc.model.source import Span

ObjectVerb = Literal["created", "pruned", "kept", "patched", "rolled", "scaled", "refused"]
"""What happens to one object. What is `kept` is named by nothing any more, and no controller prunes
it."""

Verb = Literal[
    "refused",
    "deletes",
    "keeps",
    "runs",
    "rolls",
    "scales",
    "starts",
    "schedules",
    "reschedules",
    "new job",
    "builds",
    "patches",
]
"""What happens to a run, an image or a claim. A `new job` finds its work done."""

VERBS: tuple[Verb, ...] = get_args(Verb)
"""In the order in which a review tells them."""

_DATA = "deletes-data"
_BUDGET = "over-budget"
CLASSES = (*VERBS, _DATA, _BUDGET)
"""What a change may be called by, so that it fails or gets a label."""

Subject = Literal[
    "build",
    "claim",
    "environment",
    "external secret",
    "image",
    "job",
    "object",
    "schedule",
    "service",
]

Reason = Literal[
    "new",
    "removed",
    "source",
    "requirements",
    "parameters",
    "inputs",
    "resources",
    "settings",
    "upstream",
    "template",
]


class ObjectChange(NamedTuple):
    """An object that is not the same on both sides. `run` is the one that it is of, if it is of
    one; `fields` are the ways to what differs, and `strategy` is how a Deployment rolls."""

    project: str
    environment: str
    kind: str
    name: str
    verb: ObjectVerb
    run: str | None = None
    fields: tuple[str, ...] = ()
    strategy: str | None = None


class Cause(NamedTuple):
    """Why something happens: `text` says what was and what is, `place` where it is written now, or
    was. Of `upstream`, `makers` are the runs whose data is made again."""

    reason: Reason
    text: str
    place: Span | None = None
    makers: tuple[str, ...] = ()


class Consequence(NamedTuple):
    """What happens to a run of a project, or to `subject`, in some environments, and why.

    `parent` is the run of which it is a consequence, or whose object it is; `note` is what is worth
    knowing besides.
    """

    verb: Verb
    project: str
    subject: str
    kind: Subject
    environments: tuple[str, ...]
    causes: tuple[Cause, ...] = ()
    parent: str | None = None
    note: str = ""


class Difference(NamedTuple):
    """What a run has otherwise in one environment than in another; nothing where it is the same.
    Without a run, it is of all of the project's."""

    project: str
    run: str | None
    causes: tuple[Cause, ...]


class Demand(NamedTuple):
    """What the pods of jobs that start together ask for, in quantities of `cpu`, `mem` and `gpu`.
    `budget` is what the settings allow, where they say, and `over` of what there is too much."""

    project: str
    environment: str
    jobs: int
    asked: Mapping[str, str]
    budget: Mapping[str, str]
    over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """All that a change does. `unchanged` are runs of which nothing changes; `notes` are sentences
    of what else it brings, and `warnings` of how sure all this is; `stale` are objects that differ
    between what the base has committed and what it compiles to: they are no part of the change.
    `unmade` are files of the output that no compile of the descriptors makes as they are."""

    consequences: tuple[Consequence, ...]
    objects: tuple[ObjectChange, ...]
    demands: tuple[Demand, ...] = ()
    unchanged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    stale: tuple[ObjectChange, ...] = ()
    unmade: tuple[str, ...] = ()

    def of(self, verb: Verb) -> tuple[Consequence, ...]:
        return tuple(each for each in self.consequences if each.verb == verb)

    @property
    def classes(self) -> Mapping[str, int]:
        """How often each happens, in the order of `CLASSES`: to runs, images, claims and so on;
        none that does not happen."""
        found: dict[str, int] = {}
        for verb in VERBS:
            found[verb] = len({(each.project, each.kind, each.subject) for each in self.of(verb)})
        found[_DATA] = len([each for each in self.of("deletes") if each.kind == "claim"])
        found[_BUDGET] = len([each for each in self.demands if each.over])
        return {name: count for name, count in found.items() if count}
