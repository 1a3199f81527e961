"""A plan as plain data."""

from __future__ import annotations


def test_the_documents_keys(world):
    """The document has the contract's keys, and the summary counts every stage once."""
    document = world.plan().as_dict()
    assert list(document) == ["format", "spec", "stages", "summary", "warnings", "origin", "assumes"]
    assert sum(document["summary"].values()) == len(document["stages"])
    stage = document["stages"][-1]
    assert {"id", "kind", "needs", "artifact", "action", "reason", "estimate"} <= stage.keys()
    assert stage["needs"] == ["data", "align[drdo]", "evaluate[sft]", "rewards", "oracle"]
    assert set(stage["reason"]) == {"code", "text", "changed"}
