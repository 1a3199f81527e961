"""Samples side by side: each prompt with every student's response and all its scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.report.headline import headline, of_first_seed
from drdoctl.report.markup import folded, label, more, note, text
from drdoctl.report.palette import styles_of
from drdoctl.report.tables import PART_NAMES, number

TITLE = "Samples"
PLACE = 60
OPEN = 3
"""Prompts in sight; the others are folded away."""
SIDE_BY_SIDE = 8
"""Responses in sight; the others of a prompt are folded away."""
TRUTH = "truth.reward"
BRIEF = 90
"""Characters of a prompt that name it where it is folded away."""


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where nothing was sampled."""
    report = headline(report)
    shown = report["generations"]
    if not shown:
        return ""
    styled = styles_of(report)
    colours = {name: style.classes for name, style in styled.items()}
    out = [
        note(
            f"{len(shown)} prompts evenly spaced over the evaluation set, not chosen; sampled as "
            f"`{shown[0]['sampling']}`. Scores are those of this one response.{of_first_seed(report)}"
        )
    ]
    for place, one in enumerate(shown):
        made = _prompt(one, colours, place + 1)
        out.append(made if place < OPEN else folded(f"Prompt {place + 1}: {_brief(one['prompt'])}", made))
    return "".join(out)


def _brief(prompt: str) -> str:
    line = " ".join(prompt[: 8 * BRIEF].split())
    return line if len(line) <= BRIEF else f"{line[:BRIEF]}…"


def _prompt(shown: Mapping[str, Any], colours: Mapping[str, str], place: int) -> str:
    responses = [_response(row, colours.get(row["student"], "")) for row in shown["responses"]]
    rest = "".join(responses[SIDE_BY_SIDE:])
    others = f'<div class="responses">{rest}</div>' if rest else ""
    hidden = folded(more(len(responses) - SIDE_BY_SIDE, "response"), others)
    return (
        f'<article class="generation" aria-label="Prompt {place}">'
        f'<blockquote dir="auto" tabindex="0">{text(shown["prompt"])}</blockquote>'
        f'<div class="responses">{"".join(responses[:SIDE_BY_SIDE])}</div>{hidden}</article>'
    )


def _response(row: Mapping[str, Any], colour: str) -> str:
    # the rewards first, what they are made of after them
    ordered = sorted(row["scores"].items(), key=lambda score: score[0].startswith("truth.") and score[0] != TRUTH)
    scores = [
        f'<span class="score"><span>{text(_name(name))}</span> <b>{_value(name, value)}</b></span>'
        for name, value in ordered
        if value is not None
    ]
    facts = f"{row['tokens']} tokens" + ("" if row["ended"] else ", not ended")
    body = text(row["text"]) or "<em>(empty)</em>"
    return (
        f'<div class="response"><h4 class="{colour}">{label(row["student"])}</h4>'
        f'<p class="answer" dir="auto" tabindex="0">{body}</p>'
        f'<p class="scores">{"".join(scores)}<span>{facts}</span></p></div>'
    )


def _name(score: str) -> str:
    return (
        "true reward" if score == TRUTH else PART_NAMES.get(score.removeprefix("truth."), score.removeprefix("truth."))
    )


def _value(score: str, value: float) -> str:
    return f"{value:g}" if score.startswith("truth.") and score != TRUTH else number(value)
