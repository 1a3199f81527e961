"""The LLM judge: what it is asked, what its answers mean, and what follows from two orders of every pair."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drdoctl.evals import EvalData, Samples
from drdoctl.evals._orders import BASELINE, STUDENT, TIE, outcome
from drdoctl.evals.llm_judge import PROMPTS, VERDICT, parse, shipped

COUNT = 12
PROMPTS_BY_ID = {f"p{row}": f"request {row}" for row in range(COUNT)}


def samples(word, count=COUNT):
    """Return responses that are called by a word and their prompt's number."""
    return Samples([f"p{row}" for row in range(count)], [f"{word} {row}" for row in range(count)],
                   np.full(count, 3), np.full(count, True), {})  # fmt: skip


def data_for(part, **baselines):
    """Return what the stage hands over before anything is asked."""
    ways = part.samplings()
    return EvalData(
        samples=dict.fromkeys(ways, samples("mine")),
        baselines={name: dict.fromkeys(ways, found) for name, found in baselines.items()},
        prompts=PROMPTS_BY_ID,
        seed=3,
    )


def judged(part, data, judge):
    """Return the figures by metric, where `judge` is called with response A, response B and the whole question."""
    answers = {}
    for question in part.questions(data):
        a, b = (re.search(rf"<response_{x}>\n(.*)\n</response_{x}>", question.text)[1] for x in "ab")
        answers[question.key] = judge(a, b, question.text)
    return {figure.metric: figure for figure in part.measure(replace(data, answers=answers))}


@pytest.fixture
def part(make_eval):
    """Return a judge against the SFT student."""
    return make_eval("llm-judge", model="gpt", against=["sft"])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Verdict: A", "a"),
        ("A is right.\n\nVerdict: B\n", "b"),
        ("verdict:tie", "tie"),
        ("**Verdict: A**", "a"),
        ("Verdict: A\nor rather\nVerdict: B", "b"),
        ("", None),
        ("\n \n", None),
        ("A", None),
        ("Verdict: C", None),
        ("Verdict: A or B", None),
        ("Verdict: A.", None),
        ("Verdict: A\nI hope this helps!", None),
        ("The verdict: A", None),
        ('{"verdict": "A"}', None),
    ],
)
def test_only_the_documented_form_counts(answer, said):
    """The last line that is not empty is a verdict and nothing else, or the answer counts for nothing."""
    assert parse(answer) == said


@given(st.text())
def test_any_answer_is_a_verdict_or_none(answer):
    """Whatever a model says, it is one of three verdicts or no verdict."""
    assert parse(answer) in ("a", "b", "tie", None)


def test_both_orders_of_every_pair_are_asked(part):
    """Each prompt gives two questions that differ in which response comes first, and both show prompt and reference."""
    asked = part.questions(data_for(part, sft=samples("theirs"), reference=samples("a person's")))
    assert len(asked) == len({question.key for question in asked}) == 2 * COUNT
    first, second = asked[:2]
    assert [question.order for question in (first, second)] == ["student first", "baseline first"]
    assert {question.prompt_id for question in asked} == PROMPTS_BY_ID.keys()
    for question, order in ((first, ("mine 0", "theirs 0")), (second, ("theirs 0", "mine 0"))):
        assert question.text.index(order[0]) < question.text.index(order[1])
        assert "request 0" in question.text
        assert "a person's 0" in question.text
        assert question.request["temperature"] == 0
    assert not re.search(r"\{[a-z_]+\}", first.text)


def test_the_reference_is_judged_without_a_guide(make_eval):
    """Against the reference, it is one of the two responses and not shown besides."""
    part = make_eval("llm-judge", model="gpt", against=["reference"])
    asked = part.questions(data_for(part, reference=samples("a person's")))
    assert all(question.text.count("a person's") == 1 for question in asked)


def test_braces_in_a_response_stay(part):
    """What a response has in braces is not filled in, so no response can show itself the reference."""
    theirs = samples("theirs")
    theirs.responses[0] = "{reference} {response_a} {x}"
    asked = part.questions(data_for(part, sft=theirs, reference=samples("a person's")))
    assert "{reference} {response_a} {x}" in asked[0].text


def test_a_judge_that_knows_is_believed(part):
    """Wins, losses, win rate and p-value follow a judge who knows the better response, wherever it stands."""
    data = data_for(part, sft=samples("theirs"), reference=samples("a person's"))

    def judge(a, b, _):
        mine_better = int(a.split()[1]) < 9
        return "Verdict: A" if a.startswith("mine") == mine_better else "Verdict: B"

    found = judged(part, data, judge)
    counts = {name: found[name].value for name in ("wins", "ties", "losses", "unparsed")}
    assert counts == {"wins": 9, "ties": 0, "losses": 3, "unparsed": 0}
    rate = found["win_rate"]
    assert (rate.value, rate.count, rate.judge, rate.against, rate.temperature) == (0.75, 12, "llm:gpt", "sft", 0.7)
    assert rate.low < 0.75 < rate.high
    assert 0 < rate.p < 1
    assert found["flip_rate"].value == 0
    assert found["first_position_rate"].value == 0.5


@pytest.mark.parametrize(("always", "first"), [("A", 1.0), ("B", 0.0)])
def test_a_judge_that_looks_at_the_place_alone_decides_nothing(part, always, first):
    """A judge that always prefers one position contradicts itself on every pair: all ties."""
    data = data_for(part, sft=samples("theirs"), reference=samples("a person's"))
    found = judged(part, data, lambda *_: f"Verdict: {always}")
    assert found["ties"].value == COUNT
    assert found["win_rate"].value == 0.5
    assert found["flip_rate"].value == 1
    assert found["first_position_rate"].value == first


def test_unparsed_answers_are_left_out_and_counted(part):
    """A prompt with an answer that does not count is in no rate; how many answers did not is told."""
    data = data_for(part, sft=samples("theirs"), reference=samples("a person's"))

    def judge(a, b, _):
        if "mine 0" in (a, b) or a == "mine 1":
            return "I would rather not say"
        return "Verdict: A" if a.startswith("mine") else "Verdict: B"

    found = judged(part, data, judge)
    assert (found["unparsed"].value, found["unparsed"].count) == (3, 2 * COUNT)
    assert (found["win_rate"].value, found["win_rate"].count) == (1, COUNT - 2)
    assert found["wins"].count == found["flip_rate"].count == COUNT - 2
    nothing = judged(part, data, lambda *_: "")
    assert nothing["unparsed"].value == 2 * COUNT
    assert not nothing.keys() & {"win_rate", "flip_rate", "first_position_rate"}


def test_a_doubtful_judge_is_stamped(part):
    """Figures say where a tenth of the answers has no verdict, or where the orders differ in half of the prompts."""
    data = data_for(part, sft=samples("theirs"), reference=samples("a person's"))
    found = judged(part, data, lambda *_: "Verdict: A")
    assert found["win_rate"].warnings == ("llm:gpt v sft: in 12 of 12 prompts the two orders differ",)
    found = judged(part, data, lambda a, *_: "" if a in ("mine 0", "mine 1", "mine 2") else "Verdict: tie")
    assert {one.warnings for one in found.values()} == {("llm:gpt v sft: 3 of 24 answers have no verdict",)}
    found = judged(part, data, lambda a, *_: "" if a in ("mine 0", "mine 1") else "Verdict: tie")
    assert not any(one.warnings for one in found.values())


def test_a_tie_in_one_order_is_a_tie_and_a_flip(part):
    """Where one order prefers the student and the other calls it a tie, the pair is a tie and the orders disagree."""
    data = data_for(part, sft=samples("theirs"), reference=samples("a person's"))
    found = judged(part, data, lambda a, *_: "Verdict: A" if a.startswith("mine") else "Verdict: tie")
    assert found["ties"].value == COUNT
    assert found["flip_rate"].value == 1
    assert found["first_position_rate"].value == 1


@pytest.mark.parametrize(
    ("row", "meant"),
    [
        ((STUDENT, STUDENT), 1),
        ((BASELINE, BASELINE), -1),
        ((TIE, TIE), 0),
        ((STUDENT, BASELINE), 0),
        ((BASELINE, STUDENT), 0),
        ((STUDENT, TIE), 0),
        ((TIE, BASELINE), 0),
    ],
)
def test_only_agreement_decides(row, meant):
    """A win or a loss needs both orders."""
    assert outcome(row) == meant


def test_baselines_that_are_missing_are_not_asked_about(make_eval):
    """Where the baseline has no samples, as for the SFT student itself, nothing is asked about it."""
    part = make_eval("llm-judge", model="gpt")
    asked = part.questions(data_for(part, reference=samples("a person's")))
    assert {question.against for question in asked} == {"reference"}


def test_a_prompt_of_the_users_own(make_eval, tmp_path):
    """A file's text is asked as it stands, and the figures say that it is not the usual prompt."""
    file = tmp_path / "own.txt"
    file.write_text("{prompt}? <response_a>\n{response_a}\n</response_a> or <response_b>\n{response_b}\n</response_b>")
    part = make_eval("llm-judge", model="gpt", against=["sft"], prompt=str(file))
    assert part.files() == {"prompt": str(file)}
    assert part.flaws("prompt", file) == []
    assert part.texts() == {}
    assert not part.needs_references
    data = data_for(part, sft=samples("theirs"))
    assert part.questions(data)[0].text.startswith("request 0? <response_a>\nmine 0\n")
    found = judged(part, data, lambda *_: "Verdict: tie")
    assert re.fullmatch(r"llm:gpt \(prompt [0-9a-f]{8}\)", found["win_rate"].judge)


@pytest.mark.parametrize(
    ("text", "flaws"),
    [
        (b"\xff{prompt}", ["`prompt` is no UTF-8 text"]),
        (b"{prompt} {response_a}", ["`prompt` lacks `{response_b}`"]),
        (b"{prompt} {response_a} {response_b} {answer}", ["`prompt` names `{answer}`, which nothing fills in"]),
        (b'{prompt} {response_a} {response_b} {"verdict": 1}', []),
        (b"{prompt} {response_a} {response_b} {reference}",
         ["`prompt` shows the reference as a guide, and `against` has it judged as well"]),
    ],
)  # fmt: skip
def test_flaws_of_a_prompt_are_said_before_anything_runs(make_eval, tmp_path, text, flaws):
    """A prompt that lacks a response, or names what nothing fills in, is told with what is wrong."""
    file = tmp_path / "own.txt"
    file.write_bytes(text)
    assert make_eval("llm-judge", model="gpt", prompt=str(file)).flaws("prompt", file) == flaws


@pytest.mark.parametrize("name", sorted(path.stem for path in PROMPTS.glob("*.txt")))
def test_shipped_prompts_ask_for_what_is_parsed(name, make_eval):
    """The prompts that ship pass the check of a user's own, and name the three verdicts in the form that counts."""
    part = make_eval("llm-judge", model="gpt", against=["sft"], prompt=name)
    assert part.flaws("prompt", PROMPTS / f"{name}.txt") == []
    assert [found[1] for found in VERDICT.finditer(shipped(name))] == ["A", "B", "tie"]


def test_references_are_needed_where_they_are_seen(make_eval):
    """References are required to be shown or compared with, and only then."""
    assert make_eval("llm-judge", model="gpt").needs_references
    assert make_eval("llm-judge", model="gpt", against=["sft"]).needs_references
    bare = make_eval("llm-judge", model="gpt", against=["sft"], prompt="against-reference")
    assert not bare.needs_references
    assert bare.baselines() == ["sft"]


def test_a_guide_is_not_judged(make_eval):
    """The reference cannot be a guide and one of the two responses."""
    with pytest.raises(ValidationError, match="has it judged as well"):
        make_eval("llm-judge", model="gpt", prompt="grounded")


def test_a_slip_of_the_pen_is_no_file(make_eval):
    """A word close to a shipped prompt's name is taken for a slip; with a suffix or a path it is a file."""
    with pytest.raises(ValidationError, match=r"knows no `grouned`, .*did you mean `grounded`"):
        make_eval("llm-judge", model="gpt", prompt="grouned")
    for name in ("./grouned", "grounded.txt", "mine"):
        assert make_eval("llm-judge", model="gpt", prompt=name).files() == {"prompt": name}


def test_students_can_be_chosen_by_it(make_eval):
    """Each win rate is a figure to choose by, named as the figures are; by a file's prompt there is none."""
    part = make_eval("llm-judge", model="gpt", temperatures=[0.0, 0.7], against=["reference"])
    data = data_for(part, reference=samples("a person's"))
    answers = {question.key: "Verdict: tie" for question in part.questions(data)}
    found = {(one.metric, one.against, one.judge, one.temperature) for one in
             part.measure(replace(data, answers=answers))}  # fmt: skip
    promised = {(one.metric, one.against, one.judge, one.temperature) for one in part.measures()}
    assert len(promised) == 2
    assert promised <= found
    assert make_eval("llm-judge", model="gpt", prompt="./mine").measures() == []


def test_what_asking_takes(make_eval):
    """The plan is told two questions a prompt, for each temperature and baseline, and how long they are."""
    asked = make_eval("llm-judge", model="gpt", temperatures=[0.0, 0.7], max_answer_tokens=20).asks()
    assert [(one.sampling.temperature, one.against, one.requests, one.responses) for one in asked] == [
        (0.0, "sft", 2, 3), (0.0, "reference", 2, 2), (0.7, "sft", 2, 3), (0.7, "reference", 2, 2)
    ]  # fmt: skip
    assert all(one.fixed_tokens > 100 and one.answer_tokens == 20 for one in asked)


def test_the_usual_prompts_need_no_mark(make_eval):
    """The default and its prompts by name are the same judge; another choice is marked."""
    data = data_for(make_eval("llm-judge", model="gpt"), sft=samples("theirs"), reference=samples("a person's"))
    for options, stamp in (
        ({}, "llm:gpt"),
        ({"against": ["sft"], "prompt": "grounded"}, "llm:gpt"),
        ({"against": ["sft"], "prompt": "against-reference"}, "llm:gpt (prompt against-reference)"),
    ):
        part = make_eval("llm-judge", model="gpt", **options)
        assert {question.judge for question in part.questions(data)} == {stamp}
