"""What an evaluation samples, as a plan counts it: the data's prompts, and instructions of an eval's own file."""

from __future__ import annotations

import json

import pytest
from plan_world import World

from drdoctl.core.errors import UserError
from drdoctl.plan.estimate import estimates
from drdoctl.plan.sampled import Sampled, sampled
from drdoctl.plan.sizes import Rows, basis_of

ASKED = "evaluate=[{name: alpaca-eval, instructions: asked.json, max_new_tokens: 8}]"
RESOURCES = {
    "processes": 1, "micro_tokens": None, "micro_batch": 1, "zero_stage": 0, "offload": "none",
    "gradient_checkpointing": False, "device": "auto",
}  # fmt: skip


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Return a world with three instructions."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    made = World(tmp_path)
    write(tmp_path / "asked.json", 40, 80, 120)
    return made


def write(path, *lengths):
    """Write instructions of so many characters."""
    path.write_text(json.dumps([{"instruction": f"{row}" * length} for row, length in enumerate(lengths)]))


def evaluation(world, *sets):
    """Return the student's evaluate stage."""
    return next(want for want in world.wants(*sets) if want.kind == "evaluate")


def test_instructions_are_counted_by_their_characters(world):
    """Four characters are a token; answers are as long as the references, up to the limit; no judge reads them."""
    want = evaluation(world, ASKED)
    assert list(sampled(want, Rows(5, 10.0, 6.0, 6.0, 30.0, 1.0))) == [Sampled(3, 20.0, 6.0, 30.0, 8, judged=False)]
    assert list(sampled(want, None)) == [Sampled(3, 20.0, 8, 30.0, 8, judged=False)]


def test_the_plan_states_what_they_cost(world):
    """The evaluate stage has tokens and FLOPs where it only answers instructions."""
    wants = world.wants(ASKED)
    found = estimates(wants, basis_of(wants, world.store), RESOURCES)
    one = next(one for want, one in zip(wants, found, strict=True) if want.kind == "evaluate")
    assert one.tokens >= 3 * 20
    assert one.flops > 0


def test_the_content_names_the_stage_and_the_path_does_not(world, tmp_path):
    """Instructions that moved give the same artifact, others give another, and the number asked for counts."""
    before = evaluation(world, ASKED)
    assert str(tmp_path) not in json.dumps(before.settings)
    (tmp_path / "asked.json").rename(tmp_path / "moved.json")
    assert evaluation(world, ASKED.replace("asked", "moved")).fingerprint == before.fingerprint
    fewer = ASKED.replace("asked.json", "moved.json, prompts: 2")
    assert len(evaluation(world, fewer).sizes["instructed"][0][0]) == 2
    assert evaluation(world, fewer).fingerprint != before.fingerprint
    write(tmp_path / "asked.json", 40, 80, 121)
    after = evaluation(world, ASKED)
    assert after.fingerprint != before.fingerprint
    assert after.sizes["instructed"][0][0] == (40, 80, 121)


def test_a_server_may_sample_them(world):
    """Answering instructions is sampling: `sampler: server` has an effect, and is in the stage's name."""
    want = evaluation(world, ASKED, "sampler=server")
    assert want.settings["sampler"] == "server"
    assert want.fingerprint != evaluation(world, ASKED).fingerprint


def test_bad_instructions_stop_the_plan(world, tmp_path):
    """What is wrong with the file is said before anything runs."""
    (tmp_path / "asked.json").write_text('[{"instruct": "x"}]')
    with pytest.raises(UserError, match="there is no `instruction`"):
        world.wants(ASKED)
