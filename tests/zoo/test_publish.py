"""The publish stage's body."""

from __future__ import annotations

import json

import pytest
from hub_server import faults

from drdoctl.core.errors import ZooError
from drdoctl.stages import Job
from drdoctl.zoo.publish import run
from drdoctl.zoo.resolve import zoo_facts


def _job(store, artifact, out, location, **settings):
    out.mkdir(exist_ok=True)
    return Job(
        kind="publish",
        id="publish",
        artifact="publish-000000000000",
        settings={"publish.name": "zoo/thing@v1", "publish.license": "mit", **settings},
        inputs={"artifact": str(store.path(artifact))},
        locations={"zoo": location, "base": {"hub": "facebook/opt-1.3b", "revision": "c" * 40}},
        resources={},
        out=str(out),
    )


def test_receipt(store, oracle, folder_zoo, tmp_path):
    """The artifact is in the zoo under its name and tag, and the receipt says what was published."""
    run(_job(store, oracle, tmp_path / "out", folder_zoo.location))
    receipt = json.loads((tmp_path / "out" / "receipt.json").read_text(encoding="utf-8"))
    facts = zoo_facts("zoo/thing@v1", folder_zoo.location, store.root)
    assert receipt["revision"] == facts.revision
    assert (receipt["name"], receipt["tag"], receipt["artifact"]) == ("thing", "v1", oracle)
    assert facts.card.license == "mit"
    assert (facts.card.base.ref, facts.card.base.revision) == ("facebook/opt-1.3b", "c" * 40)


def test_failed_publishing_can_be_tried_again(hub, store, oracle, tmp_path):
    """A stage that failed for the network succeeds when run again, and no receipt was left in between."""
    job = _job(store, oracle, tmp_path / "out", "hub:org")
    hub.fault = faults(("POST", "/commit/", "503"), times=99)
    with pytest.raises(ZooError):
        run(job)
    assert not (tmp_path / "out" / "receipt.json").exists()
    hub.fault = faults()
    run(job)
    run(job)
    assert len(hub.repos["org/thing"].history) == 2  # the one a new repository begins with, and ours
    assert hub.repos["org/thing"].private
