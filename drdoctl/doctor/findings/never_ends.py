"""Many samples run into the token limit: the end token was not learnt, or the limit is too low for the data."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("evaluate",)
MANY = 0.2
"""Share of the samples. Of a sound student's some per cent run on; rewards of cut responses are not to be trusted."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning, with what the training responses' length and the start model's samples say about it."""
    cut = case.figure("not_ended")
    if cut is None or cut["value"] < MANY:
        return
    said = f"{100 * cut['value']:.0f} % of the samples do not end within the limit"
    evidence = [case.seen("figures.json", {key: cut[key] for key in ("temperature", "value", "metric")})]
    advice = "train longer, or at a lower learning rate: a student that ran away does not end; look at its samples"
    start = case.inputs.get("baseline")
    before = start.figure("not_ended", temperature=cut["temperature"]) if start is not None else None
    if start is not None and before is not None and before["value"] >= MANY:
        said += f"; {100 * before['value']:.0f} % of the start model's did not either, so it is not the alignment"
        advice = "mend the start model first: did it learn the end token from its training responses?"
        evidence.append(start.seen("figures.json", {key: before[key] for key in ("temperature", "value", "metric")}))
    limits = [one.get("max_new_tokens") for one in case.settings.get("evaluate", ()) if one.get("max_new_tokens")]
    data = case.inputs.get("data")
    trained = _trained(data)
    if data is not None and limits and trained and min(limits) < trained["mean"]:
        said += f"; the limit is {min(limits)} tokens, and the training responses have {trained['mean']:.0f} on average"
        advice = f"raise `max_new_tokens` above {trained['max']:.0f}, the longest training response"
        evidence.append(data.seen("report.json", {f"chosen_tokens_{key}": value for key, value in trained.items()}))
    yield Finding("warning", said, advice, tuple(evidence))


def _trained(data: Case | None) -> dict[str, float]:
    """Return `mean` and `max` tokens of the chosen training responses; {} where they are not known."""
    if data is None:
        return {}
    part = data.document("report.json").get("parts", {}).get("train", {})
    return dict(part.get("chosen_tokens") or {})
