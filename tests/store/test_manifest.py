import sys

import pytest

from drdoctl.stages import Want
from drdoctl.store.manifest import cores, describe, host, packages, well_formed


def test_versions_come_without_imports():
    """The versions of torch and its kin are read from metadata: nothing of them is imported for it."""
    before = set(sys.modules)
    packages.cache_clear()
    assert {"drdoctl", "torch", "transformers", "deepspeed", "datasets", "python"} <= set(packages())
    assert not {"torch", "transformers", "deepspeed", "datasets"} & (set(sys.modules) - before)


def test_host_facts_are_plausible():
    """At least one core, at most as many as the machine has, and some memory."""
    assert 1 <= host()["cpus"] == cores()
    assert host()["memory_gib"] > 0.1


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1.0])
def test_a_time_that_none_took_is_damage(seconds):
    """A manifest with seconds that nothing can take is not well formed; with others it is."""
    want = Want("data", 1, {"seed": 1})
    made = describe(want, "demo", {}, {}, 2.0)
    assert well_formed(made, want.artifact) is None
    assert well_formed({**made, "seconds": seconds}, want.artifact) == "has no valid `seconds`"
