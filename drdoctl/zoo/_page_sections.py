"""The sections of a page that say what a model is worth: quality, rewards, probes, failures, teachers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.zoo.card import Card
from drdoctl.zoo.probes import BFLOAT16, FLOAT32

SHOWN = 60
"""Characters of a probe's text that the table shows; the card has all of it."""
QUALITY = {
    "accuracy": "share of pairs put in the labels' order",
    "accuracy_like_length": "the same among pairs of like length",
    "length_accuracy": "what counting tokens would score",
    "length_correlation": "correlation of margin and difference in length",
    "calibration_error": "calibration error: how far stated and observed certainty are apart",
    "log_loss": "log-loss (0.693 by guessing)",
    "brier": "Brier score (0.25 by guessing)",
    "margin": "mean margin",
    "margin_sd": "standard deviation of the margins",
}
LOVES_LENGTH = 0.3
MISSTATES = 0.1
"""From where on a page says in words what a figure says."""


READS = """It reads a prompt with a response and gives one number, the reward. It was trained on {data}: pairs of
responses of which one was preferred, so that the preferred one gets the larger reward. The probability that a response
is preferred to another is the sigmoid of the difference of their rewards (Bradley-Terry). A reward has no unit and no
zero: only differences between responses to the same prompt mean something.

It says what those who labelled its training data would probably prefer. It does not know what is true, safe or lawful,
and on prompts of another kind it may be wrong with great certainty. A model that is trained to please it will find what
it rewards by mistake."""


def about_oracle(card: Card) -> list[str]:
    """Return what a reward model is, and what it is not."""
    data = ", ".join(f"`{name}`" for name in card.datasets) or "preference data"
    return ["## What it rewards", "", READS.format(data=data), ""]


def quality(card: Card) -> list[str]:
    """Return the table of a reward model's figures, with their intervals, and of its rewards."""
    rows = [(name, card.quality[name]) for name in QUALITY if isinstance(card.quality.get(name), Mapping)]
    if not rows and not card.reward:
        return []
    lines = ["## How good it is", ""]
    if rows:
        lines += [f"Measured on {card.quality.get('data') or 'held-out pairs'}.", ""]
        lines += ["| figure | value | 95 % interval | pairs |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {QUALITY[name]} | {row['value']:.4g} | {_between(row)} | {row['count']:,} |" for name, row in rows
        ]
        lines.append("")
    for one in card.quality.get("agreement", []):
        lines += [f"Of an ensemble: {one['metric'].replace('_', ' ')} of {one['group']} {one['value']:.3g}.", ""]
    if card.reward:
        told, at = card.reward, card.reward["quantiles"]
        shares = ", ".join(f"{float(share):.0%} {value:.3g}" for share, value in at.items())
        spread = f"mean {told['mean']:.3g}, standard deviation {told['std']:.3g}"
        ends = f"from {told['min']:.3g} to {told['max']:.3g}"
        lines += [f"Rewards of {told['count']:,} responses ({told['data']}): {spread}, {ends}; quantiles {shares}.", ""]
    return lines


def _between(row: Mapping[str, Any]) -> str:
    low, high = row.get("low"), row.get("high")
    return "" if low is None or high is None else f"{low:.4g} to {high:.4g}"


def failures(card: Card) -> list[str]:
    """Return what is known to be wrong with a model, or was not looked at."""
    said = list(card.warnings)
    length, calibration = (card.quality.get(name) for name in ("length_correlation", "calibration_error"))
    if length and abs(length["value"]) >= LOVES_LENGTH:
        which = "longer" if length["value"] > 0 else "shorter"
        said.append(
            f"it loves {which} responses: margins follow the difference in length with r = {length['value']:.2f}"
        )
    if calibration and calibration["value"] >= MISSTATES:
        said.append(f"its certainty is off by {calibration['value']:.0%} on average: rank by it, do not bet by it")
    said += [f"not known: {text}" for text in card.unmeasured]
    return ["## Known failures", "", *(f"- {text}" for text in said), ""] if said else []


def probes(card: Card) -> list[str]:
    """Return the table of probes."""
    if not card.probes:
        return []
    what = "reward" if card.role == "oracle" else "mean log-probability of a token"
    allowed = card.tolerance
    rounded = f", {allowed[BFLOAT16]:g} in bfloat16" if BFLOAT16 in allowed else ""
    within = f"{allowed[FLOAT32]:g} in float32{rounded}" if FLOAT32 in allowed else "what rounding makes"
    lines = [
        "## Probes",
        "",
        f"Texts with the {what} that transformers alone gives them, one at a time.",
        f"Elsewhere they may differ by {within}; `drdoctl pull` compares them. `drdoctl.json` has the texts whole.",
        "",
        "| probe | prompt | response | score |",
        "| --- | --- | --- | --- |",
    ]
    for probe in card.probes:
        asked = probe.prompt if isinstance(probe.prompt, str) else probe.prompt[-1]["content"]
        lines.append(f"| {cell(probe.name)} | {_shown(asked)} | {_shown(probe.response)} | {probe.score:.6g} |")
    return [*lines, ""]


def origin(card: Card, option: str) -> list[str]:
    """Return who taught a student, and how it is made again. `option`: how its zoo is named, ` --zoo LOCATION`."""
    teachers = [one for one in card.parents if one.id.partition("[")[0] == "oracle"]
    lines = []
    if card.role == "student" and teachers:
        lines += ["## Its teacher", ""]
        for one in teachers:
            known = f" (`{one.ref}` at `{(one.revision or '')[:12]}`)" if one.ref else ""
            lines.append(f"- stage {code(one.id)}{known}, fingerprint `{one.fingerprint}`")
        lines.append("")
    if card.whole_spec:
        file, stage = f"{card.name}.yaml", code(card.stage or card.kind)
        made = f"The stage of its plan with the fingerprint `{card.fingerprint}` makes it; here it was {stage}."
        lines += [
            "## Make it again",
            "",
            "```console",
            f"$ drdoctl init {file} --from zoo/{card.name}{option}",
            f"$ drdoctl apply {file}",
            "```",
            "",
            made,
        ]
        if card.whole_spec.get("matrix"):
            lines.append("The spec has a matrix: applied, it makes all students of the comparison.")
        lines.append("")
    return lines


def cell(text: str) -> str:
    """Return a text for a cell of a table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def code(text: str) -> str:
    """Return a text as code."""
    return "`" + text.replace("|", "\\|").replace("\n", " ").replace("`", "'") + "`"


def _shown(text: str) -> str:
    short = " ".join(text.split())
    return code(short if len(short) <= SHOWN else short[: SHOWN - 1] + "…")
