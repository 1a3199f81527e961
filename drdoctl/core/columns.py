"""Text in columns: the first to the left, all others to the right, as numbers stand."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, two spaces between columns. All rows have as many cells, and there is at least one.

    A width is the longest cell's; nothing follows the last character that shows.
    """
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
