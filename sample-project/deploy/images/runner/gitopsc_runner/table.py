"""A data frame of pandas or polars -> a Parquet or CSV file, and back.

Neither library is the runner's: whichever the function brings is used.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gitopsc_runner.outcome import Unusable

_LIBRARIES = ("pandas", "polars")
_PARQUET_ENGINES = ("pyarrow", "fastparquet")
FORMATS = ("parquet", "csv")
_TEXT = ("object", "str", "string")
_NO_NULLS = " without nulls"


def is_frame(value: object) -> bool:
    """Whether it is a data frame; a library that is not imported can have made none."""
    return any(_is_of(name, value) for name in _LIBRARIES)


def _is_of(library: str, value: object) -> bool:
    return isinstance(value, getattr(sys.modules.get(library), "DataFrame", ()))


def write_table(frame: Any, folder: Path, name: str) -> tuple[Path, Mapping[str, str]]:
    """Parquet where it can be written, else CSV; and what CSV does not keep of the columns' types.

    The index of a frame of pandas is left out, as on the platform. Raises Unusable for a frame
    that has no such form.
    """
    is_pandas = _is_of("pandas", frame)
    as_parquet = not is_pandas or _has_parquet()
    path = folder / f"{name}.{'parquet' if as_parquet else 'csv'}"
    try:
        if not is_pandas:
            frame.write_parquet(path)
        elif as_parquet:
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False, lineterminator="\n")
            types = _types(frame)
            _check_kept(frame, read_table(str(path), "csv", "pandas", types))
            return path, types
    except OSError:
        raise
    except Exception as error:
        for column, types_of_values in _mixed(frame) if is_pandas else ():
            mixed = f"the column `{column}` of the table `{name}` has values of {types_of_values}"
            raise Unusable(f"{mixed}: give it one type, such as by `.astype(str)`") from error
        reason = (str(error) or type(error).__name__).strip().split("\n")[0]
        message = f"the table `{name}` cannot be written as {path.suffix[1:]}: {reason}"
        hint = "" if as_parquet else "; with `pyarrow` among the requirements it is Parquet"
        raise Unusable(message + hint) from error
    return path, {}


def left_out(frame: Any, name: str) -> list[str]:
    """What is not written of a frame and says something: an index with names, or of text."""
    if not _is_of("pandas", frame):
        return []
    names = [str(each) for each in frame.index.names if each is not None]
    if not names and str(frame.index.dtype) not in _TEXT:
        return []
    called = f" ({', '.join(f'`{each}`' for each in names)})" if names else ""
    what = f"the index of the table `{name}`{called} is not stored"
    return [f"{what}: call `reset_index()` to make columns of it"]


def _mixed(frame: Any) -> Iterator[tuple[str, str]]:
    """Columns with values of several types, and which."""
    for column, values in frame.items():
        if str(values.dtype) == "object":
            found = sorted({type(each).__name__ for each in values.dropna()})
            if len(found) > 1:
                yield str(column), " and ".join((", ".join(found[:-1]), found[-1]))


def read_tables(
    files: Sequence[str],
    form: str,
    engine: str | None,
    types: Mapping[str, str],
    **options: Any,
) -> Any:
    """One data frame of files that have the same columns."""
    frames = [read_table(file, form, engine, types, **options) for file in files]
    if len(frames) == 1:
        return frames[0]
    library = sys.modules[type(frames[0]).__module__.partition(".")[0]]
    if library.__name__ == "pandas":
        return library.concat(frames, ignore_index=True)
    return library.concat(frames)


def read_table(
    file: str, form: str, engine: str | None, types: Mapping[str, str], **options: Any
) -> Any:
    """A data frame. `engine` is pandas or polars, else whichever is there, pandas first.

    `types` are those that `write_table` gave; `options` go to the library's own reader.
    """
    able = [each for each in _LIBRARIES if find_spec(each)]
    if form == "parquet" and not _has_parquet() and "polars" in able:
        able = ["polars"]
    name = engine or next(iter(able), None)
    if name not in _LIBRARIES:
        known = " or ".join(_LIBRARIES)
        raise Unusable(
            f"reading a table takes {known}: add one to the function's requirements"
            if name is None
            else f"`{name}` is not an engine for tables; use {known}"
        )
    try:
        library = importlib.import_module(name)
    except ImportError:
        raise Unusable(f"`{name}` is not among the function's requirements") from None
    if form == "csv" and types:
        kept = _kept_by_pandas(types) if name == "pandas" else _kept_by_polars(types, library)
        options = {**kept, **options}
    return getattr(library, f"read_{form}")(file, **options)


def _has_parquet() -> bool:
    """Whether pandas can write and read it; polars always can."""
    return any(find_spec(each) for each in _PARQUET_ENGINES)


def _kept_by_pandas(types: Mapping[str, str]) -> dict[str, Any]:
    """How pandas has to be told to read what it wrote: `NA` is a country, and `007` an agent."""
    dates = [name for name, each in types.items() if each.startswith("datetime64")]
    kept = {name: each.removesuffix(_NO_NULLS) for name, each in types.items()}
    return {
        "dtype": {name: each for name, each in kept.items() if name not in dates},
        "parse_dates": dates,
        "keep_default_na": False,
        "na_values": {
            name: [] if each.endswith(_NO_NULLS) else [""] for name, each in types.items()
        },
        "skip_blank_lines": False,
    }


def _types(frame: Any) -> dict[str, str]:
    """Of each column; of text also whether it has nulls, which are written as empty text is."""
    return {
        str(name): f"{column.dtype}"
        + (_NO_NULLS if str(column.dtype) in _TEXT and not column.isna().any() else "")
        for name, column in frame.items()
    }


def types_of_all(tables: Sequence[Mapping[str, str]], name: str) -> Mapping[str, str]:
    """Of the columns of tables that become one, from those of each. Text that has nulls in one of
    them may have them in all; where types differ, each file tells its own. Raises Unusable where a
    column is text in some only."""
    found: dict[str, str] = {}
    for column in sorted({column for types in tables for column in types}):
        own = {types[column] for types in tables if column in types}
        plain = {each.removesuffix(_NO_NULLS) for each in own}
        if len(plain) > 1 and plain & {*_TEXT}:
            raise Unusable(
                f"the shards make text and other things of the column `{column}` of `{name}`;"
                " with `pyarrow` among the requirements each says which"
            )
        if len(plain) == 1:
            found[column] = max(plain) if len(own) > 1 else max(own)
    return found


def _check_kept(frame: Any, found: Any) -> None:
    """Raises ValueError when CSV has lost or changed something."""
    if list(map(str, frame.columns)) != list(found.columns) or len(frame) != len(found):
        raise ValueError("CSV does not keep its rows or its columns' names")
    for name, column in frame.items():
        before, after = column.reset_index(drop=True), found[str(name)]
        same = (before == after) | (before.isna() & after.isna())
        if str(before.dtype) != str(after.dtype) or not bool(same.all()):
            raise ValueError(f"CSV does not keep the column `{name}`")


def _kept_by_polars(types: Mapping[str, str], polars: Any) -> dict[str, Any]:
    texts = [name for name, each in types.items() if each.removesuffix(_NO_NULLS) in _TEXT]
    return {
        "schema_overrides": dict.fromkeys(texts, polars.String),
        "try_parse_dates": any(each.startswith("datetime64") for each in types.values()),
    }
