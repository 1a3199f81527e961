"""Rules about oracles, judges and the zoo; and what is only a warning."""

from __future__ import annotations

import pytest

BASE = "version: 1\nname: x\ndata: {source: {jsonl: a}}\nstudent: {model: a/b, revision: v1}\n"


def _spec(text):
    return (BASE.replace("data: {source: {jsonl: a}}\n", "") if "data:" in text else BASE) + text


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("method: drdo", ["missing-oracle"]),
        ("method: {name: drdo, distillation: false}", []),
        ("method: dpo\nevaluate: [pair-accuracy]", []),
        ("method: dpo\nevaluate: [reward-advantage]", ["missing-oracle"]),
        ("method: {name: e-dpo, members: 1}\noracle: {model: zoo/a}", []),
        ("method: {name: e-dpo, members: 2}\noracle: {model: zoo/a}", ["conflict"]),
        ("method: {name: e-dpo, members: 2}\noracle: {model: zoo/a, members: [zoo/a, zoo/b]}", []),
        ("method: e-dpo\noracle: {model: zoo/a, members: [zoo/a, zoo/b]}", ["conflict"]),
        ("method: {name: e-dpo, members: 2}\noracle: {model: zoo/a, members: [zoo/a, zoo/a]}", ["duplicate"]),
        ("method: drdo\noracle: {model: zoo/a, members: [zoo/a, zoo/b]}", ["no-effect"]),
        ("method: drdo\noracle: {model: zoo/a}\npublish: {oracle: zoo/b}", ["conflict"]),
        ("method: drdo\noracle: {model: zoo/a}\nzoo: somewhere", []),
        ("method: dpo\nzoo: somewhere", ["no-effect"]),
        ("method: dpo\ndata: {source: {jsonl: a}, split: relabel}", ["missing-oracle"]),
        ("method: dpo\noracle: {model: sft}\ndata: {source: {jsonl: a}, split: relabel}", []),
        ("method: drdo\noracle: {model: sft, pairs: all}", ["no-effect"]),
        ("method: drdo\noracle: {model: sft, pairs: all}\ndata: {source: {jsonl: a}, max_rows: 9}", []),
        ("method: drdo\noracle: {model: zoo/a, pairs: split}", ["no-effect"]),
        ("method: dpo\nzoo: hub:me\npublish: {student: zoo/a, private: false}", []),
    ],
)
def test_needs_are_met_or_named(fault_codes, text, codes):
    """What a method, an eval or publishing needs is there, and nothing is there that nobody needs."""
    assert fault_codes(_spec(text)) == codes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("method: drdo\noracle: {model: sft}\nevaluate: [win-rate]", 1),
        ("method: e-dpo\noracle: {model: sft}\nevaluate: [win-rate]", 0),
        ("method: dpo\noracle: {model: sft}\nevaluate: [win-rate]", 0),
        ("method: {name: drdo, gamma: 0}\noracle: {model: sft}", 1),
        ("method: {name: drdo, gamma: 0, log_prob: mean}\noracle: {model: sft}", 0),
    ],
)
def test_doubts_are_warnings(checked, text, count):
    """A judge that is the teacher, and a contrast that is plain SFT, are allowed and said."""
    assert len(checked(_spec(text))[1]) == count


@pytest.mark.parametrize(
    ("evals", "said"),
    [
        ("win-rate", "`win-rate` is judged"),
        ("win-rate, reward-advantage", "`win-rate` and `reward-advantage` are judged"),
    ],
)
def test_evals_that_the_teacher_judges_are_named(checked, evals, said):
    """One is judged, two are, in one sentence."""
    (warning,) = checked(_spec(f"method: drdo\noracle: {{model: sft}}\nevaluate: [{evals}]"))[1]
    assert warning == f"judge = teacher: {said} by the oracle that taught `drdo`"


@pytest.mark.parametrize(
    ("method", "oracle", "words"),
    [
        ("drdo", "{model: sft}", ["labeller"]),
        ("drdo", "{model: sft, pairs: all}", ["teacher", "labeller"]),
        ("drdo", "{model: zoo/a}", ["teacher", "labeller"]),
        ("dpo", "{model: sft}", ["labeller"]),
    ],
)
def test_a_judge_that_labelled_is_named(checked, method, oracle, words):
    """Who judges by the oracle that relabels is told so; it is the teacher only where none is trained anew."""
    data = "data: {source: {jsonl: a}, split: {name: length-bias, rho: 0.3}}"
    text = f"method: {method}\noracle: {oracle}\n{data}\nevaluate: [win-rate]"
    found = [text for text in checked(_spec(text))[1] if text.startswith("judge = ")]
    assert [line.split()[2].rstrip(":") for line in found] == words
