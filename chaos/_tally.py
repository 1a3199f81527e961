"""What a soak came to, as text: one line a fault, then the sums."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from chaos._hit import Hit
from chaos._world import CHECKPOINT_STEPS


def line(number: int, kind: str, hit: Hit) -> str:
    """Return a fault in one line, and what was wrong in lines below it."""
    ended = "goes on" if hit.exit is None else f"exit {hit.exit}"
    parts = [ended]
    if hit.gone is not None:
        parts.append(f"gone in {hit.gone:.1f} s")
    if hit.redone is not None:
        parts.append(f"{hit.redone} steps again")
    if hit.said:
        parts.append(hit.said)
    text = f"{number:4d}  {kind:<34}  {hit.place:<32}  {', '.join(parts)}"
    return "\n".join([text, *(f"      WRONG: {what}" for what in hit.wrong)])


def share(values: Sequence[float], part: float) -> float:
    """Return the value that a part of all values does not exceed."""
    return sorted(values)[math.ceil(part * len(values)) - 1]


def summary(had: Sequence[tuple[str, Hit]], rounds: Sequence[tuple[int, list[str]]]) -> str:
    """Return the sums. `rounds`: how many artifacts were compared in each, and what differed."""
    hits = [hit for _, hit in had]
    wrong = sum(bool(hit.wrong) for hit in hits)
    mended = sum(hit.exit == 5 and not hit.wrong for hit in hits)
    lines = [f"{count:4d}  {kind}" for kind, count in sorted(Counter(kind for kind, _ in had).items())]
    again = [hit.redone for hit in hits if hit.redone is not None and hit.exit in (-9, 1)]
    gone = [hit.gone for hit in hits if hit.gone is not None]
    struck = Counter(hit.place.partition(",")[0] for hit in hits)
    lines += ["", "where they struck: " + ", ".join(f"{place} {count}" for place, count in sorted(struck.items()))]
    if again:
        lines.append(
            f"steps taken again after a kill: p50 {share(again, 0.5)}, p95 {share(again, 0.95)}, most {max(again)}, "
            f"of {len(again)} kills during training; a checkpoint every {CHECKPOINT_STEPS}"
        )
    if gone:
        lines.append(f"seconds until no process was left: p50 {share(gone, 0.5):.1f}, most {max(gone):.1f}")
    compared, differ = sum(count for count, _ in rounds), [what for _, found in rounds for what in found]
    lines += [
        f"faults survived: {len(hits) - wrong} of {len(hits)}; of those, by the remedy that an error printed: {mended}",
        f"equal to the undisturbed run: {'no' if differ else 'yes'}, {compared} artifacts in {len(rounds)} rounds",
        *(f"  WRONG: {what}" for what in differ),
    ]
    return "\n".join(lines)
