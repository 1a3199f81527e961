"""Figures of the data report, and the error where no pair is left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from drdoctl.core.errors import UserError
from drdoctl.data._ledger import Ledger
from drdoctl.data._marks import Marks

if TYPE_CHECKING:
    import numpy as np

OTHERS = re.compile(r"-(oracle|judge_[0-9a-f]{8})$")
"""What a count's code ends with where another tokenizer than the student's makes a row too long."""
REMEDIES = {
    "long-prompt": "raise `data.max_prompt_tokens` (now {max_prompt_tokens})",
    "long-pair": "raise `data.max_tokens` (now {max_tokens})",
    "in-eval": "take prompts out of the evaluation part that are also trained on",
    "split": "use a wider `data.split`, such as `all`",
    "tie": "use annotations that prefer one of the two",
}


def part_figures(marks: Marks, rows: np.ndarray) -> dict[str, Any]:
    """Return the counts and lengths of some rows, in the student's tokens, end tokens included."""
    import numpy as np

    lengths = {name: marks.numpy(f"{name}_tokens")[rows] for name in ("prompt", "chosen", "rejected")}
    figures: dict[str, Any] = {
        "rows": len(rows),
        "prompts": len(np.unique(marks.numpy("prompt")[rows])),
        "tokens": int(sum(values.sum() for values in lengths.values())),
    }
    for name, values in lengths.items():
        if values.any():
            figures[f"{name}_tokens"] = {"mean": round(float(values.mean()), 2), "max": int(values.max())}
    together = sum(lengths.values())
    if len(rows):
        figures["pair_tokens"] = {
            "mean": round(float(together.mean()), 2),
            "sd": round(float(together.std()), 2),
            "max": int(together.max()),
        }
    for name in ("confidence", "edit_distance"):
        known = marks.numpy(name)[rows]
        known = known[~np.isnan(known)]
        figures[f"mean_{name}"] = round(float(known.mean()), 6) if known.size else None
    return figures


def raise_no_rows(part: str, ledger: Ledger, data: Mapping[str, Any]) -> NoReturn:
    """Raise a UserError that says what became of all rows of a part, and what to change first."""
    dropped = sorted(ledger.tally(part).dropped.items(), key=lambda item: (-item[1], item[0]))
    counts = ", ".join(f"{count:,} {code}" for code, count in dropped) or "all of them held out for evaluation"
    worst = OTHERS.sub("", dropped[0][0]) if dropped else ""
    remedy = REMEDIES.get(worst, "mend the rows that are named in the counts, or use another file")
    raise UserError(
        f"no row is left for `{part}` of {ledger.read.get(part, 0):,} rows: {counts}",
        code="no-rows",
        hint=remedy.format(**data),
    )
