"""Estimates: steps, FLOPs, money, and seconds from earlier artifacts."""

from __future__ import annotations

import pytest
from plan_world import SPEC, told

from drdoctl.plan.estimate import estimates, training_steps
from drdoctl.plan.memory import GIB
from drdoctl.plan.sizes import basis_of

ADAPTER = 12 * (4 * 2 * 768 + 2 * (768 + 3072))
"""Weights of a rank-1 adapter on every matrix of OPT-125m: 12 layers, 4 matrices of attention, 2 of the MLP."""
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
    found = estimates(wants, basis_of(wants, world.store), {**RESOURCES, **resources})
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


def test_money_is_seconds_at_the_price(world):
    """Money is there only with a price, and is price x seconds / 3600."""
    assert estimate(world, "sft").cost is None
    found = estimate(world, "sft", price_per_hour=7.2)
    assert found.cost == pytest.approx(7.2 * found.seconds / 3600, abs=1e-4)
    assert "cost" not in estimate(world, "sft").as_dict()


def test_the_parts_of_memory_add_up(world):
    """The memory of a stage is the sum of its parts, as far as rounding goes, and a data stage has none."""
    world = large(world)
    for name in ("sft", "rewards", "logps", "align[dpo]", "evaluate[dpo]"):
        found = estimate(
            world, name, ("method={name: dpo}", "oracle.model=facebook/opt-125m") if name != "rewards" else ()
        )
        assert sum(found.memory.values()) == pytest.approx(found.memory_gib, abs=0.01)
    assert estimate(world, "data").memory == {}


def test_an_adapter_trains_less(world):
    """With LoRA, gradients and moments are those of the adapter alone, whose weights come on top of the model's."""
    world = large(world)
    full = estimate(world, "sft").memory
    adapter = estimate(world, "sft", ("student.lora={rank: 64}",)).memory
    own = ADAPTER * 64 * 4 / GIB
    assert adapter["weights"] - full["weights"] == pytest.approx(own, abs=0.001)
    assert (adapter["gradients"], adapter["optimizer"]) == pytest.approx((own, 2 * own), abs=0.001)


def test_an_adapter_left_alone_takes_its_own_room(world):
    """On disk an adapter that is not merged is as large as its weights; SFT's always is one, a merged one never is."""
    world = large(world)
    own, whole = pytest.approx(ADAPTER * 64 * 4 / GIB, abs=1e-4), pytest.approx(125_239_296 * 4 / GIB, rel=0.01)
    alone = ("student.lora={rank: 64, merge: false}",)
    assert estimate(world, "sft", alone).disk_gib == own
    assert estimate(world, "align[drdo]", alone).disk_gib == own
    merged = ("student.lora={rank: 64}",)
    assert estimate(world, "sft", merged).disk_gib == own
    assert estimate(world, "align[drdo]", merged).disk_gib == whole
    assert estimate(world, "sft").disk_gib == whole


def test_an_oracle_left_as_an_adapter_is_saved_as_one(world):
    """What is left of an oracle is an adapter, or a whole model, which is a second one while it is saved."""
    world = large(world)
    alone, merged = (
        estimate(world, "oracle", (f"oracle={{model: facebook/opt-125m, lora: {{merge: {merge}}}}}",))
        for merge in ("false", "true")
    )
    assert alone.disk_gib < 0.05 * merged.disk_gib
    assert merged.memory_gib > alone.memory_gib + 0.9 * 125_239_296 * 4 / GIB


def test_training_flops_are_three_forward_passes(world):
    """6 FLOPs a weight and token, and a little for attention and the LM head."""
    world = large(world)
    found = estimate(world, "align[drdo]")
    assert found.steps == 23
    assert found.flops == pytest.approx(6 * 125e6 * found.tokens, rel=0.35)
    assert found.disk_gib == pytest.approx(125_239_296 * 4 / GIB, rel=0.01)


def test_seconds_rest_on_earlier_artifacts(world):
    """Without earlier artifacts the seconds are assumed; with them, those of the same kind tell the speed."""
    before = estimate(world, "align[drdo]")
    assert (before.basis, estimate(world, "align[drdo]", gflops=45.0).basis) == ("assumed", "given")
    for factor in (4.0, 40.0):
        for stage in world.plan().stages:
            if stage.action != "reuse":
                world.commit(stage.want, factor * stage.estimate.nominal_seconds, told(stage.estimate))
        found = estimate(world, "align[drdo]", ("method.alpha=0.2", "train.epochs=2"))
        assert found.basis == "earlier"
        assert found.seconds == pytest.approx(4.0 * found.nominal_seconds, rel=0.05)


def test_members_cost_a_pass_each(world):
    """Rewards of two members cost twice those of one oracle."""
    one = estimate(world, "rewards").flops
    sets = ("method={name: e-dpo, members: 2}",)
    assert estimate(world, "rewards[e-dpo]", sets).flops == pytest.approx(2 * one, rel=0.01)


def test_unknown_models_have_no_figures(world):
    """A model of which nothing is known has steps, but no FLOPs, no memory and no seconds."""
    world.spec.write_text(SPEC.replace("model: ./base", "model: org/unheard-of"))
    found = estimate(world, "sft")
    assert (found.steps, found.flops, found.memory_gib, found.seconds, found.basis) == (23, 0, 0, None, None)


def test_old_guesses_do_not_skew_the_speed(world):
    """Artifacts whose work was guessed before the rows were counted still give the right seconds."""
    world.make(seconds=8.0)
    honest = estimate(world, "align[drdo]", ("method.alpha=0.2",)).seconds
    for name in [path.name for path in world.store.artifacts.iterdir()]:
        world.store.path(name).rename(world.store.path(f"gone-{name}"))
    for stage in world.plan().stages:
        facts = told(stage.estimate)
        guessed = {name: facts[name] / 3 for name in ("flops", "nominal_seconds")}
        world.commit(stage.want, 8.0, {**facts, **guessed})
    assert estimate(world, "align[drdo]", ("method.alpha=0.2",)).seconds == pytest.approx(honest, rel=0.02)


def test_methods_that_look_further_cost_more(world):
    """Mismatched pairs cost KTO a forward pass a step; the reference's responses are drawn, scored and learnt on."""
    world = large(world)
    dpo, kto, zero, p_dpo, near = (
        estimate(world, f"align[{name}]", (f"method={{name: {name}{options}}}",)).flops
        for name, options in (
            ("dpo", ""),
            ("kto", ""),
            ("kto", ", reference_point: zero"),
            ("p-dpo", ""),
            ("p-dpo", ", kl_samples: 2"),
        )
    )
    assert dpo == zero == p_dpo
    assert kto == pytest.approx(4 / 3 * dpo, rel=0.01)
    assert near > 1.2 * p_dpo
    logged, other = (estimate(world, f"logps{of}", ("method=kto",)) for of in ("", "[mismatched]"))
    assert 0 < other.flops < logged.flops  # of the training rows alone
    few, many = (
        estimate(world, "logps[samples]", (f"method={{name: p-dpo, kl_samples: {count}}}",)) for count in (1, 4)
    )
    assert many.seconds > few.seconds > 0
    assert many.tokens > 2 * few.tokens


def test_pairs_that_the_rewards_stage_scored_are_not_scored_again(world):
    """A student that learned from the oracle has its rewards of held-out pairs; one that did not has them scored."""
    sets = ("evaluate=[{name: pair-accuracy}, {name: win-rate, max_new_tokens: 64}]",)
    taught, other = (
        estimate(world, f"evaluate[{name}]", (f"method={{name: {name}}}", *sets)) for name in ("d-dpo", "dpo")
    )
    assert 0 < taught.flops < other.flops
    assert taught.tokens == other.tokens


@pytest.mark.parametrize("source", ["hh-rlhf", "{hub: org/name}"])
def test_rows_that_nobody_knows_are_no_fault(world, source):
    """Before the data stage of such a source has run, stages have no FLOPs, and the plan is there all the same."""
    wants = world.wants(f"data.source={source}", "method.reference=true")
    found = estimates(wants, basis_of(wants, world.store), {**RESOURCES, "processes": 2})
    assert {"rewards", "logps", "align"} <= {want.kind for want in wants}
    assert not any(one.flops for one in found)


def test_memory_is_told_of_rows_that_nobody_knows(world):
    """Model, gradients and optimizer are known, and a micro-batch has its budget: what cannot fit is not said to."""
    held = {}
    for name, source in (("known", "notes"), ("unknown", "{hub: org/name}")):
        wants = world.wants(f"data.source={source}", "method={name: dpo}", "student.model=facebook/opt-125m")
        found = estimates(wants, basis_of(wants, world.store), RESOURCES)
        held[name] = {want.kind: one.memory_gib for want, one in zip(wants, found, strict=True)}
    for kind in ("sft", "logps", "align"):
        assert held["unknown"][kind] == pytest.approx(held["known"][kind], rel=0.25), kind


def evaluated(world, oracle, temperatures="[0.7]", **resources):
    """Return the estimate of evaluating a small student by an oracle, on the data's prompts."""
    one_way = "name: win-rate, judge: oracle, against: [reference], max_new_tokens: 64"
    judged = f"evaluate=[{{{one_way}, temperatures: {temperatures}}}]"
    wants = world.wants(f"oracle.model={oracle}", judged)
    found = estimates(wants, basis_of(wants, world.store), {**RESOURCES, **resources})
    return [one for want, one in zip(wants, found, strict=True) if want.kind == "evaluate"][-1]


def test_a_judge_takes_its_own_memory(world):
    """An evaluation needs what its largest reward model needs, though its student is small."""
    small, large = (evaluated(world, oracle).memory_gib for oracle in ("./base", "facebook/opt-125m"))
    assert large > small + 0.9 * 4 * 1.2e8 / GIB


def test_a_judge_reads_the_references_too(world):
    """It reads two groups of responses where there is one way of sampling, of three where there are two."""
    one, two = (evaluated(world, "facebook/opt-125m", ways).flops for ways in ("[0.7]", "[0.3, 0.7]"))
    assert two == pytest.approx(1.5 * one, rel=0.2)


def test_processes_share_what_they_can(world):
    """What has one piece, one process does alone; several ways of sampling are shared out together."""
    alone = [evaluated(world, "./base", ways, device="cpu") for ways in ("[0.7]", "[0.3, 0.5, 0.7, 0.9]")]
    shared = [evaluated(world, "./base", ways, device="cpu", processes=2) for ways in ("[0.7]", "[0.3, 0.5, 0.7, 0.9]")]
    more = [two.nominal_seconds - one.nominal_seconds for one, two in zip(alone, shared, strict=True)]
    assert more[0] == pytest.approx(0.3)  # processes that have to meet
    assert more[1] < more[0]
