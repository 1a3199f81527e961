"""Estimates: steps, memory by ZeRO stage, and seconds from earlier artifacts."""

from __future__ import annotations

import pytest
from plan_world import SPEC

from drdoctl.plan.estimate import GIB, estimates, training_steps

RESOURCES = {
    "processes": 1,
    "micro_tokens": None,
    "micro_batch": 1,
    "zero_stage": 0,
    "offload": "none",
    "gradient_checkpointing": False,
    "device": "auto",
}


def estimate(world, name, sets=(), **resources):
    """Return the estimate of one stage."""
    wants = world.wants(*sets)
    found = estimates(wants, world.store, {**RESOURCES, **resources})
    return next(one for want, one in zip(wants, found, strict=True) if want.id == name)


def large(world):
    """Give the world a student of 125 M parameters, so that memory shows in GiB."""
    world.spec.write_text(SPEC.replace("model: ./base", "model: facebook/opt-125m"))
    return world


@pytest.mark.parametrize(
    ("settings", "rows", "steps"),
    [
        ({"max_steps": 7, "epochs": None, "global_batch": 4}, 95, 7),
        ({"max_steps": None, "epochs": 1, "global_batch": 4}, 95, 23),
        ({"max_steps": None, "epochs": 0.01, "global_batch": 4}, 95, 1),
        ({"max_steps": None, "epochs": 2, "global_batch": 4}, None, 0),
    ],
)
def test_steps(settings, rows, steps):
    """`max_steps`, or whole global batches; at least one, and 0 where the rows are unknown."""
    assert training_steps(settings, rows) == steps


def test_steps_are_the_trainers():
    """The estimate and the trainer count steps alike."""
    from drdoctl.train.schedule import total_steps

    for epochs in (0.1, 0.5, 1, 1.7, 3):
        for rows in (5, 64, 95, 1000):
            settings = {"max_steps": None, "epochs": epochs, "global_batch": 32}
            assert training_steps(settings, rows) == total_steps(settings, rows)


def test_zero_stages_share_memory(world):
    """Stage 1 shares AdamW's moments among the processes, 2 the gradients too, 3 the weights too."""
    world = large(world)
    byte_count = 125_239_296 * 4 / GIB
    plain = estimate(world, "sft").memory_gib
    shared = [estimate(world, "sft", processes=2, zero_stage=stage).memory_gib for stage in (0, 1, 2, 3)]
    saved = [plain - one for one in shared]
    assert saved == pytest.approx([0, byte_count, 1.5 * byte_count, 2 * byte_count], abs=0.01)


def test_offload_and_checkpointing_save_memory(world):
    """Offload takes the optimizer off the GPU but not off the CPU; checkpointing saves activations."""
    world = large(world)
    plain = estimate(world, "sft", zero_stage=1).memory_gib
    assert estimate(world, "sft", zero_stage=1, offload="optimizer").memory_gib < plain - 0.9
    assert estimate(world, "sft", zero_stage=1, offload="optimizer", device="cpu").memory_gib == plain
    assert estimate(world, "sft", micro_batch=64).memory_gib > plain
    many = estimate(world, "sft", micro_batch=512).memory_gib
    assert estimate(world, "sft", micro_batch=512, gradient_checkpointing=True).memory_gib < many


def test_training_flops_are_three_forward_passes(world):
    """6 FLOPs a weight and token, and a little for attention and the LM head."""
    world = large(world)
    found = estimate(world, "align[drdo]")
    assert found.steps == 23
    assert found.flops == pytest.approx(6 * 125e6 * found.tokens, rel=0.35)
    assert found.disk_gib == pytest.approx(125_239_296 * 4 / GIB, rel=0.01)


def test_seconds_only_with_a_basis(world):
    """Without earlier artifacts there are no seconds; with them, those of the same kind tell the speed."""
    assert estimate(world, "align[drdo]").seconds is None
    world.make(seconds=8.0)
    sets = ("method.alpha=0.2", "train.epochs=2")
    found = estimate(world, "align[drdo]", sets)
    assert found.seconds == pytest.approx(16.0, rel=0.1)
    assert estimate(world, "data", ("seed=1",)).seconds is None


def test_members_cost_a_pass_each(world):
    """Rewards of two members cost twice those of one oracle."""
    one = estimate(world, "rewards").flops
    sets = ("method={name: e-dpo, members: 2}",)
    assert estimate(world, "rewards[e-dpo]", sets).flops == pytest.approx(2 * one, rel=0.01)


def test_unknown_models_have_no_figures(world):
    """A model of which nothing is known has steps, but no FLOPs and no memory."""
    world.spec.write_text(SPEC.replace("model: ./base", "model: org/unheard-of"))
    found = estimate(world, "sft")
    assert (found.steps, found.flops, found.memory_gib) == (23, 0, 0)


def test_old_guesses_do_not_skew_the_speed(world):
    """Artifacts whose FLOPs were guessed before the rows were counted still give the right seconds."""
    world.make(seconds=8.0)
    honest = estimate(world, "align[drdo]", ("method.alpha=0.2",)).seconds
    for name in [path.name for path in world.store.artifacts.iterdir()]:
        world.store.path(name).rename(world.store.path(f"gone-{name}"))
    guessed = {stage.want.id: stage.estimate.flops / 3 for stage in world.plan().stages}
    for stage in world.plan().stages:
        world.commit(stage.want, 8.0, {"flops": guessed[stage.want.id]})
    assert estimate(world, "align[drdo]", ("method.alpha=0.2",)).seconds == pytest.approx(honest, rel=0.02)
