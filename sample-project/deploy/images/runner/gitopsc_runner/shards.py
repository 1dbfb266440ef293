"""What the shards of a job have made -> what the job has made.

The outputs of one name become one: a folder with what each shard has made of it, which `as_df`
reads as one table. Results and metrics become lists. All are in the order of the shards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gitopsc_runner.outcome import Unusable
from gitopsc_runner.store import Entity, Record, Store
from gitopsc_runner.table import types_of_all

_INDEX = "JOB_COMPLETION_INDEX"
"""A variable of the pods of an indexed Job."""


def own_shards(count: int) -> Sequence[int]:
    """That of this pod; on a laptop, all."""
    own = os.environ.get(_INDEX, "")
    if own.isdecimal() and int(own) < count:
        return (int(own),)
    return range(count)


def gathered(store: Store, shards: Sequence[Record]) -> Record:
    """Raises Unusable where the shards do not fit together."""
    names = sorted({name for shard in shards for name in shard.outputs})
    begun = [shard.begun for shard in shards if shard.begun is not None]
    return replace(
        shards[0],
        outputs={name: _joined(store, name, shards) for name in names},
        results=_lists([shard.results for shard in shards]),
        metrics=_lists([shard.metrics for shard in shards]),
        saved={key: noted for shard in shards for key, noted in shard.saved.items()},
        begun=min(begun, default=None),
        seconds=max((shard.seconds or 0 for shard in shards), default=None),
    )


def _joined(store: Store, name: str, shards: Sequence[Record]) -> Entity:
    made = [
        (index, each.outputs[name]) for index, each in enumerate(shards) if name in each.outputs
    ]
    first = made[0][1]
    for index, entity in made:
        if (entity.type, entity.kind, entity.name) != (first.type, first.kind, first.name):
            raise Unusable(f"shard {index} has made something else of the output `{name}`")
        if "://" in entity.path:
            raise Unusable(f"shard {index} has its output `{name}` outside of the store")
    path = store.gather([(index, entity.path) for index, entity in made], first.type, first.name)
    types = types_of_all([entity.types for _, entity in made], name)
    metrics = _lists([entity.metrics for _, entity in made])
    return replace(first, path=path, types=types, metrics=metrics)


def _lists(values: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    names = sorted({name for each in values for name in each})
    return {name: [each.get(name) for each in values] for name in names}
