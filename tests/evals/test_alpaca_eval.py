"""AlpacaEval's answers: how they are asked for, measured, and written."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from drdoctl.evals import EvalData, Samples, Sampling


@pytest.fixture
def part(make_eval):
    """Return the eval with a file."""
    return make_eval("alpaca-eval", instructions="alpaca_eval.json")


def answers(*texts):
    """Return answers of these texts; the last one did not end."""
    ended = np.arange(len(texts)) < len(texts) - 1
    return Samples([str(row) for row in range(len(texts))], list(texts), np.array([3] * len(texts)), ended, {})


def test_what_it_asks_for(part):
    """It samples none of the data's prompts, asks no judge, and its draws have a name of their own."""
    assert (part.samplings(), part.judges(), part.baselines()) == ([], [], [])
    assert part.instructed() == Sampling(0.7, 1.0, 1024, None, "alpaca-eval")
    assert part.instructed().label == "alpaca-eval-t0.7-p1-n1024"
    assert part.files() == {"instructions": "alpaca_eval.json"}


def test_lengths_are_told(part):
    """Mean tokens, mean characters as AlpacaEval counts them, and the share that did not end."""
    data = EvalData(samples={part.instructed(): answers("ab", "abcd")}, baselines={}, warnings=["toy data"])
    found = {figure.metric: figure for figure in part.measure(data)}
    values = {name: figure.value for name, figure in found.items()}
    assert values == {"alpaca_eval_tokens": 3, "alpaca_eval_length": 3, "alpaca_eval_not_ended": 0.5}
    assert {(figure.temperature, figure.count, tuple(figure.warnings)) for figure in found.values()} == {
        (0.7, 2, ("toy data",))
    }


def test_no_answers_no_figures(part):
    """The side of the prompts that has no answers has no figures."""
    assert part.measure(EvalData(samples={part.instructed(): answers()}, baselines={})) == []


def test_the_file_of_outputs(part):
    """One row an instruction, in the file's order, with what was said of it, the answer, and the student's label."""
    asked = [{"instruction": "a", "dataset": "koala"}, {"instruction": "b"}]
    (found,) = part.documents(answers("x", ""), "drdo", asked).items()
    assert found[0] == "alpaca-eval-t0.7-p1-n1024.json"
    assert found[1] == [
        {"instruction": "a", "dataset": "koala", "output": "x", "generator": "drdo"},
        {"instruction": "b", "output": "", "generator": "drdo"},
    ]


@pytest.mark.parametrize(
    "options",
    [{}, {"instructions": ""}, {"instructions": "a", "temperature": -1}, {"instructions": "a", "max_new_tokens": 0}],
)
def test_what_is_refused(make_eval, options):
    """A file must be named, and sampling must be possible."""
    with pytest.raises(ValidationError):
        make_eval("alpaca-eval", **options)
