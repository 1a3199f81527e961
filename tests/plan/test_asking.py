"""What a plan says of a judge: requests, tokens and money from counts alone, and only where somebody is asked."""

from __future__ import annotations

import pytest

from drdoctl.cli.render import plan_text
from drdoctl.plan.asking import asked
from drdoctl.plan.schema import schema
from drdoctl.plan.sizes import Rows
from drdoctl.stages import Want

URL = "resources.judge={url: 'http://judge:8000/v1', price_per_million_tokens: {input: 2.0, output: 10.0}}"
JUDGED = "evaluate=[{name: llm-judge, model: gpt, prompts: 4, max_new_tokens: 8, temperatures: [0.0, 0.7]}]"
PRICE = {"judge": {"price_per_million_tokens": {"input": 2.0, "output": 10.0}}}
QUESTION = {
    "model": "gpt", "sampling": {"prompts": 4, "max_new_tokens": 50}, "against": "sft", "requests": 2,
    "fixed_tokens": 100, "responses": 3, "answer_tokens": 20,
}  # fmt: skip


def wanted(*questions):
    """Return a stage that asks these."""
    return Want("evaluate", 1, {}, sizes={"questions": list(questions)})


def rows(count=10, chosen=30.0):
    """Return evaluation prompts of 60 tokens."""
    return Rows(count, 60.0, chosen, 30.0, 120.0, 10.0)


def test_by_hand():
    """Two requests a prompt, each the question's own words, the prompt and the responses as long as the references."""
    found = asked(wanted(QUESTION), rows(), PRICE)
    assert found == {
        "models": ["gpt"], "requests": 8, "tokens_in": 8 * (100 + 60 + 3 * 30), "tokens_out": 160,
        "cost": (2000 * 2 + 160 * 10) / 1e6,
    }  # fmt: skip
    assert asked(wanted(QUESTION), rows(count=3), PRICE)["requests"] == 6
    assert asked(wanted(QUESTION), rows(chosen=0.0), PRICE)["tokens_in"] == 8 * (100 + 60 + 3 * 50)
    all_prompts = QUESTION | {"sampling": {"prompts": None, "max_new_tokens": 50}, "model": "a"}
    both = asked(wanted(QUESTION, all_prompts), rows(), {"judge": {"price_per_million_tokens": None}})
    assert (both["requests"], both["models"], "cost" in both) == (28, ["a", "gpt"], False)


def test_nothing_where_nobody_is_asked_or_nothing_is_known():
    """Without questions, or before anything tells how many prompts there are, there is no such figure."""
    assert asked(wanted(), rows(), PRICE) is None
    assert asked(wanted(QUESTION), None, PRICE) is None


def stages(plan):
    """Return each stage's estimate by its id."""
    return {stage["id"]: stage["estimate"] for stage in plan["stages"]}


def test_the_plan_says_it(world):
    """A student is judged against both baselines, the start model against the reference; money is in both sums."""
    from jsonschema import Draft202012Validator

    plan = world.plan("method=dpo", JUDGED, URL, "oracle=null").as_dict()
    found = stages(plan)
    assert found["evaluate[dpo]"]["judge"]["requests"] == 2 * 4 * 2 * 2
    assert found["evaluate[sft]"]["judge"]["requests"] == 2 * 4 * 2
    assert found["evaluate[dpo]"]["cost"] == pytest.approx(found["evaluate[dpo]"]["judge"]["cost"], abs=1e-4)
    assert "judge" not in found["align[dpo]"]
    text = plan_text(plan, "small.yaml")
    assert "Judging: by `gpt` at http://judge:8000/v1: 48 requests, about" in text
    assert "Money: about" in text
    assert [error.message for error in Draft202012Validator(schema()).iter_errors(plan)] == []


def test_what_is_there_is_not_counted(world):
    """Evaluations that are reused ask nobody, and the plan says nothing of a judge."""
    sets = ("method=dpo", JUDGED, URL, "oracle=null")
    world.make(*sets)
    assert "Judging" not in plan_text(world.plan(*sets).as_dict(), "small.yaml")


def test_money_for_hours_and_for_the_judge_add_up(world):
    """With a price for the machine too, the stage's money is the sum of both."""
    sets = ("method=dpo", JUDGED, "oracle=null")
    alone, both = (stages(world.plan(*sets, *more).as_dict())["evaluate[dpo]"] for more in
                   ((URL,), (URL, "resources.price_per_hour=3600000.0")))  # fmt: skip
    assert both["cost"] == pytest.approx(alone["cost"] + both["seconds"] * 1000, abs=50)  # seconds have one decimal
    assert both["judge"] == alone["judge"]
