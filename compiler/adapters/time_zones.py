"""Names of time zones -> whether there is such a zone, and whether it has summer time.

By the time zone database that `tzdata` brings: that of a machine may be another, or not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache


@cache
def time_zones() -> Sequence[str]:
    """All names, sorted."""
    from importlib.resources import files

    return sorted(files("tzdata").joinpath("zones").read_text("ascii").split())


@cache
def has_summer_time(zone: str) -> bool:
    """Whether clocks of a known zone are changed each year, as its file's last line has it.

    That is the rule for the future (RFC 8536 section 3.3): `CET-1CEST,M3.5.0,M10.5.0/3` has days.
    """
    from importlib.resources import files

    content = files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()
    return b"," in content.rstrip(b"\n").rpartition(b"\n")[2]
