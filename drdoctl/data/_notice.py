"""What is odd in rows that are kept: counted in the data report with the first places, and never a fault."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from drdoctl.data import Row
from drdoctl.data._ledger import SHOWN_PLACES, Ledger
from drdoctl.data._marks import hash_text
from drdoctl.data._render import Renderer
from drdoctl.data._work import work_value

if TYPE_CHECKING:
    import numpy as np

REPEATED_PROMPT, REPEATED_ROW = "repeated-prompt", "repeated-row"
CONTROL, ONLY_CONTROL = "special-tokens", "only-special-tokens"
NUL = "nul-character"


class Repeats:
    """Which rows of a work file say what an earlier one said: 8 bytes a row, and 17 more while they are sorted."""

    def __init__(self) -> None:
        """Start with no rows."""
        self._rows = array("Q")

    def add(self, row: Row, prompt: int) -> None:
        """Note a row that is kept; `prompt` is its prompt's hash."""
        self._rows.append(hash_text(f"{prompt}\0{row.chosen or ''}\0{row.rejected or ''}"))

    def tell(self, prompts: array[int], path: Path, part: str, ledger: Ledger) -> None:
        """Count the rows whose prompt, and those whose prompt and responses, an earlier row of the file has."""
        for code, hashes in ((REPEATED_PROMPT, prompts), (REPEATED_ROW, self._rows)):
            again = _later(hashes)
            if len(again):
                places = [work_value(path, "where", int(row)) for row in again[:SHOWN_PLACES]]
                ledger.notice(part, code, places, len(again))


def _later(hashes: array[int]) -> np.ndarray:
    """Return the places, ascending, of values that were there before."""
    import numpy as np

    values = np.frombuffer(hashes, dtype=np.uint64)
    order = values.argsort(kind="stable")
    values = values[order]
    return np.sort(order[1:][values[1:] == values[:-1]])


def look(row: Row, renderer: Renderer, *, special: bool) -> list[str]:
    """Return what is odd in one row; `special`: its texts spell a special token."""
    found = [NUL] if any("\0" in text for text in row.texts) else []
    if special:
        bare = any(not renderer.without_special(text).strip() for text in row.texts)
        found.append(ONLY_CONTROL if bare else CONTROL)
    return found
