"""Our losses are TRL's: the real engine and TRL's trainers on one model and the same batches, in float32.

TRL's SFT loss is the mean over a batch's response tokens, ours the mean over rows of each row's own mean: they are one
loss only where every step has one row, and are compared so.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace

import pytest

pytest.importorskip("trl")

from benchmarks.runs import Settings, run
from benchmarks.worlds import ORACLE, SFT, WORLDS, Ready

pytestmark = [pytest.mark.peers, pytest.mark.slow]
RATE = 1e-3
"""High enough that the losses move, so that equal losses mean equal updates."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Five steps in a folder of their own."""
    return Settings(work=tmp_path_factory.mktemp("world"), warmup=1, steps=4)


@pytest.fixture(scope="module")
def ready(settings):
    """A tiny Llama and generated pairs, four a step."""
    return Ready(replace(WORLDS["quick"], steps=4), settings)


@pytest.fixture(scope="module")
def single(settings):
    """The same, with one row a step."""
    return Ready(replace(WORLDS["quick"], name="single", batch=1, steps=4), settings)


@pytest.fixture(scope="module")
def whole(settings):
    """The same, with all rows in every step."""
    return Ready(replace(WORLDS["quick"], name="whole", rows=4, steps=4), settings)


@pytest.fixture(scope="module")
def even(settings):
    """Prompts of one token, which no likelihood can run over, and chosen responses of one length; four rows a step."""
    from transformers import AutoTokenizer

    made = Ready(replace(WORLDS["quick"], name="even", steps=4), settings)
    vocabulary = sorted(AutoTokenizer.from_pretrained(made.model).get_vocab())
    words = [" " + token[1:] for token in vocabulary if token[0] == "Ġ" and token[1:].isascii() and token[1:].isalpha()]
    letters, stream = iter("abcdefghijklmnopqrstuvwxyz"), random.Random(0)  # noqa: S311  # no secret is made
    for name in ("train", "eval"):
        file = made.folder / f"{name}.jsonl"
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            sides = {"chosen": 20, "rejected": stream.randrange(5, 40)}
            row |= {side: "".join(stream.choices(words, k=count)) for side, count in sides.items()}
            row["prompt"] = next(letters)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tokens = [row["tokens"] for row in map(json.loads, made.steps_file.read_text(encoding="utf-8").splitlines())]
    assert {(prompt, chosen) for prompt, chosen, _ in tokens} == {(1, 21)}
    assert len({rejected for _, _, rejected in tokens}) > 5
    return made


def apart(one: dict, other: dict) -> float:
    """Return the largest difference of two runs' losses, step by step."""
    assert len(one["losses"]) == len(other["losses"]) == 5
    return max(abs(a - b) for a, b in zip(one["losses"], other["losses"], strict=True))


def moved(record: dict) -> float:
    """Return how far the losses of a run lie apart."""
    return max(record["losses"]) - min(record["losses"])


def same(ours: dict, theirs: dict) -> None:
    """Hold two runs' losses to each other within 1e-5 of their size; they must have moved."""
    assert moved(ours) > 1e-2
    assert apart(ours, theirs) < 1e-5 * max(1.0, *ours["losses"])


def test_dpo_takes_the_same_losses(ready, settings):
    """Step by step our DPO loss is TRL's to 1e-5, and the first is ln 2 on both sides."""
    ours = run(ready.job("align", f"train.learning_rate={RATE}"), settings)
    theirs = run(ready.peer("benchmarks.sides.trl:dpo", precompute=True, learning_rate=RATE), settings)
    assert ours["losses"][0] == pytest.approx(math.log(2), abs=1e-15)
    assert theirs["losses"][0] == pytest.approx(math.log(2), abs=6e-8)
    assert moved(ours) > 1e-2
    assert apart(ours, theirs) < 1e-5


@pytest.mark.parametrize(
    ("method", "loss", "smoothing"),
    [
        ("{name: dpo, label_smoothing: 0.2, robust: true}", "robust", 0.2),
        ("{name: ipo, tau: 0.1, log_prob: mean}", "ipo", 0.0),
        ("{name: hinge, beta: 0.1}", "hinge", 0.0),
    ],
)
def test_losses_on_log_ratios_are_trls(ready, settings, method, loss, smoothing):
    """Step by step, robust DPO, IPO of means and the hinge are TRL's to 1e-5 of their size."""
    ours = run(ready.job("align", f"train.learning_rate={RATE}", f"method={method}"), settings)
    asked = {"precompute": True, "learning_rate": RATE, "losses": {loss: 1.0}, "label_smoothing": smoothing}
    theirs = run(ready.peer("benchmarks.sides.trl:dpo", **asked), settings)
    same(ours, theirs)


SMOOTHED = "method={name: dpo, label_smoothing: 0.2}"


def test_cdpo_is_trls_a_row_a_step(single, settings):
    """cDPO's smoothing is in TRL's `aot`, which sorts the margins of a batch: with one row a step the two are one."""
    ours = run(single.job("align", f"train.learning_rate={RATE}", SMOOTHED), settings)
    asked = {"precompute": True, "learning_rate": RATE, "losses": {"aot": 1.0}, "label_smoothing": 0.2}
    same(ours, run(single.peer("benchmarks.sides.trl:dpo", **asked), settings))


def test_cdpo_is_a_sum_of_trls_losses(ready, settings):
    """With e flips, (1-e) A + e D is 2 (1-e) A less (1-2e) of TRL's `robust`, [(1-e) A - e D] / (1-2e); A its DPO."""
    ours = run(ready.job("align", f"train.learning_rate={RATE}", SMOOTHED), settings)
    losses = {"sigmoid": 2 * (1 - 0.2), "robust": -(1 - 2 * 0.2)}
    asked = {"precompute": True, "learning_rate": RATE, "losses": losses, "label_smoothing": 0.2}
    same(ours, run(ready.peer("benchmarks.sides.trl:dpo", **asked), settings))


@pytest.mark.parametrize(
    ("method", "world", "side", "asked"),
    [
        (
            "{name: simpo, beta: 2.0, gamma: 0.7}",
            "ready",
            "cpo",
            {"loss": "simpo", "beta": 2.0, "margin": 0.7},
        ),
        ("{name: cpo, beta: 0.3, sft_weight: 0.0}", "ready", "cpo", {"beta": 0.3}),
        ("{name: cpo, beta: 0.3, sft_weight: 0.5}", "single", "cpo", {"beta": 0.3, "weight": 0.5}),
        ("{name: cpo}", "even", "cpo", {"beta": 0.1, "weight": 1.0}),
        ("{name: orpo, odds_weight: 0.5}", "even", "orpo", {"weight": 0.5}),
    ],
)
def test_losses_without_a_reference_are_trls(request, settings, method, world, side, asked):
    """Step by step, SimPO, CPO with and without its likelihood, and ORPO are TRL's to 1e-5 of their size.

    TRL's likelihood is the mean over a batch's tokens, ours over rows of each row's own mean: one where a step has one
    row, or rows of one length. ORPO's runs over the prompt too, CPO's does not (TRL 1.16).
    """
    made = request.getfixturevalue(world)
    ours = run(made.job("align", f"train.learning_rate={RATE}", f"method={method}"), settings)
    same(ours, run(made.peer(f"benchmarks.sides.trl_free:{side}", learning_rate=RATE, **asked), settings))


def test_kto_takes_the_same_losses(whole, settings):
    """Step by step KTO's losses are KTOTrainer's to 1e-5, with its reference point, which matters here, and without."""
    found = {}
    for point, loss in (("mismatched", "kto"), ("zero", "apo_zero_unpaired")):
        method = f"{{name: kto, reference_point: {point}, desirable_weight: 3.0, undesirable_weight: 0.5}}"
        found[point] = run(whole.job("align", f"train.learning_rate={RATE}", f"method={method}"), settings)
        asked = {"learning_rate": RATE, "loss": loss, "desirable": 3.0, "undesirable": 0.5}
        theirs = run(whole.peer("benchmarks.sides.trl:kto", **asked), settings)
        assert moved(found[point]) > 1e-2
        assert apart(found[point], theirs) < 1e-5
    assert apart(found["mismatched"], found["zero"]) > 1e-2


def test_reward_models_take_the_same_losses(ready, settings):
    """From the same head, our oracle's Bradley-Terry loss without its SFT term is RewardTrainer's to 1e-5."""
    asked = (ready.text(ORACLE), f"oracle.learning_rate={RATE}", "method={name: drdo}")
    ours = run(ready.job("oracle", *asked), settings)
    theirs = run(ready.peer("benchmarks.sides.trl:reward", head_seed=0, learning_rate=RATE), settings)
    assert moved(ours) > 1e-2
    assert apart(ours, theirs) < 1e-5


def test_sft_takes_the_same_losses_a_row_a_step(single, settings):
    """With one row a step, our SFT loss is SFTTrainer's to 1e-5."""
    ours = run(single.job("sft", single.text(SFT), f"student.sft.learning_rate={RATE}"), settings)
    theirs = run(single.peer("benchmarks.sides.trl:sft", setting="plain", learning_rate=RATE), settings)
    assert moved(ours) > 1e-2
    assert apart(ours, theirs) < 1e-5
