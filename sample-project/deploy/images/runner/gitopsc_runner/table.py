"""A data frame of pandas or polars -> a Parquet or CSV file, and back.

Neither library is the runner's: whichever the function brings is used.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gitopsc_runner.outcome import Unusable

_LIBRARIES = ("pandas", "polars")
_PARQUET_ENGINES = ("pyarrow", "fastparquet")
FORMATS = ("parquet", "csv")


def is_frame(value: object) -> bool:
    """Whether it is a data frame; a library that is not imported can have made none."""
    return any(
        name in sys.modules and isinstance(value, getattr(sys.modules[name], "DataFrame", ()))
        for name in _LIBRARIES
    )


def write_table(frame: Any, folder: Path, name: str) -> tuple[Path, Mapping[str, str]]:
    """Parquet where it can be written, else CSV; and what CSV does not keep of the columns' types.

    The index of a frame of pandas is left out, as on the platform. Raises Unusable for a frame
    that has no such form.
    """
    is_pandas = type(frame).__module__.partition(".")[0] == "pandas"
    as_parquet = not is_pandas or any(find_spec(each) for each in _PARQUET_ENGINES)
    path = folder / f"{name}.{'parquet' if as_parquet else 'csv'}"
    try:
        if not is_pandas:
            frame.write_parquet(path)
        elif as_parquet:
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False, lineterminator="\n")
    except OSError:
        raise
    except Exception as error:
        message = f"the table `{name}` cannot be written as {path.suffix[1:]}: {error}"
        raise Unusable(message) from error
    types = {} if as_parquet else {str(key): str(each) for key, each in frame.dtypes.items()}
    return path, types


def read_table(
    file: str, form: str, engine: str | None, types: Mapping[str, str], **options: Any
) -> Any:
    """A data frame. `engine` is pandas or polars, else whichever is there, pandas first.

    `types` are those that `write_table` gave; `options` go to the library's own reader.
    """
    name = engine or next((each for each in _LIBRARIES if find_spec(each)), None)
    if name not in _LIBRARIES:
        known = " or ".join(_LIBRARIES)
        raise Unusable(
            f"reading a table takes {known}: add one to the function's requirements"
            if name is None
            else f"`{name}` is no engine for tables; {known} is"
        )
    try:
        library = importlib.import_module(name)
    except ImportError:
        raise Unusable(f"`{name}` is not among the function's requirements") from None
    if form == "csv" and types:
        kept = _kept_by_pandas(types) if name == "pandas" else _kept_by_polars(types, library)
        options = {**kept, **options}
    return getattr(library, f"read_{form}")(file, **options)


def _kept_by_pandas(types: Mapping[str, str]) -> dict[str, Any]:
    """How pandas has to be told to read what it wrote: `NA` is a country, and `007` an agent."""
    dates = [name for name, each in types.items() if each.startswith("datetime64")]
    return {
        "dtype": {name: each for name, each in types.items() if name not in dates},
        "parse_dates": dates,
        "keep_default_na": False,
        "na_values": {
            name: [""] if each in ("object", "str", "string") else ["", "nan"]
            for name, each in types.items()
        },
    }


def _kept_by_polars(types: Mapping[str, str], polars: Any) -> dict[str, Any]:
    texts = [name for name, each in types.items() if each in ("object", "str", "string")]
    return {
        "schema_overrides": dict.fromkeys(texts, polars.String),
        "try_parse_dates": any(each.startswith("datetime64") for each in types.values()),
    }
