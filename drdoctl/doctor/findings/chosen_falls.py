"""The chosen responses lose probability while the student is aligned.

On separable pairs DPO does so without end, and the mass may go to responses that no pair shows (Fisch et al.,
arXiv 2405.19316). It is a fault only where samples get worse: in the generated world DPO's chosen log-probability falls
by 7 nats while its samples come close to the best there is.
"""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Evidence, Finding
from drdoctl.doctor.findings._rate import rate_now
from drdoctl.doctor.findings._samples import verdict

KINDS = ("align",)
FALL = 0.1
"""A fall by more than this share of the start is told: batches alone differ by a few hundredths of it."""
NATS = 1.0
"""And by more than this: less is noise for responses of a few tokens."""
FAR = 1.25
"""Where nobody judged the samples, a fall by more than this share of the start is a warning: sound students of the
generated world lost up to 1.14 of it (DPO at 1e-3), DPO that a learning rate of 3e-3 broke 1.3 to 1.6."""
NAMES = ("chosen_logp", "rejected_logp")


def look(case: Case) -> Iterator[Finding]:
    """Yield one finding; how bad it is depends on the samples."""
    start, end = case.start, case.end
    if start is None or end is None or not (start.has("chosen_logp") and end.has("chosen_logp")):
        return
    drop = start.mean("chosen_logp") - end.mean("chosen_logp")
    if drop < max(NATS, FALL * abs(start.mean("chosen_logp"))):
        return
    said = (
        f"the chosen responses' log-probability fell from {start.mean('chosen_logp'):.1f} to "
        f"{end.mean('chosen_logp'):.1f} nats"
    )
    both = start.mean("rejected_logp") - end.mean("rejected_logp")
    if both > drop:
        said += f", the rejected ones' by more ({both:.1f}): mass moves to responses that no pair shows"
    judged = verdict(case)
    evidence: tuple[Evidence, ...] = (case.logged(start, *NAMES), case.logged(end, *NAMES))
    if judged is None:
        advice = (
            f"look whether samples got worse (`evaluate:` with `win-rate` against `sft`); if so, lower {rate_now(case)}"
        )
        far = drop > FAR * abs(start.mean("chosen_logp"))
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
