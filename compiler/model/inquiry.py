"""What a store is asked, and what it says of runs and of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

State = Literal["done", "failed", "waiting", "never", "ready"]


class Question(NamedTuple):
    """JSON for the runner. `schemes` are those of the URLs that it opens; `requirements` what it
    needs besides. One that `collects` may delete, and is for a program of its own."""

    content: Mapping[str, Any]
    schemes: tuple[str, ...]
    requirements: tuple[str, ...] = ()
    collects: bool = False


class StoredOutput(NamedTuple):
    """Data that a run has made. `size` is in bytes, None when the store does not say."""

    type: str
    name: str
    version: str | None
    path: str
    size: int | None
    is_there: bool = True


class Done(NamedTuple):
    """A record: when a run began, in seconds since 1970, how long it took, and what came of it."""

    tick: int | None
    compute: str
    begun: float | None
    seconds: float | None
    parameters: Mapping[str, Any]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, tick: int | None, record: Mapping[str, Any]) -> Done:
        """`values` are results, metrics, and metrics of models by the model's name."""
        values = dict(record["results"])
        for name, value in record["metrics"].items():
            values[f"{name} (metric)" if name in values else name] = value
        for name, entity in record["outputs"].items():
            values |= {f"{name}.{key}": value for key, value in entity["metrics"].items()}
        return cls(
            tick,
            record["compute"],
            record["begun"],
            record["seconds"],
            record["parameters"],
            values,
        )


class RunReport(NamedTuple):
    """How it stands with a run. `next` is when the clock starts it again; `last` are its last
    runs, the newest first; `serving` is what the replica serves that has switched last. `begun` is
    a try of whose end nothing is known; `newer` are keys of data newer than what was read. It is
    done, and `has_changed` since."""

    run: str
    state: State
    reason: str | None = None
    failure: Mapping[str, Any] | None = None
    done: Done | None = None
    outputs: tuple[StoredOutput, ...] = ()
    next: int | None = None
    last: tuple[Done, ...] = ()
    serving: Mapping[str, Any] | None = None
    begun: Mapping[str, Any] | None = None
    newer: tuple[str, ...] = ()
    has_changed: bool = False

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> RunReport:
        """`data` is as the runner says it."""
        record = data.get("record")
        return cls(
            run=data["run"],
            state=data["state"],
            reason=data.get("reason"),
            failure=data.get("failure"),
            done=Done.of(data.get("tick"), record) if record is not None else None,
            outputs=tuple(
                StoredOutput(
                    each["type"],
                    each["name"],
                    each["version"],
                    each["path"],
                    each["size"],
                    each["is_there"],
                )
                for each in data.get("outputs", ())
            ),
            next=data.get("next"),
            last=tuple(Done.of(each["tick"], each["record"]) for each in data.get("last", ())),
            serving=data.get("serving"),
            begun=data.get("begun"),
            newer=tuple(data.get("newer", ())),
            has_changed=data.get("has_changed", False),
        )
