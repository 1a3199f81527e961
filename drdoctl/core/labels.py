"""Labels of a matrix's combinations: words behind commas, such as `dpo,learning_rate=0.001,seed=1`."""

from __future__ import annotations

from drdoctl.core.words import SFT

OPENING, CLOSING = "([{", ")]}"


def parts(label: str) -> list[str]:
    """Return a label's words: `["e-dpo", "split=hard(quantile=0.3,by=rows)"]`; commas inside brackets part nothing."""
    found, depth = [""], 0
    for sign in label:
        depth += (sign in OPENING) - (sign in CLOSING)
        if sign == "," and depth <= 0:
            found.append("")
        else:
            found[-1] += sign
    return found


def called(label: str) -> str:
    """Return what a combination's student is called: its label; but `sft` and `sft,seed=1` are start models' names."""
    return f"align-{label}" if parts(label)[0] == SFT else label
