"""Cells -> lines below one another, and bytes as people read them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence


def table(rows: Sequence[Sequence[str]], texts: Container[int] = (0,)) -> Iterator[str]:
    """Cells below one another: columns that are `texts` to the left, others, numbers, to the
    right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if index in texts else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def size_of(size: int) -> str:
    """Bytes as people read them."""
    number, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
