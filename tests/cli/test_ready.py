"""What is missing is said before anything is trained."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from drdoctl.cli._ready import require_tools
from drdoctl.core.errors import UserError, ZooError
from drdoctl.spec.resources import Resources
from drdoctl.stages import Want


def planned(*wants, action="run"):
    """Return a plan of stages that will run."""
    estimate = SimpleNamespace(as_dict=dict)
    return SimpleNamespace(stages=[SimpleNamespace(want=want, action=action, estimate=estimate) for want in wants])


def publish(zoo, **more):
    """Return a publish stage."""
    return Want("publish", 1, {"publish.name": "zoo/a"}, label="student", locations={"zoo": zoo, **more})


SPEC = SimpleNamespace(resources=Resources())


@pytest.mark.parametrize("zoo", ["hub:org", "s3://bucket/zoo"])
def test_a_zoo_beyond_the_network_is_named_before_the_training(zoo):
    """With `--offline`, a zoo on the network ends an apply at once: exit 4, with what mends it."""
    with pytest.raises(ZooError, match="`publish\\[student\\]` would need the network") as caught:
        require_tools(planned(publish(zoo)), SPEC, offline=True)
    assert "--set zoo=DIR" in caught.value.faults[0].hint
    with pytest.raises(ZooError, match="2 publish stages"):
        require_tools(planned(publish(zoo), publish(zoo)), SPEC, offline=True)


def test_what_can_be_reached_is_no_fault(tmp_path):
    """A folder needs no network; with the network nothing is asked; what is published already needs neither."""
    require_tools(planned(publish(str(tmp_path))), SPEC, offline=True)
    require_tools(planned(publish("hub:org")), SPEC, offline=False)
    require_tools(planned(publish("hub:org"), action="reuse"), SPEC, offline=True)


def test_a_missing_key_is_named(tmp_path):
    """A key to sign with that is no file is one fault, however many stages want it."""
    wants = [publish(str(tmp_path), sign_key=str(tmp_path / "none.pem"))] * 3
    with pytest.raises(UserError, match="there is no file") as caught:
        require_tools(planned(*wants), SPEC, offline=True)
    assert len(caught.value.faults) == 1
