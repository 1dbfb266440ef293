"""What names of a script stand for as far as reading tells, and what the script makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gitopsc.adapters.python_statements import Statement
from gitopsc.model.source import Span

REST = "**"
"""The key of unknown arguments; no argument has such a name."""


class Unknown(NamedTuple):
    """What is known only at run time; `known` are the parts of a joined text that are written."""

    text: str
    known: str = ""


class Data(NamedTuple):
    """An entity by its name, of this project unless its key says another."""

    type: str
    name: str
    kind: str | None = None
    key: str | None = None


class FunctionRef(NamedTuple):
    name: str


class RunRef(NamedTuple):
    """`run`, or all that it makes."""

    function: str
    is_outputs: bool = False


class Project(NamedTuple):
    """The project of the script; a second one is told of where it is made."""


class WorkflowRef(NamedTuple):
    name: str


class Sdk(NamedTuple):
    """The platform's SDK, or what is imported from it."""

    name: str = ""


Entity = Data | FunctionRef | Project | RunRef | Sdk | WorkflowRef


class Bound(NamedTuple):
    """A method of an entity that is not called yet: `f.run`."""

    owner: Entity
    method: str


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """A function of the script; as a method of what it is called on. `defaults` are those of its
    parameters, `around` the names of the function that it is defined in."""

    definition: Statement
    owner: Instance | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)
    is_static: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """`others` are functions in it that are not plain methods, such as properties."""

    methods: Mapping[str, Own]
    others: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    of: Class
    attributes: dict[str, Any]


class Arguments(NamedTuple):
    """`more` is the text of arguments that are known only at run time: `**settings`."""

    positional: Sequence[Any]
    named: Mapping[str, Any]
    more: str = ""

    def keys(self, order: Sequence[str]) -> dict[str, Any]:
        """All by name; those that have none, by their place."""
        names = [*order, *(f"argument {n + 1}" for n in range(len(order), len(self.positional)))]
        found = {**dict(zip(names, self.positional, strict=False)), **self.named}
        return {**found, REST: Unknown(self.more)} if self.more else found

    def without_first(self) -> Arguments:
        return self._replace(positional=self.positional[1:])


@dataclass(slots=True)
class Made:
    """A function, data, a run or a trigger. `keys` are arguments of the call that made it, some of
    them `Unknown`; `of` is the function of a run or a trigger, `action` what a run does."""

    what: str
    name: str
    span: Span
    keys: dict[str, Any]
    kind: str = ""
    of: str = ""
    action: str = ""


@dataclass(slots=True)
class Script:
    """What a notebook makes, in its order. `project` is its name, if it says one; `workflows` are
    the sources of what is left out."""

    project: str | None = None
    workflows: set[str] = field(default_factory=set)
    made: list[Made] = field(default_factory=list)

    def of(self, what: str) -> list[Made]:
        return [each for each in self.made if each.what == what]


def merged(values: Iterable[Any], text: str) -> Any:
    """What it is where one of these is so: of an entity that may not be there, the entity, for what
    is done with it is done with that."""
    distinct: list[Any] = []
    for value in values:
        if not any(type(value) is type(each) and value == each for each in distinct):
            distinct.append(value)
    if len(distinct) == 1:
        return distinct[0]
    entities = [each for each in distinct if isinstance(each, Entity)]
    others = [each for each in distinct if each not in entities]
    is_one = len(entities) == 1 and all(
        each is None or isinstance(each, Unknown) for each in others
    )
    return entities[0] if is_one else Unknown(text)
