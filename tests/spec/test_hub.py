"""Hub ids: which commit they mean, from pins, the lock file and the local cache, and how the Hub is asked."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from drdoctl.core.errors import ZooError
from drdoctl.spec.hub import HubRefs, cached_config

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return an empty Hub cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def fill(cache, kind="model", name="org/model", revision="main", commit=COMMIT):
    """Put a repository into the cache, as the Hub's client does."""
    folder = cache / f"{kind}s--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / revision).write_text(commit)
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "snapshots" / commit / "config.json").write_text('{"model_type": "llama"}')


def test_a_commit_is_exact(cache):
    """A revision of 40 hex digits is the commit."""
    ref = HubRefs(None).resolve("model", "org/model", COMMIT)
    assert ref.identity == f"hub:org/model@{COMMIT}"
    assert ref.location == {"hub": "org/model", "revision": COMMIT}


def test_the_cache_tells(cache):
    """Without a pin, the local cache's branch is taken, for models and datasets apart; and its configuration."""
    fill(cache)
    ref = HubRefs(None).resolve("model", "org/model", None)
    assert ref.commit == COMMIT
    assert cached_config(ref) == {"model_type": "llama"}
    assert HubRefs(None).resolve("dataset", "org/model", None).commit is None
    assert cached_config(HubRefs(None).resolve("model", "org/model", "v2")) is None


def test_the_lock_file_goes_first(cache, tmp_path):
    """What the store remembers stays, whatever the cache has since: a plan does not move by itself."""
    fill(cache)
    (tmp_path / "hub-refs.json").write_text(json.dumps({"format": 1, "refs": {"model org/model@main": OTHER}}))
    assert HubRefs(tmp_path).resolve("model", "org/model", None).commit == OTHER


@pytest.mark.parametrize("junk", ["", "{", "[]", '{"format": 1, "refs": {"model org/model@main": "../../etc"}}'])
def test_a_broken_lock_file_tells_nothing(cache, tmp_path, junk):
    """Junk in the lock file is no commit."""
    (tmp_path / "hub-refs.json").write_text(junk)
    ref = HubRefs(tmp_path).resolve("model", "org/model", None)
    assert ref.identity == "hub:org/model@unresolved:main"


def test_asking_remembers(cache, tmp_path, monkeypatch):
    """The Hub is asked once; later plans read the lock file."""
    asked = []

    class Api:
        def repo_info(self, name, **how):
            asked.append((name, how["repo_type"], how["revision"]))
            return SimpleNamespace(sha=COMMIT)

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    refs = HubRefs(tmp_path)
    refs.look_up([refs.resolve("model", "org/model", None), refs.resolve("dataset", "org/data", "v1")])
    assert asked == [("org/model", "model", "main"), ("org/data", "dataset", "v1")]
    assert HubRefs(tmp_path).resolve("dataset", "org/data", "v1").commit == COMMIT


def test_offline_names_all_that_is_unknown(cache, tmp_path):
    """Offline, every unknown id is named at once, with what to pin, exit 4, and nothing is written."""
    refs = HubRefs(tmp_path)
    with pytest.raises(ZooError) as caught:
        refs.look_up([refs.resolve("model", "a/a", None), refs.resolve("model", "b/b", None)], offline=True)
    assert caught.value.exit_code == 4
    assert len(caught.value.faults) == 2
    assert all("40-digit commit" in fault.hint for fault in caught.value.faults)
    assert not (tmp_path / "hub-refs.json").exists()


def test_an_unreachable_hub_is_exit_4(cache, tmp_path, monkeypatch):
    """A Hub that does not answer is a network error with a remedy, not a crash."""

    class Api:
        def repo_info(self, name, **how):
            raise ConnectionError("no route to host")

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    refs = HubRefs(tmp_path)
    with pytest.raises(ZooError, match="no route to host"):
        refs.look_up([refs.resolve("model", "org/model", None)])
