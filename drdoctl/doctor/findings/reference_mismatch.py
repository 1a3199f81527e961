"""The first step's log-probabilities are not the cached reference's: DPO's first loss is then not ln 2."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("align",)
NATS = 0.5
"""Mean margin h at step 1 beyond this. It is 0 in float32; bfloat16 leaves some hundredths of a nat a response."""
SHARE = 0.01
"""And beyond this share of the chosen log-probability: long responses round by more."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault where the student of step 1 is not the model whose log-probabilities were cached."""
    cached = case.inputs.get("logps")
    if cached is None or not case.lines or case.lines[0].get("step") != 1:
        return
    first = case.lines[0]
    margin, chosen = first.get("implicit_margin"), first.get("chosen_logp")
    if not isinstance(margin, int | float) or not isinstance(chosen, int | float):
        return
    if case.settings.get("method.reward") == "head":
        return
    h = margin / (case.settings.get("method.beta") or 1.0)
    if abs(h) <= max(NATS, SHARE * abs(chosen)):
        return
    said = f"at step 1 the student is not its reference: the mean log-ratio margin is {h:+.2f} nats in place of 0"
    advice = f"the cached log-probabilities are another model's: delete `{cached.artifact}` and apply again"
    values = {name: first.get(name) for name in ("loss", "implicit_margin", "chosen_logp", "rejected_logp")}
    evidence = case.seen("metrics.jsonl", {"step": 1, **values, "h_nats": h})
    yield Finding("fault", said, advice, (evidence, cached.seen("train.parquet", {"stage": cached.id})))
