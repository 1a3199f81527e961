"""DRDO's unlikelihood term, log(1 - pi_l), pushes on nothing: with summed log-probabilities pi_l is next to 0."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("align",)
DEAD = 1e-3
"""|log(1 - pi_l)| is about pi_l, and so is the push on the loser; below this it is a thousandth of the winner's."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a note; a warning where nothing else lowers the rejected responses."""
    end = case.end
    if end is None or not end.has("unlikelihood") or abs(end.mean("unlikelihood")) >= DEAD:
        return
    distils = case.settings.get("method.distillation", True) and case.settings.get("method.reward") != "head"
    by_gate = not case.settings.get("method.detach_gate", False) and case.settings.get("method.gamma", 2) != 0
    said = f"the unlikelihood term is dead: log(1 - pi_l) is {end.mean('unlikelihood'):.1g} on average"
    evidence = (case.logged(end, "unlikelihood", "rejected_logp"),)
    if distils or by_gate:
        roads = [road for road, open_ in (("the distillation", distils), ("the gate's gradient", by_gate)) if open_]
        said += f"; the rejected responses fall through {' and '.join(roads)} alone"
        yield Finding("note", said, "with `log_prob: mean` the term acts; see `drdoctl show method drdo`", evidence)
    else:
        said += ", and nothing else lowers the rejected responses: the loss only imitates the chosen ones"
        yield Finding(
            "warning",
            said,
            "attach the gate (`detach_gate: false`, `gamma` above 0), or set `log_prob: mean`",
            evidence,
        )
