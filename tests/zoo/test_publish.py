"""The publish stage's body."""

from __future__ import annotations

import json

import pytest
from hub_server import faults

from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.stages import Job
from drdoctl.zoo.publish import run
from drdoctl.zoo.resolve import zoo_facts

PROBE = {"name": "short", "prompt": "a", "response": "b", "score": 1.5}
MEASURED = {"probes": [PROBE], "difference": 0.01, "by_hand": True, "rendering": {"template": "plain"}}


def _run(job, got=1.5):
    """Publish with a model that is not there: it gives the probe one score when published, and `got` when read back."""
    run(job, lambda _: MEASURED, lambda _folder, _stated: {"scores": [got]})


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
    _run(_job(store, oracle, tmp_path / "out", folder_zoo.location))
    receipt = json.loads((tmp_path / "out" / "receipt.json").read_text(encoding="utf-8"))
    facts = zoo_facts("zoo/thing@v1", folder_zoo.location, store.root)
    assert receipt["revision"] == facts.revision
    assert (receipt["name"], receipt["tag"], receipt["artifact"]) == ("thing", "v1", oracle)
    assert facts.card.license == "mit"
    assert [probe.model_dump() for probe in facts.card.probes] == [PROBE]
    assert (receipt["probed"], receipt["signed"]) == (True, False)
    assert "gives the card's scores (1 probe," in receipt["probes"]
    assert not (tmp_path / "out" / "work" / "read-back").exists()
    assert (facts.card.base.ref, facts.card.base.revision) == ("facebook/opt-1.3b", "c" * 40)


def test_failed_publishing_can_be_tried_again(hub, store, oracle, tmp_path):
    """A stage that failed for the network succeeds when run again, and no receipt was left in between."""
    job = _job(store, oracle, tmp_path / "out", "hub:org")
    hub.fault = faults(("POST", "/commit/", "503"), times=99)
    with pytest.raises(ZooError):
        _run(job)
    assert not (tmp_path / "out" / "receipt.json").exists()
    hub.fault = faults()
    _run(job)
    _run(job)
    assert len(hub.repos["org/thing"].history) == 2  # the one a new repository begins with, and ours
    assert hub.repos["org/thing"].private


def test_what_comes_back_with_other_scores_is_not_published(store, oracle, folder_zoo, tmp_path):
    """A model that gives other scores once it is read back from the zoo is exit 5, and there is no receipt."""
    with pytest.raises(IntegrityError, match=r"probe `short`.*expected 1\.5, got 1\.4"):
        _run(_job(store, oracle, tmp_path / "out", folder_zoo.location), got=1.4)
    assert not (tmp_path / "out" / "receipt.json").exists()


def test_a_tag_that_names_the_artifact_already_stays(store, oracle, folder_zoo, tmp_path):
    """Measured anew, an artifact has another card: the tag, which never moves, still names it, and that is enough.

    Under another licence it is another publication, and what mends it is said in words of the spec.
    """
    _run(_job(store, oracle, tmp_path / "out", folder_zoo.location))
    first = json.loads((tmp_path / "out" / "receipt.json").read_text(encoding="utf-8"))
    again = _job(store, oracle, tmp_path / "again", folder_zoo.location)
    other = {**MEASURED, "difference": 0.02}
    run(again, lambda _: other, lambda _folder, _stated: {"scores": [1.5]})
    second = json.loads((tmp_path / "again" / "receipt.json").read_text(encoding="utf-8"))
    assert first["revision"] == second["revision"]
    assert ("kept" in first, second["kept"]) == (False, True)
    changed = _job(store, oracle, tmp_path / "changed", folder_zoo.location, **{"publish.license": "apache-2.0"})
    with pytest.raises(ZooError) as caught:
        _run(changed)
    assert caught.value.faults[0].hint == "name another tag in the spec: `publish.oracle: zoo/thing@vN`, or none"
