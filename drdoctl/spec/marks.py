"""Where things stand in a YAML text."""

from __future__ import annotations

from dataclasses import dataclass, field

from drdoctl.core.errors import Where

Key = tuple[str | int, ...]
"""A path into plain data: keys and indices."""


@dataclass
class Marks:
    """Where things stand in one text: path -> (line, column), 0-based, of each key and of each value."""

    file: str
    lines: list[str] = field(default_factory=list)
    keys: dict[Key, tuple[int, int]] = field(default_factory=dict)
    values: dict[Key, tuple[int, int]] = field(default_factory=dict)

    def where(self, path: Key, *, key: bool = False) -> Where:
        """Return the place of the value at `path` (of its key, with `key`), or of the nearest thing around it."""
        for end in range(len(path), 0, -1):
            here = path[:end]
            exact = end == len(path) and not key
            place = self.values.get(here) if exact else self.keys.get(here, self.values.get(here))
            if place is not None:
                return self.place(*place)
        return self.place(0, 0) if self.lines else Where(self.file)

    def has(self, path: Key) -> bool:
        """Whether something is written at `path`."""
        return path in self.values

    def place(self, line: int, column: int) -> Where:
        """Return a 0-based line and column as a `Where`."""
        text = self.lines[line] if line < len(self.lines) else ""
        return Where(self.file, line + 1, column + 1, text)
