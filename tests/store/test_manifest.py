import json
import sys

import pytest

from drdoctl.core.files import write_json
from drdoctl.stages import Want
from drdoctl.store.manifest import OWN, cores, describe, host, packages, read, sealed, well_formed

DATA = Want("data", 1, {"seed": 1})
WANT = Want("oracle", 2, {"oracle.epochs": 1.0}, {"data": DATA}, {"oracle.model": "ab" * 32}, warnings=("small",))
FILES = {"model.safetensors": {"sha256": "cd" * 32, "size": 123}}


def made(**changes):
    """Return a manifest as an earlier version wrote it, without a hash of its own."""
    return {**describe(WANT, "demo", FILES, {"accuracy": 0.71, "loss": 1e-05}, 2.0), "number": 3, **changes}


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


def test_any_flipped_bit_is_found(tmp_path):
    """Of a manifest with one bit flipped, anywhere, nothing is read but what says the same (another spelling)."""
    path = tmp_path / "manifest.json"
    write_json(path, sealed(made()))
    whole = path.read_bytes()
    assert read(tmp_path, WANT.artifact) == (json.loads(whole), None)
    missed = []
    for bit in range(0, 8 * len(whole), 9):  # every ninth: each bit of a byte comes up
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        found, fault = read(tmp_path, WANT.artifact)
        assert (found is None) == (fault is not None)
        if found is not None and found != json.loads(whole):
            missed.append((bit, bytes(changed[bit // 8 - 20 : bit // 8 + 20])))
    assert missed == []


def test_figures_changed_by_hand_are_found():
    """A figure, a warning or an origin that was edited, added or taken away is damage; written again, it is none."""
    told = sealed(made())
    assert well_formed(told, WANT.artifact) is None
    for change in ({"metrics": {"accuracy": 0.99}}, {"warnings": []}, {"origins": {"x": {}}}, {"more": 1}):
        edited = {**told, **change}
        assert "is not as it was written" in well_formed(edited, WANT.artifact)
        assert well_formed(sealed(edited), WANT.artifact) is None
    assert "is not as it was written" in well_formed({**told, OWN: None}, WANT.artifact)


def test_what_an_earlier_version_wrote_is_read():
    """Without a hash, a manifest is read if it has only keys that were known then: the hash's own may be damaged."""
    assert well_formed(made(), WANT.artifact) is None
    assert well_formed(made(zoo={"ref": "zoo/thing"}), WANT.artifact) is None
    assert "is not as it was written" in well_formed(made(rha256="0" * 64), WANT.artifact)
    assert "fingerprint" in well_formed(made(settings={"oracle.epochs": 2}), WANT.artifact)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("inputs", {"data": {}}),
        ("inputs", {"data": None}),
        ("input_ids", {"data": 3}),
        ("externals", {"oracle.model": []}),
        ("packages", {"torch": 2}),
        ("warnings", [{}]),
        ("zoo", "thing"),
        ("origins", []),
        ("files", {"a": {"sha256": 3, "size": 1}}),
    ],
)
def test_wild_values_are_damage(key, value):
    """What readers take for words or mappings is that, in manifests with a hash and without one."""
    for told in (made(**{key: value}), sealed(made(**{key: value}))):
        assert f"`{'a' if key == 'files' else key}`" in well_formed(told, WANT.artifact)


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../../b", "a\0", "\ud800"])
def test_names_that_no_artifact_has_are_damage(name):
    """A listed file lies inside its artifact, under a name that a disk can hold."""
    assert "has no valid entry" in well_formed(made(files={name: FILES["model.safetensors"]}), WANT.artifact)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_no_json_has_is_damage(value):
    """Numbers that are none and halves of characters have no hash, and are no error of the program either."""
    assert well_formed({**sealed(made()), "metrics": {"loss": value}}, WANT.artifact) is not None


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1.0])
def test_a_time_that_none_took_is_damage(seconds):
    """A manifest with seconds that nothing can take is not well formed; with others it is."""
    want = Want("data", 1, {"seed": 1})
    made = describe(want, "demo", {}, {}, 2.0)
    assert well_formed(made, want.artifact) is None
    assert well_formed({**made, "seconds": seconds}, want.artifact) == "has no valid `seconds`"
