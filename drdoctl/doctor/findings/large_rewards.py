"""The oracle's margins ask for more nats than a student can move, as an oracle of deterministic labels does.

The target of h is dr / beta. An oracle trained on labels without noise grows its margins without end: in the generated
world their sd went from 1.05 to 4.3, 43 nats at `beta: 0.1`, and the students that followed broke.
"""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("align",)
NATS = 30.0
"""One standard deviation of dr / beta beyond this; 10 to 13 is usual in the generated world, 43 broke students."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning where the rewards are taken in the oracle's own units."""
    beta, rewards = case.settings.get("method.beta"), case.inputs.get("rewards")
    distils = case.settings.get("method.reward", "implicit") == "implicit" and case.settings.get(
        "method.distillation", True
    )
    if rewards is None or not beta or not distils or case.settings.get("method.reward_scale", "std") != "none":
        return
    sds = [member["margin_std"] for member in rewards.document("stats.json").get("train", [])]
    if not sds or max(sds) / beta <= NATS:
        return
    said = (
        f"the oracle's margins have a standard deviation of {max(sds):.2g}: at `beta: {beta:g}` each asks for "
        f"{max(sds) / beta:.0f} nats of log-ratio"
    )
    advice = "set `reward_scale: std`, or a larger `beta`; labels without noise make such margins"
    yield Finding(
        "warning", said, advice, (rewards.seen("stats.json", {"margin_std": max(sds), "nats": max(sds) / beta}),)
    )
