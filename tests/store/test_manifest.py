import sys

from drdoctl.store.manifest import cores, host, packages


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
