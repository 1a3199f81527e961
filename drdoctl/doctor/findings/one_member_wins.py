"""e-DPO's minimum always falls on the same member of the ensemble: the others teach nothing."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("align",)
ALWAYS = 0.95
"""Mean share of the pairs that learn from one member, from which the others hardly count."""
SCALE = 2.0
"""Members whose spread of rewards differs by this factor are on different scales; seeds alone give some 10 %."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning where one member's rewards are on a smaller scale, else a note."""
    end = case.end
    if end is None:
        return
    members = [index for index in range(64) if end.has(f"member_share_{index}")]
    if len(members) < 2:
        return
    shares = {index: end.mean(f"member_share_{index}") for index in members}
    winner = max(shares, key=lambda index: shares[index])
    if shares[winner] < ALWAYS:
        return
    said = f"member {winner} of {len(members)} wins the minimum for {100 * shares[winner]:.0f} % of the pairs"
    names = [name for index in members for name in (f"member_share_{index}", f"member_loss_{index}")]
    rewards = case.inputs.get("rewards")
    trained = rewards.document("stats.json").get("train", []) if rewards is not None else []
    sds = [member["margin_std"] for member in trained]
    evidence = [case.logged(end, *names)]
    if rewards is not None and len(sds) == len(members):
        evidence.append(rewards.seen("stats.json", {f"margin_std_{index}": sd for index, sd in enumerate(sds)}))
        if max(sds) > SCALE * sds[winner] and case.settings.get("method.reward_scale") == "none":
            said += f", whose margins have the sd {sds[winner]:.2g} against {max(sds):.2g}: "
            said += "the least scale wins, not the best fit"
            yield Finding("warning", said, "set `reward_scale: std`", tuple(evidence))
            return
    losses = ", ".join(f"{end.mean(f'member_loss_{index}'):.3g}" for index in members)
    said += f" (losses {losses}): e-DPO is d-DPO with that member here"
    yield Finding("note", said, f"to hear the others, take {_other(case)}members that differ more", tuple(evidence))


def _other(case: Case) -> str:
    """Return the minima over fewer pairs than the student's, of which another member might win some."""
    over = ("example", "batch", "dataset")
    finer = over[: over.index(str(case.settings.get("method.ensemble_min", over[-1])))]
    return f"`ensemble_min: {finer[0]}`{' or `batch`' if len(finer) > 1 else ''}, or " if finer else ""
