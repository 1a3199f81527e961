"""The publish stage: one for each artifact, with names that tell a matrix's students apart."""

from __future__ import annotations

import pytest
from plan_world import MATRIX, SPEC

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
