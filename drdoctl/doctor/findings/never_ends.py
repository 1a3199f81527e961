"""Many samples run into the token limit: the end token was not learnt, or the limit is too low for the data."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("evaluate",)
MANY = 0.2
"""Share of the samples. Of a sound student's some per cent run on; rewards of cut responses are not to be trusted."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning, with what the training responses' length says about the limit."""
    cut = case.figure("not_ended")
    if cut is None or cut["value"] < MANY:
        return
    said = f"{100 * cut['value']:.0f} % of the samples do not end within the limit"
    values = {"not_ended": cut["value"], "temperature": cut["temperature"]}
    evidence = [case.seen("figures.json", values)]
    limits = [one.get("max_new_tokens") for one in case.settings.get("evaluate", ()) if one.get("max_new_tokens")]
    data = case.inputs.get("data")
    part = data.document("report.json").get("parts", {}).get("train", {}) if data is not None else {}
    mean = (part.get("chosen_tokens") or {}).get("mean")
    advice = (
        "train longer, or at a lower learning rate: a student that ran away does not end; see the samples in the report"
    )
    if data is not None and mean and limits and min(limits) < mean:
        said += f" of {min(limits)} tokens, and the training responses have {mean:.0f} on average"
        longest = part["chosen_tokens"].get("max", mean)
        advice = f"raise `max_new_tokens` above {longest:.0f}, the longest training response"
        evidence.append(data.seen("report.json", {"mean_chosen_tokens": mean}))
    start = case.inputs.get("baseline")
    before = start.figure("not_ended", temperature=cut["temperature"]) if start is not None else None
    if start is not None and before is not None and before["value"] >= MANY:
        said += f"; {100 * before['value']:.0f} % of the start model's did not either, so it is not the alignment"
        evidence.append(start.seen("figures.json", {"not_ended": before["value"]}))
        if "max_new_tokens" not in advice:
            advice = "mend the start model first: did it learn the end token from its training responses?"
    yield Finding("warning", said, advice, tuple(evidence))
