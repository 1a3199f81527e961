"""The compiled stages: what combinations share, what a change reaches, and that only content counts."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plan_world import MATRIX, SPEC, pair, write_model

from drdoctl.core.errors import UserError

ONE_METHOD = "method: {name: drdo, alpha: 0.1, reference: false}\n"


def by_id(wants):
    """Return stage id -> fingerprint."""
    return {want.id: want.fingerprint for want in wants}


def changed(world, *sets):
    """Return the ids whose fingerprint the `--set` values change."""
    before, after = by_id(world.wants()), by_id(world.wants(*sets))
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def below(wants, roots):
    """Return the ids of some stages and of all that rests on them."""
    return {want.id for want in wants if {other.id for other in want.walk()} & roots}


@pytest.fixture
def many(world):
    """Return the world with a matrix of three methods."""
    world.spec.write_text(SPEC.replace(ONE_METHOD, "") + MATRIX)
    return world


def test_stages_come_inputs_first_and_once(many):
    """Every stage follows its inputs, ids and artifacts are unique, and inputs are the very stages of the list."""
    wants = many.wants()
    seen = []
    for want in wants:
        assert all(any(other is known for known in seen) for other in want.inputs.values())
        seen.append(want)
    assert len({want.id for want in wants}) == len({want.artifact for want in wants}) == len(wants)


def test_a_matrix_shares_what_it_can(many):
    """SFT, the oracle, its rewards, log-probabilities and the start model's evaluation are there once."""
    assert [want.id for want in many.wants()] == [
        "data",
        "sft",
        "oracle",
        "oracle[member-0]",
        "oracle[member-1]",
        "rewards",
        "rewards[e-dpo]",
        "logps",
        "align[drdo]",
        "align[dpo]",
        "align[e-dpo]",
        "evaluate[sft]",
        "evaluate[drdo]",
        "evaluate[dpo]",
        "evaluate[e-dpo]",
    ]


def test_a_combination_is_the_same_alone(many):
    """A student of a matrix has the name that it has in a spec of its own."""
    together = by_id(many.wants())
    many.spec.write_text(SPEC)
    alone = by_id(many.wants())
    assert alone.items() <= together.items()


def test_a_member_that_equals_the_oracle_is_the_oracle(many):
    """With `sft_weight: 0` the first member is the spec's oracle, under the oracle's id."""
    ids = by_id(many.wants("oracle.sft_weight=0.0"))
    assert "oracle" in ids
    assert "oracle[member-0]" not in ids
    assert "oracle[member-1]" in ids
    rewards = next(want for want in many.wants("oracle.sft_weight=0.0") if want.id == "rewards[e-dpo]")
    assert [want.id for want in rewards.inputs.values()] == ["data", "oracle", "oracle[member-1]"]


def test_axes_below_the_method_tell_stages_apart(world):
    """Two seeds make two of everything, named by the seed; two learning rates share all but the students."""
    world.spec.write_text(SPEC + "matrix: {seed: [1, 2]}\n")
    ids = [want.id for want in world.wants()]
    assert {"sft[seed=1]", "sft[seed=2]", "align[drdo,seed=1]", "evaluate[sft,seed=2]"} <= set(ids)
    world.spec.write_text(SPEC + "matrix: {train.learning_rate: [1.0e-5, 2.0e-5], seed: [1, 2]}\n")
    named = {want.id: want.asked_by for want in world.wants()}
    rates = ("drdo,learning_rate=1e-05", "drdo,learning_rate=2e-05")
    assert named["sft[seed=1]"] == tuple(f"{rate},seed=1" for rate in rates)
    assert named[f"align[{rates[1]},seed=2]"] == (f"{rates[1]},seed=2",)
    world.spec.write_text(SPEC + "matrix: {train.learning_rate: [1.0e-5, 2.0e-5]}\n")
    kinds = [want.kind for want in world.wants()]
    assert [kinds.count(kind) for kind in ("data", "sft", "oracle", "align", "evaluate")] == [1, 1, 1, 2, 3]


def test_method_sft_does_not_take_the_start_models_name(world):
    """`evaluate[sft]` is the start model's, even beside a student aligned by the method `sft`."""
    world.spec.write_text(SPEC.replace(ONE_METHOD, "method: sft\n"))
    wants = {want.id: want for want in world.wants()}
    assert wants["evaluate[sft]"].inputs["policy"].id == "sft"
    assert wants["evaluate[align-sft]"].inputs["policy"].id == "align[sft]"
    world.spec.write_text(SPEC.replace(ONE_METHOD, "method: sft\n") + "matrix: {seed: [1, 2]}\n")
    found = world.wants()
    wants = {want.id: want for want in found}
    assert len(wants) == len(found)
    assert wants["evaluate[sft,seed=2]"].inputs["policy"].id == "sft[seed=2]"
    assert wants["evaluate[align-sft,seed=2]"].inputs["policy"].id == "align[sft,seed=2]"


def test_without_sft_the_base_is_the_start_model(world):
    """`student.sft: false` drops the stage; the base model's hash enters what reads it."""
    wants = {want.id: want for want in world.wants("student.sft=false")}
    assert "sft" not in wants
    for name in ("align[drdo]", "evaluate[sft]"):
        assert "student.model" in wants[name].externals
        assert wants[name].locations["student.model"]["path"] == str(world.base)


def test_oracle_from_the_students_sft(world):
    """`oracle.model: sft` trains the oracle from the SFT artifact."""
    wants = {want.id: want for want in world.wants("oracle.model=sft")}
    assert wants["oracle"].inputs["policy"].id == "sft"
    assert not wants["oracle"].externals


def test_a_finished_oracle_is_not_a_stage(world):
    """A local reward model is used as it is: rewards and evaluations name its hash."""
    write_model(world.root / "judge", fill=3, architectures=["LlamaForSequenceClassification"], num_labels=1)
    world.spec.write_text(SPEC.replace("oracle: {model: ./base, global_batch: 4}", "oracle: {model: ./judge}"))
    wants = {want.id: want for want in world.wants()}
    assert "oracle" not in wants
    assert wants["rewards"].externals == wants["evaluate[drdo]"].externals
    assert wants["rewards"].locations["oracle.model"]["path"] == str(world.root / "judge")
    assert wants["evaluate[drdo]"].warnings == ("judge = teacher",)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_change_reaches_exactly_what_rests_on_it(many, data):
    """Whatever is edited, the stages whose names change are those that read it, and all below them."""
    reads = {
        "seed=8": {"data"},
        "data.max_rows=50": {"data"},
        "student.dtype=bf16": {"sft", "logps", "align[drdo]", "align[dpo]", "align[e-dpo]", "evaluate[sft]"},
        "student.sft.epochs=2": {"sft"},
        "student.sft.rows=chosen": {"data"},
        "oracle.epochs=2": {"oracle", "oracle[member-0]", "oracle[member-1]"},
        "oracle.sft_weight=0.5": {"oracle"},
        "train.epochs=2": {"align[drdo]", "align[dpo]", "align[e-dpo]"},
        "matrix.method.0.alpha=0.3": {"align[drdo]"},
        "matrix.method.2.gamma=0.3": {"align[e-dpo]"},
        "evaluate.0.top_p=0.5": {"evaluate[sft]"},
        "resources.micro_batch=2": set(),
        "resources.processes=2": set(),
        "name=another": set(),
    }
    sets = data.draw(st.lists(st.sampled_from(sorted(reads)), min_size=1, max_size=3, unique=True))
    roots = set().union(*(reads[one] for one in sets))
    assert changed(many, *sets) == below(many.wants(), roots)


def test_content_counts_and_nothing_else(world):
    """Touching, copying, comments and the order of keys change no name."""
    before = by_id(world.wants())
    for path in (world.data, world.base / "model.safetensors", world.base / "config.json"):
        os.utime(path, (1, 1))
    world.spec.write_text("# a comment\n" + "\n".join(_blocks_reversed(SPEC)) + "\n")
    assert by_id(world.wants()) == before
    shutil.copy(world.data, world.root / "copy.jsonl")
    assert by_id(world.wants("data.source.jsonl=copy.jsonl")) == before
    shutil.copytree(world.base, world.root / "moved")
    assert by_id(world.wants("student.model=./moved", "oracle.model=./moved")) == before


def _blocks_reversed(text):
    """Return the top-level entries of a YAML mapping, last first."""
    blocks = []
    for line in text.splitlines():
        if line.startswith((" ", "-")):
            blocks[-1] += "\n" + line
        else:
            blocks.append(line)
    return blocks[::-1]


def test_one_row_changes_everything_below_the_data(world):
    """One changed row, with size and times kept, gives every stage another name."""
    before = by_id(world.wants())
    state = world.data.stat()
    world.data.write_text(world.data.read_text().replace("yes 42", "yes 43"))
    os.utime(world.data, ns=(state.st_atime_ns, state.st_mtime_ns))
    after = by_id(world.wants())
    assert {name for name in before if before[name] == after[name]} == set()


def test_weights_and_tokenizer_are_content(world):
    """Other weights of the student's base reach `sft` and below; another tokenizer reaches `data`."""
    before = by_id(world.wants())
    write_model(world.root / "oracle-base")
    moved = by_id(world.wants("oracle.model=./oracle-base"))
    assert moved == before
    write_model(world.root / "oracle-base", fill=9)
    after = by_id(world.wants("oracle.model=./oracle-base"))
    assert {name for name in before if before[name] != after[name]} == {
        "oracle",
        "rewards",
        "align[drdo]",
        "evaluate[sft]",
        "evaluate[drdo]",
    }
    (world.base / "tokenizer_config.json").write_text("{}")
    assert before["data"] != by_id(world.wants())["data"]


def test_two_tokenizers_are_told_apart(world):
    """The data stage tokenises for the oracle too where, and only where, its tokenizer is another one."""
    data = world.wants()[0]
    assert "oracle.tokenizer" not in data.locations
    other = write_model(world.root / "other")
    (other / "tokenizer_config.json").write_text('{"model_max_length": 9}')
    data = world.wants("oracle.model=./other")[0]
    assert data.locations["oracle.tokenizer"] == {"path": str(other)}
    assert data.externals["oracle.tokenizer"] != data.externals["student.tokenizer"]


def test_combinations_without_an_oracle_share_the_data(world):
    """In a matrix, a method that needs no oracle reads the same data as one that does."""
    other = write_model(world.root / "other")
    (other / "tokenizer_config.json").write_text("{}")
    spec = SPEC.replace(ONE_METHOD, "").replace("oracle: {model: ./base", "oracle: {model: ./other")
    spec = spec.partition("evaluate:")[0] + "matrix:\n  method: [{name: drdo}, {name: dpo}]\n"
    world.spec.write_text(spec)
    assert [want.kind for want in world.wants()].count("data") == 1


def test_all_faults_at_once(world):
    """A missing data file, a folder without tokenizer and an unknown architecture are named together."""
    world.data.unlink()
    (world.base / "tokenizer.json").unlink()
    write_model(world.root / "strange", model_type="mamba")
    with pytest.raises(UserError) as caught:
        world.wants("oracle.model=./strange")
    codes = [fault.code for fault in caught.value.faults]
    assert {"no-tokenizer", "unknown-architecture"} < set(codes)
    assert len(codes) == 3


def test_paths_stay_out_of_names(world, tmp_path_factory):
    """The same files in another folder give the same stages."""
    before = by_id(world.wants())
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "deep"
    shutil.copytree(world.root, elsewhere)
    world.spec = elsewhere / "spec.yaml"
    assert by_id(world.wants()) == before


def test_a_line_more_is_another_file(world):
    """Rows that are added are counted, and change the data's name."""
    first = world.wants()[0]
    with world.data.open("a") as file:
        file.write(pair(1000))
    second = world.wants()[0]
    assert (first.sizes["rows"], second.sizes["rows"]) == (100, 101)
    assert first.fingerprint != second.fingerprint
