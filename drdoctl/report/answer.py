"""What was asked and what came out, in two or three sentences made from the figures alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drdoctl.core.significance import SURE
from drdoctl.core.words import SFT, STAMPS, TEACHER, TRUTH
from drdoctl.report.palette import method_of
from drdoctl.report.tables import figure, headline_temperature, with_interval
from drdoctl.report.ways import is_start

SENTENCES = 3
EVEN = 0.5
NAMED = 6
"""Students named in a sentence; more are counted."""

Row = Mapping[str, Any]


def question(report: Row) -> str:
    """Return what the spec asked, as a sentence; "" where it aligns no student."""
    students = [row["label"] for row in report["students"] if not is_start(row["label"])]
    if not students:
        return ""
    source = (report["spec"].get("data") or {}).get("source")
    named = source.get("name") or source.get("jsonl") or source.get("hub") if isinstance(source, dict) else source
    rows = _rows(report)
    pairs = f" on {rows:,} preference pairs" + (f" of `{named}`" if named else "") if rows else ""
    methods = list(dict.fromkeys(method_of(label) for label in students))
    which = _listed([f"`{name}`" for name in methods], "or")
    seeds = max((len(row["seeds"]) for row in report["over_seeds"]), default=1)
    kind = f"settings, {seeds} seeds each" if seeds > 1 else "students"
    count = f" ({len(students)} {kind})" if len(students) > len(methods) or seeds > 1 else ""
    if len(methods) == 1:
        return f"How good is a student of {which}{count}{pairs}?"
    return f"Which makes the best student{pairs}: {which}{count}?"


def answer(report: Row) -> list[str]:
    """Return the sentences: who is best by the judge to be trusted most, who is not told apart, the other judges."""
    said: list[str] = []
    unranked: list[str] = []
    for judge in _judges(report):
        if _is_one(report, judge):
            said += _by(report, judge, first=not said)
        else:
            unranked.append(f"By {_named(judge)}, students cannot be ranked: not all were judged by the same model.")
    return [*said, *unranked][:SENTENCES]


def _is_one(report: Row, judge: str) -> bool:
    """Whether one model judged all aligned students that this judge gives a win rate."""
    metric = "truth.reward" if judge == TRUTH else "win_rate"
    judged = [row for row in report["students"] if not is_start(row["label"]) and figure(row, metric, judge=judge)]
    return len({row.get("judged_by", {}).get(judge) for row in judged}) < 2


def _rows(report: Row) -> int | None:
    train = (report["data"].get("parts") or {}).get("train") or {}
    found = train.get("rows", train.get("kept"))
    return found if isinstance(found, int) else None


def _judges(report: Row) -> list[str]:
    """Return who judged, the most trustworthy first: the truth, judges without a stamp, then those who taught."""
    found: dict[str, bool] = {}
    for student in report["students"]:
        for row in student["figures"]:
            if row["judge"] and row["metric"] in ("truth.reward", "win_rate"):
                found[row["judge"]] = found.get(row["judge"], False) or bool(_stamps(row))
    order = list(found)
    return sorted(order, key=lambda judge: (judge != "truth", found[judge], order.index(judge)))


def _by(report: Row, judge: str, *, first: bool) -> Iterable[str]:
    """Yield what one judge says."""
    at = headline_temperature(report)
    metric, where = ("truth.reward", {}) if judge == "truth" else ("win_rate", _compared(report, judge))
    found = []
    for student in report["students"]:
        entry = figure(student, metric, judge=judge, temperature=at, **where)
        if entry is not None and entry["value"] is not None and not is_start(student["label"]):
            found.append((student["label"], entry))
    if not found:
        return
    label, best = max(found, key=lambda pair: pair[1]["value"])
    if not first:
        yield f"By {_named(judge)}, {_wins(label, best)}{_even(best)}{_stamp(best)}."
        return
    yield _first(report, judge, label, best, at)
    if len(found) > 1:
        yield _apart(_close(report, label, judge, [name for name, _ in found if name != label]), len(found) - 1)


def _first(report: Row, judge: str, label: str, best: Row, at: float | None) -> str:
    count = f"over {best['count']} seeds" if "values" in best else f"on {best['count']:,} held-out prompts"
    place = f" {count}{_at(at)}"
    if judge != "truth":
        return f"By {_named(judge)}, {_wins(label, best)}{place}{_even(best)}{_stamp(best)}."
    starts = (figure(row, "truth.reward", temperature=at) for row in report["students"] if is_start(row["label"]))
    start = next((entry for entry in starts if entry is not None and entry["value"] is not None), None)
    but = "" if start is None or start["value"] <= best["value"] else "but "
    gain = "" if start is None else f"; {but}the model it started from has {with_interval(start)}"
    return f"By the true reward, `{label}` does best: {with_interval(best)}{place}{gain}."


def _wins(label: str, best: Row) -> str:
    share = with_interval(best, 1, 100).replace(" [", " % [", 1)
    return f"`{label}` does best: it wins {share} of the time against `{best['against']}`"


def _even(best: Row) -> str:
    """Return a doubt where a win rate's interval holds a half."""
    known = best["low"] is not None and best["high"] is not None
    return ", which may be chance" if known and best["low"] <= EVEN <= best["high"] else ""


def _apart(close: Sequence[str], others: int) -> str:
    if not close:
        whom = "the other student" if others == 1 else f"all {others} others"
        return f"It is ahead of {whom} by more than chance gives."
    named = [f"`{name}`" for name in close[:NAMED]]
    more = [f"{len(close) - len(named)} more"] if len(close) > len(named) else []
    listed = _listed([*named, *more], "and")
    return f"It cannot be told apart from {listed}: chance alone would give such differences."


def _close(report: Row, label: str, judge: str, others: Sequence[str]) -> list[str]:
    """Return the students whose difference from the best may be chance."""
    at, found = headline_temperature(report), []
    for row in report["differences"]:
        pair = {row["first"], row["second"]}
        if label in pair and row["judge"] == judge and row["temperature"] == at:
            other = next(iter(pair - {label}), label)
            p = row.get("p_holm", row["p"])
            if other in others and (p is None or p >= SURE):
                found.append(other)
    return found


def _compared(report: Row, judge: str) -> dict[str, str]:
    rows = [row for student in report["students"] for row in student["figures"]]
    against = [row["against"] for row in rows if row["judge"] == judge and row["metric"] == "win_rate"]
    return {"against": SFT if SFT in against or not against else against[0]}


def _stamp(entry: Row) -> str:
    stamps = _stamps(entry)
    if not stamps:
        return ""
    said = "this judge was its teacher, whose scores favour what it taught" if TEACHER in stamps else stamps[0]
    return f" (but: {said})"


def _stamps(entry: Row) -> list[str]:
    """Return what says of a figure that its judge is not independent; other warnings may have any words."""
    return [text for text in entry["warnings"] if text in STAMPS]


def _named(judge: str) -> str:
    return "the oracle" if judge == "oracle" else f"`{judge}`"


def _at(at: float | None) -> str:
    return "" if at is None else ", sampled greedily" if at == 0 else f" at temperature {at:g}"


def _listed(names: Sequence[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
