"""What became of the rows: counts for the report, and faults where bad rows may not be skipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.data import BadRow, Tally

SHOWN = 20
SHOWN_PLACES = 5
ALWAYS_DROPPED = frozenset({"tie", "no-preference", "not-tldr", "dialogues-differ"})
"""Codes of rows that are sound but are no pairs: left out and counted, whatever `data.bad_rows` says."""


class Ledger:
    """Counts by part and reason, and the first faults with their places."""

    def __init__(self, *, skip: bool) -> None:
        """`skip`: bad rows are left out and counted (`data.bad_rows: skip`)."""
        self.skip = skip
        self.read: dict[str, int] = {}
        self.tallies: dict[str, Tally] = {}
        self.long_references: dict[str, int] = {}
        """Rows kept without their reference, which is over the token limit."""
        self.noticed: dict[str, dict[str, int]] = {}
        """Part -> what is odd in rows that are kept -> how many."""
        self.noticed_at: dict[str, dict[str, list[str]]] = {}
        """The places of the first of them."""
        self.unread_fields: dict[str, dict[str, int]] = {}
        """Part -> fields of the source that nothing reads -> rows that have them."""
        self.faults: list[Fault] = []
        self.fault_count = 0

    def saw(self, part: str) -> None:
        """Count one row (or bad row) read."""
        self.read[part] = self.read.get(part, 0) + 1

    def tally(self, part: str) -> Tally:
        """Return a part's counts."""
        return self.tallies.setdefault(part, Tally())

    def drop(self, part: str, code: str, where: str, count: int = 1) -> None:
        """Count rows that are left out; `where` is the place of the first of them."""
        tally = self.tally(part)
        tally.drop(code, where)
        tally.dropped[code] += count - 1

    def notice(self, part: str, code: str, places: Sequence[str], count: int = 1) -> None:
        """Count rows that are kept and have something odd; `places` are those of the first."""
        counts = self.noticed.setdefault(part, {})
        counts[code] = counts.get(code, 0) + count
        shown = self.noticed_at.setdefault(part, {}).setdefault(code, [])
        shown += places[: SHOWN_PLACES - len(shown)]

    def bad(self, part: str, row: BadRow) -> None:
        """Count a row that cannot be used; it is a fault unless such rows may be skipped."""
        self.drop(part, row.code, row.where)
        if self.skip or row.code in ALWAYS_DROPPED:
            return
        self.fault_count += 1
        if len(self.faults) < SHOWN:
            file, _, line = row.where.rpartition(":")
            where = Where(file, int(line)) if file and line.isdigit() else Where(row.where)
            self.faults.append(Fault(row.code, row.message, where, row.hint))

    def raise_faults(self) -> None:
        """Raise a UserError with the first faults and the total, where there are any."""
        if not self.faults:
            return
        total = sum(self.read.values())
        shown = f"; the first {SHOWN} are shown" if self.fault_count > SHOWN else ""
        last = Fault(
            "bad-rows",
            f"{self.fault_count:,} of {total:,} rows cannot be used{shown}",
            hint="mend the rows, or add `--set data.bad_rows=skip` to leave them out and count them",
        )
        raise UserError([*self.faults, last])

    def as_dict(self, part: str) -> dict[str, Any]:
        """Return a part's counts as plain JSON."""
        counts = {"read": self.read.get(part, 0), "long_references": self.long_references.get(part, 0)}
        odd = {"noticed": self.noticed.get(part, {}), "noticed_examples": self.noticed_at.get(part, {})}
        return counts | self.tally(part).as_dict() | odd | {"unread_fields": self.unread_fields.get(part, {})}
