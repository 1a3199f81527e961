"""The evaluate stage: what it is compared with, and what is stamped on its figures."""

from __future__ import annotations

from plan_world import SPEC

from drdoctl.core.words import KIN, TEACHER


def evaluations(world, *sets):
    """Return the evaluate stages by id."""
    return {want.id: want for want in world.wants(*sets) if want.kind == "evaluate"}


def test_stamps(world):
    """The judge that taught is stamped, kin of the teachers too, and a judge that taught nobody is not."""
    assert evaluations(world)["evaluate[drdo]"].warnings == (TEACHER,)
    assert evaluations(world, "method=dpo")["evaluate[dpo]"].warnings == ()
    ensemble = "method={name: e-dpo, members: 2}"
    assert evaluations(world, ensemble)["evaluate[e-dpo]"].warnings == (KIN,)
    assert evaluations(world, ensemble, "oracle.sft_weight=0.0")["evaluate[e-dpo]"].warnings == (TEACHER,)
    assert evaluations(world)["evaluate[sft]"].warnings == ()


def test_the_baseline_is_there_where_it_is_compared_with(world):
    """Without a comparison with the start model, it is not evaluated."""
    only_reference = "evaluate=[{name: win-rate, against: [reference]}]"
    assert set(evaluations(world, only_reference)) == {"evaluate[drdo]"}
    assert evaluations(world)["evaluate[drdo]"].inputs["baseline"].id == "evaluate[sft]"


def test_an_ensembles_rewards_are_not_the_oracles(world):
    """Pair accuracy reads cached rewards only where they are the spec's oracle's own."""
    assert "rewards" in evaluations(world)["evaluate[drdo]"].inputs
    found = evaluations(world, "method={name: e-dpo, members: 2}")["evaluate[e-dpo]"]
    assert "rewards" not in found.inputs
    assert found.inputs["oracle"].id == "oracle"


def test_nothing_to_measure_no_stage(world):
    """Without `evaluate` there is no such stage."""
    world.spec.write_text(SPEC.partition("evaluate:")[0])
    assert evaluations(world) == {}


def test_without_an_oracle_pairs_are_still_measured(world):
    """Pair accuracy needs no oracle; then no oracle's settings are read."""
    text = SPEC.partition("evaluate:")[0].replace("oracle: {model: ./base, global_batch: 4}\n", "")
    world.spec.write_text(
        text.replace("{name: drdo, alpha: 0.1, reference: false}", "dpo") + "evaluate: [pair-accuracy]\n"
    )
    found = evaluations(world)["evaluate[dpo]"]
    assert "oracle.dtype" not in found.settings
    assert set(found.inputs) == {"data", "policy", "baseline"}


def test_who_samples_is_part_of_the_result(world):
    """A server's samples are another result, drdoctl's own are what they were, and where the server runs is neither."""
    plain, own = evaluations(world), evaluations(world, "sampler=builtin")
    served = evaluations(world, "sampler=server")
    elsewhere = evaluations(world, "sampler=server", "resources.server={url: 'http://h:8000/v1', key_env: KEY}")
    for name, want in plain.items():
        assert "sampler" not in want.settings
        assert own[name].fingerprint == want.fingerprint
        assert served[name].settings["sampler"] == "server"
        assert served[name].fingerprint != want.fingerprint
        assert elsewhere[name].fingerprint == served[name].fingerprint


def test_what_samples_nothing_knows_no_sampler(world):
    """In a matrix, an evaluation without samples keeps its name whoever samples in the others."""
    axis = "matrix={evaluate: [[{name: pair-accuracy}], [{name: win-rate}]]}"
    plain = {want.fingerprint for want in evaluations(world, axis).values()}
    served = {want.fingerprint for want in evaluations(world, axis, "sampler=server").values()}
    assert len(plain & served) == len(plain) // 2


def test_choosing_students_divides_the_prompts(world):
    """With `select` the share is part of the result, of the start model's too; without it, nothing is what it was."""
    axes = "matrix={train.learning_rate: [0.1, 0.2]}"
    chosen = (axes, "select={metric: implicit_accuracy, over: train.learning_rate}")
    plain, divided = evaluations(world, axes), evaluations(world, *chosen)
    smaller = evaluations(world, *chosen, "data.validation_fraction=0.25")
    for name, want in plain.items():
        assert "data.validation_fraction" not in want.settings
        assert divided[name].settings["data.validation_fraction"] == 0.5
        assert smaller[name].settings["data.validation_fraction"] == 0.25
        assert len({want.fingerprint, divided[name].fingerprint, smaller[name].fingerprint}) == 3
        assert smaller[name].inputs["data"].fingerprint == want.inputs["data"].fingerprint


def test_who_judges_is_part_of_the_result_and_where_is_not(world, monkeypatch):
    """Model, prompt and the shipped texts name an evaluation; the server, its key and its price do not."""
    from drdoctl.evals import llm_judge

    def named(options="", server="url: 'http://a:1/v1'"):
        sets = (f"evaluate=[{{name: llm-judge, model: gpt{options}}}]", f"resources.judge={{{server}}}")
        return evaluations(world, "method=dpo", "oracle=null", *sets)["evaluate[dpo]"].fingerprint

    first = named()
    assert named(server="url: 'https://b/v1', key_env: KEY, concurrency: 2, retries: 0, timeout_seconds: 3") == first
    assert named(server="url: 'http://a:1/v1', price_per_million_tokens: {input: 1.0, output: 2.0}") == first
    others = [named(", against: [sft]"), named(", max_answer_tokens: 9"), named(", prompts: 3")]
    own = ", against: [sft], prompt: own.txt"
    for text in ("{prompt} {response_a} {response_b}", "which? {prompt} {response_a} {response_b}"):
        (world.root / "own.txt").write_text(text)
        others.append(named(own))
    (world.root / "moved.txt").write_text(text)
    assert named(own.replace("own.txt", "moved.txt")) == others[-1]
    monkeypatch.setattr(llm_judge, "shipped", lambda name: f"another {name} {{reference}}")
    others.append(named())
    assert len({first, *others}) == 1 + len(others)
