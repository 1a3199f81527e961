"""The publish stage: one for each artifact, with names that tell a matrix's students apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_world import MATRIX, SPEC

from drdoctl.core.errors import UserError
from drdoctl.spec.facts import Facts
from drdoctl.stages.publish import named_apart

PUBLISH = "publish: {student: zoo/mine@v1, oracle: zoo/judge}\nzoo: the-zoo\n"


def published(world):
    """Return the publish stages by id."""
    return {want.id: want for want in world.wants() if want.kind == "publish"}


def test_one_for_each_artifact(world):
    """Student and oracle are published apart; where the zoo and the base lie is no setting."""
    world.spec.write_text(SPEC + PUBLISH)
    found = published(world)
    assert {name: want.inputs["artifact"].id for name, want in found.items()} == {
        "publish[student]": "align[drdo]",
        "publish[oracle]": "oracle",
    }
    student = found["publish[student]"]
    assert student.settings == {"publish.name": "zoo/mine@v1", "publish.license": None, "publish.private": True}
    assert student.locations["zoo"] == str(world.root / "the-zoo")
    assert student.locations["base"]["path"] == str(world.base)


def test_a_matrix_appends_its_labels(world):
    """Each student of a matrix has a name of its own, the tag at its end; the oracle is published once."""
    world.spec.write_text(SPEC.replace("method: {name: drdo, alpha: 0.1, reference: false}\n", "") + MATRIX + PUBLISH)
    assert {want.settings["publish.name"] for want in published(world).values()} == {
        "zoo/mine-drdo@v1",
        "zoo/mine-dpo@v1",
        "zoo/mine-e-dpo@v1",
        "zoo/judge",
    }


@pytest.mark.parametrize("values", ["[0.1, 0.2]", "[1.0e-2, 3.0]"])
def test_labels_become_names(world, values):
    """A label with commas and equals signs becomes a name that the zoo takes."""
    from drdoctl.zoo.location import parse_ref

    world.spec.write_text(SPEC + PUBLISH + f"matrix: {{method.alpha: {values}}}\n")
    names = [want.settings["publish.name"] for want in published(world).values()]
    assert len(set(names)) == 3
    assert all(parse_ref(name) for name in names)


def test_oracles_of_a_matrix_have_names_of_their_own(world):
    """Where combinations have oracles that differ, no two go out under one name; one that all share keeps its own."""
    world.spec.write_text(SPEC + PUBLISH + "matrix: {seed: [0, 1], method.alpha: [0.1, 0.2]}\n")
    names = [want.settings["publish.name"] for want in published(world).values()]
    assert sorted(name for name in names if "judge" in name) == ["zoo/judge-seed-0", "zoo/judge-seed-1"]
    assert len(set(names)) == len(names) == 6


def test_a_name_that_is_too_long_is_a_fault_of_the_spec(world):
    """It is found when planning, not after the training, and its place is the spec's."""
    world.spec.write_text(SPEC + PUBLISH.replace("mine", "m" * 88) + "matrix: {method.alpha: [0.1, 0.2]}\n")
    with pytest.raises(UserError) as caught:
        world.wants()
    assert len(caught.value.faults) == 2
    fault = caught.value.faults[0]
    assert "is no name in a zoo" in fault.message
    assert "at most 96" in fault.hint


def test_no_two_artifacts_go_out_under_one_name(world):
    """Whatever came to pass in naming: the plan has one artifact for each name of the zoo, tag or no tag."""
    world.spec.write_text(SPEC + PUBLISH)
    student, oracle = (published(world)[f"publish[{role}]"] for role in ("student", "oracle"))
    facts = Facts(world.root, world.root / "store")
    assert named_apart([student, oracle], facts) == [student, oracle]
    twin = replace(oracle, settings={**oracle.settings, "publish.name": "zoo/mine@v2"})
    with pytest.raises(UserError, match="both go out as `zoo/mine`"):
        named_apart([student, twin], facts)


def test_a_zoo_in_memory_is_refused_whoever_names_it(world, monkeypatch):
    """The environment names one too; the plan says so before anything is trained."""
    world.spec.write_text(SPEC + PUBLISH.replace("zoo: the-zoo\n", ""))
    monkeypatch.setenv("DRDOCTL_ZOO", "memory://x")
    with pytest.raises(UserError, match="gone when this process ends"):
        world.wants()


def test_another_zoo_is_another_receipt(world):
    """Publishing to another zoo is not done by having published to the first."""
    world.spec.write_text(SPEC + PUBLISH)
    before = published(world)
    world.spec.write_text(SPEC + PUBLISH.replace("the-zoo", "another"))
    assert not {want.fingerprint for want in before.values()} & {want.fingerprint for want in published(world).values()}


def test_a_key_to_sign_with_changes_no_fingerprint(world):
    """What is published is the same, signed or not; the key's path starts from the spec's folder."""
    world.spec.write_text(SPEC + PUBLISH)
    before = published(world)
    world.spec.write_text(SPEC + PUBLISH.replace("oracle: zoo/judge", "oracle: zoo/judge, sign_key: keys/mine.pem"))
    after = published(world)
    assert {name: want.fingerprint for name, want in after.items()} == {
        name: want.fingerprint for name, want in before.items()
    }
    assert {want.locations["sign_key"] for want in after.values()} == {str(world.root / "keys" / "mine.pem")}
    assert all("sign_key" not in want.locations for want in before.values())
