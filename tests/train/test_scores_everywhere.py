"""One oracle, the same scores everywhere: by transformers alone, by `drdoctl score`, by the rewards stage; in bfloat16.

Every architecture is published to a zoo and pulled elsewhere first. Differences are told in standard deviations of the
scores; `docs/zoo.md` shows the bounds.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))

import plain  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import toy  # noqa: E402
from plain import SHAPES  # noqa: E402
from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402

from drdoctl.core.architectures import SUPPORTED  # noqa: E402
from drdoctl.data._render import Renderer  # noqa: E402
from drdoctl.stages import Want  # noqa: E402
from drdoctl.store.artifact import Store  # noqa: E402
from drdoctl.train import rewards, score_file  # noqa: E402
from drdoctl.train.reward_model import load_reward_model  # noqa: E402
from drdoctl.train.scoring import score_batch  # noqa: E402
from drdoctl.zoo.pull import pull  # noqa: E402
from drdoctl.zoo.push import pack, push  # noqa: E402

FP32 = 2e-5
"""Largest difference of a score in float32, however it is batched and padded, in standard deviations of the scores."""
BF16 = {"engine": 0.1, "transformers": 0.25}
"""The same of bfloat16 against float32, on these models whose weights are chance: drdoctl keeps weights and head in
float32, transformers rounds them too."""
END = 1


def make_pairs(count=9, seed=5):
    """Return pairs of ids of very different lengths, the first with the shortest prompt and responses."""
    stream = np.random.default_rng(seed)

    def text(least, most):
        return stream.integers(8, plain.VOCABULARY, stream.integers(least, most)).tolist()

    rows = [([9], ([11, END], [10, END]))]
    return rows + [(text(1, 20), ([*text(1, 20), END], [*text(1, 20), END])) for _ in range(count - 1)]


PAIRS = make_pairs()
TEXTS = [[*prompt, *response] for prompt, responses in PAIRS for response in responses]


def words(ids):
    """Return the text that a toy tokenizer makes of these ids."""
    return " ".join(toy.WORDS[number] for number in ids)


def published(folder, tmp_path):
    """Publish a folder's model as an oracle, and return where another store pulls it to."""
    store, zoo = Store(tmp_path / "maker"), str(tmp_path / "zoo")
    store.prepare()
    want = Want("oracle", 1, {"oracle.dtype": "fp32", "data.template": "none"})
    partial, _ = store.open_partial(want)
    for path in folder.iterdir():
        (partial / path.name).write_bytes(path.read_bytes())
    store.commit(want, "toy", {}, 1.0)
    push(pack(store, want.artifact, "toy"), zoo)
    return pull(Store(tmp_path / "taker"), "zoo/toy", zoo).path


def by_engine(folder, items, dtype="fp32"):
    """Return the scores of the items' responses by drdoctl's engine, in one row."""
    return score_batch(load_reward_model(folder).eval(), items, dtype, logp=False)


def by_score(folder, tmp_path):
    """Return the scores of `PAIRS` by what `drdoctl score` runs."""
    file, out = tmp_path / "pairs.jsonl", tmp_path / "scored.jsonl"
    rows = [
        {"prompt": words(prompt), "chosen": words(chosen[:-1]), "rejected": words(rejected[:-1])}
        for prompt, (chosen, rejected) in PAIRS
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fields = {"oracle": str(folder), "file": str(file), "rows": str(out), "template": "none", "dtype": "fp32"}
    more = {"device": "cpu", "threads": 1, "total": len(rows), "out": str(tmp_path)}
    score_file.run(score_file.Request(**fields, **more))
    scored = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    return np.array([row[name] for row in scored for name in ("reward_chosen", "reward_rejected")])


def by_rewards_stage(folder, make_job, tmp_path):
    """Return the scores of `PAIRS` as the rewards stage caches them."""
    data = tmp_path / "data"
    data.mkdir()
    columns = {"prompt": [prompt for prompt, _ in PAIRS]}
    columns |= {name: [responses[at] for _, responses in PAIRS] for at, name in enumerate(("chosen", "rejected"))}
    arrays = {f"student_{name}": pa.array(ids, pa.list_(pa.int32())) for name, ids in columns.items()}
    for part in ("train", "eval"):
        pq.write_table(
            pa.table({"id": pa.array([str(at) for at in range(len(PAIRS))]), **arrays}), data / f"{part}.parquet"
        )
    (data / "report.json").write_text("{}", encoding="utf-8")
    job = make_job("rewards", inputs={"data": str(data), "oracle-0": str(folder)})
    rewards.run(job)
    table = pq.read_table(job.path("train.parquet"))
    return np.stack([table.column(f"{name}_0").to_numpy() for name in ("chosen", "rejected")], axis=1).ravel()


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_scores_are_the_same_everywhere(shape, tmp_path, make_job):
    """A pulled oracle gives a text one score: in batches of 1 and 16, padded left and right, packed, shared, cached."""
    folder = published(toy.write_oracle(tmp_path / "oracle", shape), tmp_path)
    want = toy.by_transformers(folder, TEXTS, batch=1)
    spread = float(want.std())
    apart = [(prompt, (response,)) for prompt, responses in PAIRS for response in responses]
    found = {
        "right": toy.by_transformers(folder, TEXTS, side="right"),
        "left": toy.by_transformers(folder, TEXTS, side="left"),
        "packed pairs": by_engine(folder, PAIRS),
        "packed texts": by_engine(folder, apart),
        "one at a time": np.concatenate([by_engine(folder, [item]) for item in apart]),
        "score": by_score(folder, tmp_path),
        "rewards": by_rewards_stage(folder, make_job, tmp_path),
    }
    far = {name: float(abs(values - want).max()) / spread for name, values in found.items()}
    assert spread > 0.02
    assert max(far.values()) < FP32, far
    half = {
        "transformers": toy.by_transformers(folder, TEXTS, dtype=torch.bfloat16),
        "engine": by_engine(folder, PAIRS, "bf16"),
    }
    far = {name: float(abs(values - want).max()) / spread for name, values in half.items()}
    assert all(far[name] < bound for name, bound in BF16.items()), far
    assert min(far.values()) > FP32


def pads_with_its_end(folder):
    """Let a model and its tokenizer pad with the end token, as TRL leaves them where a tokenizer has no other."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "pad_token_id": END}), encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = "<eos>"
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("shape", ["bloom", "gpt_neox", "llama", "opt-projected", "phi3"])
def test_a_model_that_pads_with_its_end(shape, tmp_path):
    """Where the end token pads, the reward is read before it, as by transformers: in the prompt if it is all."""
    folder = pads_with_its_end(toy.write_oracle(tmp_path / "oracle", shape))
    pairs = [*PAIRS, ([9, 12], ([END], [13, END, END])), ([14, END], ([END], [15]))]
    texts = [[*prompt, *response] for prompt, responses in pairs for response in responses]
    ours = by_engine(folder, pairs)
    for side in ("left", "right"):
        theirs = toy.by_transformers(folder, texts, side=side)
        assert float(abs(theirs - ours).max()) < FP32 * float(ours.std())
    before = [[*text[: max(at for at, token in enumerate(text) if token != END or at == 0) + 1]] for text in texts]
    assert ours == pytest.approx(toy.by_transformers(folder, before, batch=1), rel=1e-4, abs=1e-6)


def test_an_oracle_whose_only_token_to_pad_with_ends_responses(tmp_path):
    """It is saved without a padding token: transformers gives its scores one by one, and refuses to pad."""
    folder = toy.write_oracle(tmp_path / "oracle", "llama", pad="<eos>")
    assert by_engine(folder, PAIRS) == pytest.approx(toy.by_transformers(folder, TEXTS, batch=1), rel=1e-4, abs=1e-6)
    with pytest.raises(ValueError, match="padding token"):
        toy.by_transformers(folder, TEXTS, batch=16)


def test_a_model_saved_in_bfloat16(tmp_path):
    """Weights that lie in bfloat16, the head's too, are computed with in float32, here as by transformers."""
    folder = toy.write_oracle(tmp_path / "oracle", "qwen3")
    AutoModelForSequenceClassification.from_pretrained(folder).to(torch.bfloat16).save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["dtype"] == "bfloat16"
    theirs = toy.by_transformers(folder, TEXTS, dtype=torch.float32)
    assert by_engine(folder, PAIRS) == pytest.approx(theirs, rel=1e-4, abs=1e-6)


def by_hand(tokenizer, prompt, response):
    """Return the tokens that the lines in `docs/zoo.md` make."""
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + response
        return [*tokenizer(text, add_special_tokens=False).input_ids, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    return [*tokenizer(f"{prompt} {response}").input_ids, tokenizer.eos_token_id]


@pytest.mark.parametrize("template", [None, "{{ '<s>' }}" + toy.CHATML, toy.CHATML])
@pytest.mark.parametrize("start", [True, False])
def test_the_tokens_of_a_text(start, template, tmp_path):
    """By hand, a text has the tokens that drdoctl gives it: one start token, however many put one, and one end."""
    tokenizer = AutoTokenizer.from_pretrained(toy.write_tokenizer(tmp_path, start=start, template=template))
    ids = by_hand(tokenizer, "w9 w10", "w11")
    (row,) = Renderer(AutoTokenizer.from_pretrained(tmp_path), "auto").encode([("w9 w10", ["w11"])])
    own = [*row.prompt, *row.responses[0]]
    if start and template == toy.CHATML:
        ids = [tokenizer.bos_token_id, *ids]  # drdoctl puts the start token that the template leaves out
    assert ids == own
    assert own.count(toy.WORDS.index("<s>")) == int(start or "<s>" in (template or ""))


def test_all_supported_architectures_are_tried():
    """A type that is supported is one of those above."""
    assert {fields["model_type"] for fields in SHAPES.values()} == set(SUPPORTED)
