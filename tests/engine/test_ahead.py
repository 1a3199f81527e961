"""Evaluations that lack prompts fail when the data are there, not when all is trained."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drdoctl.core.errors import UserError
from drdoctl.engine.execute import Options, execute
from drdoctl.plan.types import Estimate, Plan, PlannedStage, Reason
from drdoctl.stages import Want
from drdoctl.store.run import Run
from drdoctl.store.status import status

SETTINGS = {"steps": 1}
DATA = Want("data", 1, SETTINGS)
SFT = Want("sft", 1, SETTINGS, {"data": DATA})
SAMPLED = {"name": "win-rate", "against": ["sft"], "temperatures": [0.7]}
TEXTS = [f"prompt {number}" for number in range(12)]


def evaluation(sampled, **settings):
    """Return the evaluation of the trained student."""
    wanted = {**SETTINGS, "evaluate": [sampled], **settings}
    return Want("evaluate", 1, wanted, {"data": DATA, "policy": SFT}, label="sft")


@pytest.fixture
def carry_out(store, toy):
    """Return a function that applies data, sft and an evaluation, where the finished data have these prompts."""

    def run(texts, measured, *, keep_going=False, references=None):
        folder, _ = store.open_partial(DATA)
        columns = {"prompt": pa.array(texts, pa.string()), "reference": pa.array(references or texts, pa.string())}
        columns["student_prompt"] = pa.array([[1] * (10 + row) for row in range(len(texts))], pa.list_(pa.int32()))
        pq.write_table(pa.table(columns), folder / "prompts.parquet")
        (folder / "result.txt").write_text("rows")
        store.commit(DATA, "toy", {}, 1)
        wants = (DATA, SFT, measured)
        stages = [PlannedStage(want, "run", Reason("new", "new"), Estimate()) for want in wants]
        options = Options(toy.RESOURCES, "toy", keep_going=keep_going)
        return execute(Plan({"name": "toy"}, tuple(stages)), store, Run.start(store, "toy"), lambda *_: None, options)

    return run


@pytest.mark.parametrize(
    ("texts", "settings", "words"),
    [
        ([], {}, "no evaluation prompts"),
        (TEXTS[:1], {"data.validation_fraction": 0.5}, "1 evaluation prompts that are sampled from is a"),
    ],
)
def test_nothing_is_trained_for_an_evaluation_that_will_fail(store, carry_out, texts, settings, words):
    """The evaluation has failed, with its reason in `status`, before the student's training would begin."""
    outcome = carry_out(texts, evaluation(SAMPLED, **settings))
    error = outcome.failed["evaluate[sft]"]
    assert isinstance(error, UserError)
    assert words in str(error)
    assert (list(outcome.done), outcome.skipped, outcome.exit_code) == (["data"], {"sft": ["evaluate[sft]"]}, 2)
    told = {stage["id"]: stage for stage in status(store)["stages"]}
    assert [told[name]["state"] for name in ("data", "sft", "evaluate[sft]")] == ["done", "waiting", "failed"]
    assert words in told["evaluate[sft]"]["faults"][0]["message"]


def test_keep_going_trains_all_the_same(carry_out):
    """Whoever asks to go on gets what does not rest on the failure; the evaluation is not begun."""
    outcome = carry_out([], evaluation(SAMPLED), keep_going=True)
    assert (list(outcome.done), list(outcome.failed)) == (["data", "sft"], ["evaluate[sft]"])


@pytest.mark.parametrize(
    ("texts", "measured"),
    [
        (TEXTS[:1], evaluation(SAMPLED)),
        (TEXTS, evaluation(SAMPLED, **{"data.validation_fraction": 0.5})),
        ([], evaluation({"name": "pair-accuracy"})),
        ([], evaluation({"name": "pair-accuracy"}, **{"evaluate.of": "oracle"})),
    ],
)
def test_enough_is_enough(carry_out, texts, measured):
    """With prompts for all that is sampled, or nothing to sample, every stage runs."""
    assert carry_out(texts, measured).exit_code == 0


def test_a_judge_that_is_to_see_references_lacks_them(carry_out):
    """References that are not there are as good as known then, too."""
    judged = {"name": "llm-judge", "against": ["reference"], "model": "m"}
    outcome = carry_out(TEXTS[:2], evaluation(judged), references=["yes", None])
    assert "1 of 2 have none" in str(outcome.failed["evaluate[sft]"])


def test_a_finished_evaluation_is_not_asked_again(store, carry_out):
    """What was measured stays, whatever would be asked of the data now."""
    want = evaluation(SAMPLED)
    folder, _ = store.open_partial(want)
    (folder / "result.txt").write_text("figures")
    store.commit(want, "toy", {}, 1)
    assert carry_out([], want).exit_code == 0


@pytest.mark.parametrize(("new", "prompts", "fails"), [(10, 12, True), (9, 12, True), (8, 12, False), (9, 11, False)])
def test_prompts_that_leave_no_room_for_a_response(carry_out, new, prompts, fails):
    """With the data it is known how long prompts are, and by the plan how many positions the student has."""
    sampled = {**SAMPLED, "max_new_tokens": new, "prompts": prompts}
    config = {"model_type": "llama", "max_position_embeddings": 29}  # the longest of twelve prompts has 21 tokens
    want = replace(evaluation(sampled), sizes={"model": {"config": config}})
    outcome = carry_out(TEXTS, want)
    assert bool(outcome.failed) == fails
    if fails:
        assert "exceed the model's 29 positions" in str(outcome.failed["evaluate[sft]"])
        assert "sft" not in outcome.done


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (27, ""),
        (28, "prompts of up to 2 tokens and 28 new ones exceed"),
        (29, "29 new tokens leave no room for a prompt"),
    ],
)
def test_answers_that_leave_no_instruction_any_room(carry_out, tmp_path, new, said):
    """An eval with instructions of its own has no answer at all where the shortest one has no room for it."""
    (tmp_path / "asked.json").write_text('[{"instruction": "say that once"}, {"instruction": "say it"}]')
    asked = {"name": "alpaca-eval", "instructions": str(tmp_path / "asked.json"), "max_new_tokens": new}
    config = {"model_type": "llama", "max_position_embeddings": 29}
    places = {"evaluate.0.instructions": str(tmp_path / "asked.json")}
    want = replace(evaluation(asked), sizes={"model": {"config": config}}, locations=places)
    outcome = carry_out([], want)
    assert bool(outcome.failed) == bool(said)
    if said:
        assert f"eval `alpaca-eval`: {said}" in str(outcome.failed["evaluate[sft]"])
        assert "sft" not in outcome.done
