"""Kubernetes quantities: `500m`, `2`, `1.5Gi`, `1e3` -> numbers that can be compared."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_QUANTITY = re.compile(r"([0-9.]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")
_UNITS = {
    "": Decimal(1),
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{unit: Decimal(1000) ** -power for power, unit in enumerate("mun", 1)},
}


@lru_cache(maxsize=10_000)
def amount(quantity: str) -> Decimal:
    """The number that a quantity stands for; its schema has accepted it."""
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError(f"not a quantity: {quantity}")
    number, unit = Decimal(match[1]), match[2] or ""
    factor = _UNITS.get(unit)
    return number * (Decimal(f"1{unit}") if factor is None else factor)


@lru_cache(maxsize=10_000)
def canonical(quantity: str) -> str:
    """One text for each amount, so that no two spellings of it make two objects.

    The shortest with a whole number. What is finer than a nano is rounded up, as in Kubernetes.
    """
    number = amount(quantity)
    if number == 0:
        return "0"
    counts = {unit: number / size for unit, size in _UNITS.items()}
    whole = [f"{int(count)}{unit}" for unit, count in counts.items() if count == int(count)]
    if whole:
        return min(whole, key=len)
    return f"{int(counts['n'].to_integral_value(ROUND_CEILING))}n"
