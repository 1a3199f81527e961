"""What a card says beside a model's identity: from the store where it is there, measured once where it is not."""

from __future__ import annotations

import json

import pytest
import zoo_things

from drdoctl.core.fingerprint import digest
from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.zoo.measured import CACHE, measured
from drdoctl.zoo.probes import TEXTS
from drdoctl.zoo.pull import pull
from drdoctl.zoo.push import pack, push

PROBE = {"name": "short", "prompt": "a", "response": "b", "score": 2.0}
ROW = {"value": 0.7, "low": 0.6, "high": 0.8, "count": 40}
REWARD = {"count": 80, "mean": 0.1, "std": 1.0, "min": -2.0, "max": 2.0, "quantiles": {"0.5": 0.0}}


class Measure:
    """Stands in for the child, and remembers what it was asked."""

    def __init__(self, **more):
        self.asked = []
        self.more = more

    def __call__(self, request):
        self.asked.append(request)
        scored = {"probes": [PROBE], "difference": 0.01, "by_hand": True, "rendering": {"template": "plain"}}
        held_out = {"reward": REWARD, "quality": {"accuracy": ROW}, "pairs": [40, 50]} if request["pairs"] else {}
        return {**scored, **held_out, **self.more}


@pytest.fixture
def line(store):
    """An oracle with its data in the store; the value makes the stages that rest on it."""
    data = Want("data", 1, {"data.template": "none"})
    oracle = Want("oracle", 1, {"oracle.seed": 1}, {"data": data})
    zoo_things.commit(store, data, {"eval.parquet": b"PAR1"})
    zoo_things.commit(store, oracle, zoo_things.FILES)
    return data, oracle


def test_measured_once(store, line):
    """The child is asked once for an artifact; what it said makes the same card again, also without it."""
    measure = Measure()
    first = pack(store, line[1].artifact, "thing", measure=measure).card
    assert (measure.asked[0]["role"], measure.asked[0]["template"]) == ("oracle", "none")
    assert measure.asked[0]["pairs"]["data"].endswith(line[0].artifact)
    assert first.tolerance == {"float32": 0.002, "bfloat16": 0.04}
    assert first.quality == {"accuracy": ROW, "data": f"the first 40 of 50 held-out pairs of `{line[0].artifact}`"}
    assert first.reward["data"] == first.quality["data"]
    assert pack(store, line[1].artifact, "thing", measure=measure).card.to_bytes() == first.to_bytes()
    assert pack(store, line[1].artifact, "thing").card.to_bytes() == first.to_bytes()
    assert len(measure.asked) == 1


def test_it_goes_on_with_the_model(store, line, tmp_path):
    """Pulled elsewhere and pushed on, the card says the same, and nothing is measured again."""
    card = pack(store, line[1].artifact, "thing", measure=Measure()).card
    push(pack(store, line[1].artifact, "thing"), str(tmp_path / "zoo"))
    elsewhere = Store(tmp_path / "elsewhere")
    pull(elsewhere, "zoo/thing", str(tmp_path / "zoo"))
    measure = Measure()
    assert pack(elsewhere, line[1].artifact, "thing", measure=measure).card.to_bytes() == card.to_bytes()
    assert measure.asked == []


def test_rewards_of_a_stage_are_taken(store, line):
    """Where a rewards stage has scored the held-out pairs, the child reads them in place of scoring."""
    data, oracle = line
    rewards = Want("rewards", 1, {}, {"data": data, "oracle-0": Want("oracle", 1, {"x": 1}), "oracle-1": oracle})
    zoo_things.commit(store, rewards, {"eval.parquet": b"PAR1"})
    measure = Measure()
    measured(store, oracle.artifact, measure)
    assert measure.asked[0]["pairs"]["member"] == 1
    assert measure.asked[0]["pairs"]["rewards"].endswith(f"{rewards.artifact}/eval.parquet")


def test_quality_of_a_stage_is_taken(store, line):
    """Figures that an evaluation has measured on all held-out pairs go before what publishing would measure."""
    data, oracle = line
    figures = [
        {"metric": "accuracy", "unit": "share", **ROW, "value": 0.75},
        {"metric": "accuracy", **ROW, "value": 0.5, "group": "subset chat"},
        {"metric": "accuracy", **ROW, "value": 0.1, "test_set": "other"},
    ]
    want = Want("evaluate", 1, {"evaluate.of": "oracle"}, {"data": data, "oracle-0": oracle}, label="oracle")
    zoo_things.commit(store, want, {"figures.json": json.dumps({"figures": figures}).encode()})
    found = measured(store, oracle.artifact, Measure())
    assert found["quality"] == {"accuracy": {**ROW, "value": 0.75}, "data": f"the held-out pairs of `{data.artifact}`"}
    assert found["reward"]["count"] == 80


def test_a_member_of_an_ensemble(store, line):
    """Of an ensemble's figures a member's card has its own, and how the members agree."""
    data, oracle = line
    figures = [
        {"metric": "accuracy", **ROW, "value": 0.9},
        {"metric": "accuracy", **ROW, "value": 0.8, "group": "member 0"},
        {"metric": "accuracy", **ROW, "value": 0.6, "group": "member 1"},
        {"metric": "member_agreement", **ROW, "value": 0.95, "group": "members 0 and 1"},
    ]
    inputs = {"data": data, "oracle-0": Want("oracle", 1, {"x": 1}), "oracle-1": oracle}
    want = Want("evaluate", 1, {"evaluate.of": "oracle"}, inputs, label="members")
    zoo_things.commit(store, want, {"figures.json": json.dumps({"figures": figures}).encode()})
    found = measured(store, oracle.artifact, Measure())["quality"]
    assert found["accuracy"]["value"] == 0.6
    assert [one["value"] for one in found["agreement"]] == [0.95]


def test_what_is_not_known_is_said(store, line, student):
    """A card says why it lacks probes, rewards or quality."""
    assert "without them" in pack(store, line[1].artifact, "thing").card.unmeasured[0]
    skipped = pack(store, student, "student", measure=lambda _: {"skipped": "the base is absent"}).card
    assert "probes: the base is absent" in skipped.unmeasured
    lone = zoo_things.make_artifact(store, "oracle", seed=7)
    assert "not in the store" in pack(store, lone, "thing", measure=Measure()).card.unmeasured[0]
    by_hand = measured(store, line[1].artifact, Measure(by_hand=False))["unmeasured"]
    assert "drdoctl score" in by_hand[0]


def test_a_student_lacks_no_quality(store, line, student):
    """Quality is a reward model's: no student's card misses it, and what was kept of one before is not told."""
    for measure in (None, Measure(), Measure()):
        assert not any("quality" in text for text in measured(store, student, measure).get("unmeasured", []))
    data, _ = line
    align = Want("align", 1, {"method.alpha": 0.2}, {"data": data})
    zoo_things.commit(store, align, zoo_things.FILES)
    assert "unmeasured" not in measured(store, align.artifact, Measure())
    kept = store.root / CACHE / f"{align.artifact}.json"
    files = {name: fact["sha256"] for name, fact in store.manifest(align.artifact)["files"].items()}
    of_before = {"files": files, "texts": [dict(text) for text in TEXTS], "quality": {}, "about": "", "pairs": {}}
    false = {"unmeasured": ["quality: the data it was trained on is not in the store that published it"]}
    kept.write_text(json.dumps({"format": 1, "key": digest(of_before), "fields": false}))
    assert "unmeasured" not in measured(store, align.artifact, Measure())
