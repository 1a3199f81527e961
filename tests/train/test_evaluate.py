"""The evaluate stage on a small generated world: what it samples, scores and reads; stopping changes nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers
import torch
import transformers

from drdoctl import evals as registry
from drdoctl.core import progress
from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.core.progress import StopRequested
from drdoctl.data.notes import Notes
from drdoctl.evals import Eval, EvalData, Figure, Sampling
from drdoctl.stages import Job
from drdoctl.train import evaluate, responses
from drdoctl.train.models import Policy, new_head, new_lm, save_oracle, save_policy
from drdoctl.train.response_table import read_responses
from drdoctl.train.responses import Way

SEED = 11
FIELDS = {
    "model_type": "llama", "hidden_size": 16, "layers": 1, "heads": 2, "mlp_size": None, "activation": "gelu",
    "max_positions": 96, "rope_theta": 1000.0, "tied": True, "init_std": 0.3,
}  # fmt: skip
HOT, GREEDY = Sampling(0.7, 0.8, 6, 5), Sampling(0.0, 1.0, 4, None)
EVALS = registry.evals
SEEN: list[EvalData] = []


class EverythingEval(Eval):
    """Asks for all there is and reports one number of each."""

    name: Literal["everything"]
    prompts: int | None = 5

    def samplings(self) -> list[Sampling]:
        """Return two ways, one of them on fewer prompts."""
        return [Sampling(0.7, 0.8, 6, self.prompts), GREEDY]

    def judges(self) -> list[str]:
        """Return both judges."""
        return ["oracle", "truth"]

    def baselines(self) -> list[str]:
        """Return both baselines."""
        return ["sft", "reference"]

    @property
    def needs_pairs(self) -> bool:
        """Pairs too."""
        return True

    def measure(self, data: EvalData) -> list[Figure]:
        """Remember the data, and return one figure and one that is no number."""
        SEEN.append(data)
        reward = data.samples[GREEDY].scores["truth.reward"].mean()
        return [Figure("mean", reward, judge="truth", count=np.int64(3)), Figure("nothing", float("nan"))]


@pytest.fixture(autouse=True)
def _own_eval(monkeypatch):
    SEEN.clear()
    monkeypatch.setattr(registry, "evals", lambda: {"everything": EverythingEval})


def write_data(folder: Path, world: Notes, prompts: int = 7) -> None:
    """Write a data artifact of the world as the data stage does."""
    special = {"pad_token": "<pad>", "eos_token": "<eos>"}
    words = tokenizers.Tokenizer.from_str(world.tokenizer_json())
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, **special)
    tokenizer.save_pretrained(folder / "tokenizer" / "student")

    def ids(text: str, end: bool = False) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"] + [1] * end

    rows = list(world.read("train", {}))[:4]
    for part in ("train", "eval"):
        pq.write_table(
            pa.table({
                "id": [row.id for row in rows], "prompt": [row.prompt for row in rows],
                **{f"student_{name}": [ids(getattr(row, name), name != "prompt") for row in rows]
                   for name in ("prompt", "chosen", "rejected")},
            }),
            folder / f"{part}.parquet",
        )  # fmt: skip
    asked = list(world.read("prompts", {}))[:prompts]
    columns = {
        "id": [row.id for row in asked], "prompt": [row.prompt for row in asked],
        "reference": [row.reference for row in asked],
        "student_prompt": [ids(row.prompt) for row in asked],
        "student_reference": [ids(row.reference or "", end=True) for row in asked],
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / "prompts.parquet")
    (folder / "manifest.json").write_text(json.dumps({"settings": {"data.source": {"name": "notes"}}}))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Return a folder with data, a policy with a head, an oracle, and its rewards of the held-out pairs."""
    root = tmp_path_factory.mktemp("evaluate")
    data = root / "data"
    data.mkdir()
    write_data(data, Notes(name="notes").with_seed(SEED))
    special = {"eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}
    for name, seed in (("policy", 1), ("oracle", 2), ("start", 3)):
        lm = new_lm(FIELDS, seed, 123, special)
        policy = Policy(lm, new_head(lm.config, seed) if name != "start" else None)
        save = save_oracle if name == "oracle" else save_policy
        save(policy, root / name, data / "tokenizer" / "student")
    ids = pq.read_table(data / "eval.parquet").column("id")
    (root / "rewards").mkdir()
    scores = {"chosen_0": [1.0, 2, 3, 4], "rejected_0": [0.0, 0, 0, 5]}
    pq.write_table(pa.table({"id": ids, **scores}), root / "rewards" / "eval.parquet")
    return root


def make_job(house: Path, out: Path, **changes: Any) -> Job:
    """Return the job of the start model's evaluation, or with changes a student's."""
    out.mkdir(parents=True, exist_ok=True)
    inputs = {role: str(house / role) for role in ("data", "policy", "oracle")} | changes.pop("inputs", {})
    return Job(
        kind="evaluate",
        id=changes.pop("id", "evaluate[drdo]"),
        artifact="evaluate-0",
        settings={"evaluate": [{"name": "everything"}], "seed": SEED, "student.dtype": "fp32"} | changes,
        inputs={role: path for role, path in inputs.items() if path},
        locations={},
        resources={"threads": 1, "device": "cpu"},
        out=str(out),
        warnings=("judge = teacher",),
    )


def result(out: Path) -> dict[str, bytes]:
    """Return the bytes of what the stage leaves."""
    return {name: (out / name).read_bytes() for name in ("samples.parquet", "pairs.parquet", "figures.json")}


@pytest.fixture(scope="module")
def whole(house, tmp_path_factory):
    """Return the folder of an uninterrupted run of the start model."""
    out = tmp_path_factory.mktemp("whole")
    patch = pytest.MonkeyPatch()
    patch.setattr(registry, "evals", lambda: {"everything": EverythingEval})
    evaluate.run(make_job(house, out, id="evaluate[sft]"))
    patch.undo()
    return out


def test_what_is_left_behind(house, whole):
    """Samples, references and pairs are written with every score, and figures hold no NaN."""
    table = pq.read_table(whole / "samples.parquet").to_pylist()
    assert [row["sampling"] for row in table] == ["t0.7-p0.8-n6"] * 5 + ["t0-p1-n4"] * 7 + ["reference"] * 7
    assert {"oracle", "truth.reward", "truth.wrong"} <= set(table[0])
    world, prompts = Notes(name="notes").with_seed(SEED), pq.read_table(house / "data" / "prompts.parquet").to_pylist()
    for row, prompt in zip(table[-7:], prompts, strict=True):
        assert row["response"] == prompt["reference"]
        assert row["temperature"] is None
        assert row["truth.reward"] == pytest.approx(world.truth(prompt["prompt"], row["response"], True)["reward"])
    document = json.loads((whole / "figures.json").read_text())
    assert document["student"] == "sft"
    assert document["warnings"] == ["judge = teacher"]
    assert [figure["value"] is None for figure in document["figures"]] == [False, True]
    pairs = pq.read_table(whole / "pairs.parquet")
    assert pairs.column("id").to_pylist() == pq.read_table(house / "data" / "eval.parquet").column("id").to_pylist()
    assert {"chosen_logp", "rejected_tokens", "head_margin", "oracle_margin"} <= set(pairs.column_names)


def test_greedy_responses_and_scores_are_transformers_own(house, whole):
    """The greedy text is `generate`'s and its score is what `AutoModelForSequenceClassification` gives."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(house / "policy")
    model = transformers.AutoModelForCausalLM.from_pretrained(house / "policy")
    oracle = transformers.AutoModelForSequenceClassification.from_pretrained(house / "oracle")
    group = read_responses(whole)["t0-p1-n4"]
    prompts = pq.read_table(house / "data" / "prompts.parquet").column("student_prompt").to_pylist()
    for prompt, text, tokens, score in zip(prompts, group.text, group.tokens, group.scores["oracle"], strict=True):
        ids = torch.tensor([prompt])
        out = model.generate(ids, do_sample=False, max_new_tokens=4, eos_token_id=1, pad_token_id=0)[0, len(prompt) :]
        assert len(out) == tokens
        assert tokenizer.decode(out, skip_special_tokens=True) == text
        answer = [*tokenizer(text, add_special_tokens=False)["input_ids"], 1]
        with torch.no_grad():
            assert oracle(torch.tensor([[*prompt, *answer]])).logits.item() == pytest.approx(score, abs=1e-5)


def test_student_against_baseline(house, whole, tmp_path):
    """A student sees the start model's samples of the same prompts, the references, and what earlier stages cached."""
    evaluate.run(make_job(house, tmp_path / "out", inputs={"rewards": str(house / "rewards"), "baseline": str(whole)}))
    data = SEEN[-1]
    assert data.warnings == ("judge = teacher",)
    assert list(data.samples) == [HOT, GREEDY]
    assert [len(samples.prompt_ids) for samples in data.samples.values()] == [5, 7]
    # the same policy and the same draws: the start model's responses are the student's own
    assert data.baselines["sft"][HOT].responses == data.samples[HOT].responses
    assert len(data.baselines["reference"][HOT].responses) == 5
    assert data.pairs["ref_chosen_logp"].tolist() == data.pairs["chosen_logp"].tolist()
    assert data.pairs["oracle_margin"].tolist() == [1, 2, 3, -1]
    assert data.pairs["chosen_logp"].shape == data.pairs["head_margin"].shape == (4,)


def test_baseline_pairs_stand_for_the_reference(house, whole, tmp_path):
    """The start model's own evaluation gives the reference's log-probabilities, also where the student's differ."""
    evaluate.run(make_job(house, tmp_path / "out", inputs={"policy": str(house / "start"), "baseline": str(whole)}))
    expected = pq.read_table(whole / "pairs.parquet").column("chosen_logp").to_pylist()
    assert SEEN[-1].pairs["ref_chosen_logp"].tolist() == expected
    assert SEEN[-1].pairs["chosen_logp"].tolist() != expected
    assert "head_margin" not in SEEN[-1].pairs


@pytest.mark.parametrize(
    ("name", "label"),
    [("evaluate[drdo]", "drdo"), ('evaluate[dpo,split=["hard"]]', 'dpo,split=["hard"]'), ("evaluate", "student")],
)
def test_a_label_may_end_with_a_bracket(house, tmp_path, name, label):
    """A student is called by all that stands between the stage's own brackets."""
    assert evaluate.label_of(make_job(house, tmp_path, id=name)) == label


def test_baseline_of_other_prompts_refused(house, whole, tmp_path):
    """A baseline whose samples are of other prompts, or fewer, is refused, not compared."""
    job = make_job(
        house, tmp_path / "out", inputs={"baseline": str(whole)}, evaluate=[{"name": "everything", "prompts": 6}]
    )
    with pytest.raises(IntegrityError, match="does not hold the start model's samples"):
        evaluate.run(job)


@pytest.mark.parametrize("after", [0, 1, 5, 9])
def test_interrupted_and_resumed_gives_the_same_bytes(house, whole, tmp_path, monkeypatch, after):
    """Stopped between any two tokens and run again, the stage leaves the bytes of an uninterrupted run."""
    calls = []

    def stop_now(job: Job) -> bool:
        calls.append(job)
        return len(calls) > after

    monkeypatch.setattr(responses, "PIECE_ROWS", (2, 2))
    plain = tmp_path / "plain"
    evaluate.run(make_job(house, plain, id="evaluate[sft]"))
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(progress, "stop_requested", stop_now)
        with pytest.raises(StopRequested):
            evaluate.run(make_job(house, out, id="evaluate[sft]"))
    evaluate.run(make_job(house, out, id="evaluate[sft]"))
    assert result(out) == result(plain)
    # pieces change the batches, and with them at most the rounding of a score
    assert read_responses(out)["t0.7-p0.8-n6"].text == read_responses(whole)["t0.7-p0.8-n6"].text


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "swap"])
def test_damaged_responses_in_progress_are_sampled_again(house, tmp_path, monkeypatch, damage):
    """Of the pieces of an interrupted evaluation, exactly the damaged are sampled again, and the bytes are the same."""
    monkeypatch.setattr(responses, "PIECE_ROWS", (2, 2))
    evaluate.run(make_job(house, tmp_path / "plain", id="evaluate[sft]"))
    job, made, plain = make_job(house, tmp_path / "out", id="evaluate[sft]"), [], responses.Sampler._one

    def one(self, lm, way, index, *more):
        made.append(self._kept(way).path(f"{index:06d}"))
        plain(self, lm, way, index, *more)

    monkeypatch.setattr(responses.Sampler, "_one", one)
    with monkeypatch.context() as patch:
        patch.setattr(responses.Sampler, "tables", lambda *_: (_ for _ in ()).throw(StopRequested()))
        with pytest.raises(StopRequested):
            evaluate.run(job)
    first, second = made[1], made[4]
    content = first.read_bytes()
    if damage == "swap":
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)
    elif damage == "gone":
        first.unlink()
    else:
        first.write_bytes(content[:-20] if damage == "cut" else content[:200] + b"?" + content[201:])
    made.clear()
    evaluate.run(job)
    assert sorted(made) == sorted([first, second] if damage == "swap" else [first])
    assert result(tmp_path / "out") == result(tmp_path / "plain")


def _rank(house: str, out: str, rank: str) -> None:
    os.environ.update(RANK=rank, WORLD_SIZE="2", LOCAL_RANK=rank)
    registry.evals = lambda: {"everything": EverythingEval}
    responses.PIECE_ROWS = (2, 2)
    evaluate.run(make_job(Path(house), Path(out), id="evaluate[sft]"))


def test_two_processes_give_the_bytes_of_one(house, tmp_path, monkeypatch):
    """Two processes take the pieces in turn and the first one writes what one process alone writes."""
    monkeypatch.setattr(responses, "PIECE_ROWS", (2, 2))
    evaluate.run(make_job(house, tmp_path / "one", id="evaluate[sft]"))
    # not forked: a process that has run tests has threads, and a lock one of them holds stays shut in a copy
    start = [sys.executable, __file__, str(house), str(tmp_path / "two")]
    ranks = [subprocess.Popen([*start, str(rank)]) for rank in (0, 1)]
    assert [process.wait(120) for process in ranks] == [0, 0]
    assert result(tmp_path / "two") == result(tmp_path / "one")


def test_no_prompts_is_said(house, tmp_path):
    """A source without evaluation prompts is a fault with its remedy."""
    world, empty = Notes(name="notes").with_seed(SEED), tmp_path / "data"
    empty.mkdir()
    write_data(empty, world, prompts=0)
    with pytest.raises(UserError, match="no evaluation prompts") as caught:
        evaluate.run(make_job(house, tmp_path / "a", inputs={"data": str(empty)}))
    assert "eval_fraction" in caught.value.faults[0].hint


def test_prompts_are_not_read_where_nothing_is_sampled(house, tmp_path, monkeypatch):
    """Held-out pairs alone need no prompt: none is read, and no response is written."""
    monkeypatch.setattr(registry, "evals", EVALS)
    monkeypatch.setattr(evaluate.Prompts, "read", lambda _: pytest.fail("read"))
    job = make_job(house, tmp_path / "out", evaluate=[{"name": "pair-accuracy"}])
    evaluate.run(job)
    assert pq.read_table(tmp_path / "out" / "samples.parquet").num_rows == 0
    assert pq.read_table(tmp_path / "out" / "pairs.parquet").num_rows == 4


def test_ways_merge():
    """Samplings that differ only in how many prompts they ask for are one way, at most as long as the list."""

    class TwoEval(EverythingEval):
        def samplings(self) -> list[Sampling]:
            return [Sampling(0.7, 0.8, 6, 3), Sampling(0.7, 0.8, 6, 900), Sampling(0.7, 0.8, 9, None)]

    assert evaluate.ways_of([TwoEval(name="everything")], 10) == [Way(0.7, 0.8, 6, 10), Way(0.7, 0.8, 9, 10)]


def test_students_are_chosen_on_some_prompts_and_read_on_others(house, whole, tmp_path):
    """Every figure comes once for each part, each sample says its own, and the responses are what they were."""
    out = tmp_path / "divided"
    evaluate.run(make_job(house, out, **{"data.validation_fraction": 0.5}))
    table, before = (pq.read_table(folder / "samples.parquet").to_pydict() for folder in (out, whole))
    parts = dict(zip(table["id"], table.pop("part"), strict=True))
    assert set(parts.values()) == {"validation", "test"}
    assert table == before
    document = json.loads((out / "figures.json").read_text())
    assert [row["part"] for row in document["figures"]] == ["test", "test", "validation", "validation"]
    assert "part" not in json.loads((whole / "figures.json").read_text())["figures"][0]
    for data, part in zip(SEEN[-2:], ("test", "validation"), strict=True):
        assert [parts[name] for name in data.samples[GREEDY].prompt_ids] == [part] * list(parts.values()).count(part)


def test_a_figure_that_two_evals_give_is_written_once(house, tmp_path):
    """Evals that share samples tell of their length alike; what differs is there for each."""
    one = {"name": "everything"}
    evaluate.run(make_job(house, tmp_path, evaluate=[one, one]))
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert [figure["metric"] for figure in figures] == ["mean", "nothing"]


def test_another_judge_scores_beside_the_oracle(house, tmp_path, monkeypatch):
    """A judge that the spec names has a column of its own, by its own weights, and its own stamps."""
    lm = new_lm(FIELDS, 9, 123, {"eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None})
    save_oracle(Policy(lm, new_head(lm.config, 9)), tmp_path / "fair", house / "data" / "tokenizer" / "student")
    monkeypatch.setattr(EverythingEval, "judges", lambda _: ["oracle", "fair", "truth"])
    said = {"tokens": "student", "dtype": "fp32", "stamps": ["judge = teacher"]}
    settings = {f"judges.fair.{name}": value for name, value in said.items()}
    out = tmp_path / "out"
    evaluate.run(make_job(house, out, inputs={"judge-fair": str(tmp_path / "fair")}, **settings))
    assert SEEN[-1].stamps == {"fair": ["judge = teacher"]}
    rows = [row for row in pq.read_table(out / "samples.parquet").to_pylist() if row["sampling"] == "reference"]
    prompts = pq.read_table(house / "data" / "prompts.parquet").to_pylist()
    judge = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "fair")
    for row, prompt in zip(rows, prompts, strict=True):
        ids = [*prompt["student_prompt"], *prompt["student_reference"]]
        with torch.no_grad():
            assert judge(torch.tensor([ids])).logits.item() == pytest.approx(row["fair"], abs=1e-5)
        assert row["fair"] != row["oracle"]


if __name__ == "__main__":
    _rank(*sys.argv[1:])
