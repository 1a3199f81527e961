"""The chosen responses lose probability while the student is aligned.

On separable pairs DPO does so without end, and the mass may go to responses that no pair shows (Fisch et al.,
arXiv 2405.19316). It is a fault only where samples get worse: in the generated world DPO's chosen log-probability falls
by 7 nats while its samples come close to the best there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import stdev

from drdoctl.doctor.case import Case, Evidence, Finding
from drdoctl.doctor.findings._rate import rate_now
from drdoctl.doctor.findings._samples import verdict
from drdoctl.doctor.window import Window

KINDS = ("align",)
FALL = 0.1
"""A fall by more than this share of the start is told: batches alone differ by a few hundredths of it."""
NATS = 1.0
"""And by more than this: less is noise for responses of a few tokens."""
FAR = 1.25
"""Where nobody judged the samples, a fall by more than this share of the start is a warning: sound students of the
generated world lost up to 1.14 of it (DPO at 1e-3), DPO that a learning rate of 3e-3 broke 1.3 to 1.6."""
NOISE = 2.0
"""And by more than so many standard errors: with few steps, one batch's responses are easier than another's."""
EACH = "_per_token"
"""What the metrics' names end in where they are of a token: lengths differ from batch to batch."""


def look(case: Case) -> Iterator[Finding]:
    """Yield one finding; how bad it is depends on the samples."""
    start, end = case.start, case.end
    if start is None or end is None or not (start.has("chosen_logp") and end.has("chosen_logp")):
        return
    each = EACH if start.has(f"chosen_logp{EACH}") and end.has(f"chosen_logp{EACH}") else ""
    chosen, rejected = names = f"chosen_logp{each}", f"rejected_logp{each}"
    before, after = start.mean(chosen), end.mean(chosen)
    drop = before - after
    nats = drop * start.mean("chosen_logp") / before if before else 0.0
    if nats < NATS or drop < max(FALL * abs(before), NOISE * _error(start, end, chosen)):
        return
    unit = "nats a token" if each else "nats"
    said = f"the chosen responses' log-probability fell from {before:.{2 if each else 1}f} to "
    said += f"{after:.{2 if each else 1}f} {unit}"
    both = start.mean(rejected) - end.mean(rejected)
    if both > drop:
        said += (
            f", the rejected ones' by more ({both:.{2 if each else 1}f}): mass moves to responses that no pair shows"
        )
    logged = [name for name in names if start.has(name) and end.has(name)]
    judged = verdict(case)
    evidence: tuple[Evidence, ...] = (case.logged(start, *logged), case.logged(end, *logged))
    if judged is None:
        advice = (
            f"look whether samples got worse (`evaluate:` with `win-rate` against `sft`); if so, lower {rate_now(case)}"
        )
        far = drop > FAR * abs(before)
        yield Finding("warning" if far else "note", said, advice, evidence)
        return
    evidence = (*evidence, judged.evidence)
    if judged.worse:
        stops = "or take a loss that stops: `ipo`, `p-dpo`, or one that distils"
        advice = f"lower {rate_now(case)}, {stops}"
        yield Finding("fault", f"{said}, and its samples are worse than the start model's: {judged}", advice, evidence)
    elif judged.better:
        advice = "nothing to mend while samples stay this good"
        yield Finding("note", f"{said}; its samples are better than the start model's: {judged}", advice, evidence)
    else:
        advice = f"lower {rate_now(case)}, or give it fewer steps"
        said += f", and its samples are not seen to be better than the start model's: {judged}"
        yield Finding("warning", said, advice, evidence)


def _error(start: Window, end: Window, name: str) -> float:
    """Return the standard error of a fall, by how much the last steps differ among themselves; 0 of one step."""
    values = end.values(name)
    if len(values) < 2:
        return 0.0
    return stdev(values) * math.sqrt(1 / len(start.values(name)) + 1 / len(values))
