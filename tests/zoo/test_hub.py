"""What the Hub and the network may do to a push or a pull, and what must come of it."""

from __future__ import annotations

import json
import logging
import threading
import time

import pytest
import zoo_things
from hub_server import faults

from chaos._artifacts import NAMES
from drdoctl import cli
from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.core.fingerprint import file_sha256
from drdoctl.zoo import calls
from drdoctl.zoo.calls import ATTEMPTS
from drdoctl.zoo.location import open_zoo
from drdoctl.zoo.page import render
from drdoctl.zoo.pull import pull
from drdoctl.zoo.push import pack, push


def _push(store, artifact, name="thing", **options):
    return push(pack(store, artifact, name), "hub:org", **options)


def test_push_gives_up_in_the_end(hub, store, oracle):
    """A Hub that stays broken is exit 4, with the old head still whole."""
    first, sent = _push(store, oracle), hub.count("POST", "/commit/")
    hub.fault = faults(("POST", "/commit/", "503"), times=99)
    with pytest.raises(ZooError, match="503"):
        _push(store, zoo_things.make_artifact(store, "oracle", seed=1))
    assert hub.repos["org/thing"].head == first
    assert hub.count("POST", "/commit/") == sent + ATTEMPTS


def test_somebody_elses_commit_in_between(hub, store, oracle):
    """A push whose parent moved looks again and commits on top."""
    _push(store, oracle)
    repo = hub.repos["org/thing"]
    moved = []

    def meddle(method, path):
        if method == "POST" and "/commit/main" in path and not moved:
            moved.append(repo.commit({**repo.commits[repo.head], "README.md": hub.put(b"edited by hand")}))

    hub.fault = meddle
    revision = _push(store, zoo_things.make_artifact(store, "oracle", seed=1))
    assert repo.head == revision not in moved
    assert len(repo.history) == 4  # of the new repository, ours, theirs, ours
    assert repo.branches == {"main": revision}


def test_the_dry_run_lists_what_goes_up(hub, store, capsys):
    """What the Hub received is what `--dry-run` listed, name by name and byte by byte: card and page, no stray file."""
    stray = {".env": b"SECRET=1", "train.parquet": b"PAR1", "optimizer.pt": b"x", "log.txt": b"hello"}
    artifact = zoo_things.make_artifact(store, "oracle", extra=stray)
    (store.path(artifact) / "notes.json").write_text("{}", encoding="utf-8")
    push_it = ["push", artifact, "zoo/thing", "--zoo", "hub:org", "--store", str(store.root), "--no-probe", "--json"]
    assert cli.run([*push_it, "--dry-run"]) == 0
    listed = json.loads(capsys.readouterr().out)["uploads"]
    assert hub.log == []
    assert cli.run(push_it) == 0
    package = pack(store, artifact, "thing")
    sent = {name: path.read_bytes() for name, path in package.files.items()}
    sent |= {"drdoctl.json": package.card.to_bytes(), "README.md": render(package.card, "hub:org").encode()}
    repo = hub.repos["org/thing"]
    received = {path: hub.blobs[oid] for path, oid in repo.commits[repo.head].items() if path != ".gitattributes"}
    assert received == sent
    assert {name: len(data) for name, data in received.items()} == listed
    assert set(hub.blobs.values()) - {b"* text\n"} == set(sent.values())


def test_the_card_is_the_same_in_every_organisation(hub, store, student):
    """The same artifact in two organisations has one card; each page's commands name its own."""
    found = {}
    for org in ("org", "lab"):
        push(pack(store, student, "thing"), f"hub://{org}")
        repo = hub.repos[f"{org}/thing"]
        found[org] = {name: hub.blobs[oid] for name, oid in repo.commits[repo.head].items()}
    assert found["org"]["drdoctl.json"] == found["lab"]["drdoctl.json"]
    assert all(f"--to models/thing --zoo hub:{org}\n".encode() in found[org]["README.md"] for org in found)


def test_racing_pushes_of_one_tag(hub, store, oracle):
    """Of two pushes of one tag with different content, one wins; the other is told so and has not moved `main`."""
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    _push(store, oracle)
    won, lost = [], []

    def one(artifact):
        try:
            won.append(_push(store, artifact, tag="v1"))
        except ZooError as error:
            lost.append(error.faults[0].code)

    threads = [threading.Thread(target=one, args=[artifact]) for artifact in (oracle, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == ["tag-exists"]
    repo = hub.repos["org/thing"]
    assert repo.tags == {"v1": won[0]}
    assert repo.commits[repo.head]["drdoctl.json"] == repo.commits[won[0]]["drdoctl.json"]
    assert set(repo.branches) == {"main"}


def test_a_hub_that_ignores_visibility(hub, store, oracle):
    """Where a new repository turns out public though it should be private, not one file is uploaded."""
    hub.ignore_visibility = True
    with pytest.raises(ZooError, match="public"):
        _push(store, oracle)
    assert hub.count("PUT", "/upload/") == hub.count("POST", "/commit/") == hub.count("POST", "/preupload/") == 0
    assert _push(store, oracle, private=False) == hub.repos["org/thing"].head


def test_private_without_token(hub, store, other_store, oracle, monkeypatch):
    """A private name without a token is exit 4, and the hint names HF_TOKEN."""
    _push(store, oracle)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ZooError) as error:
        pull(other_store, "zoo/thing", "hub:org")
    assert "HF_TOKEN" in (error.value.faults[0].hint or "")


def test_wrong_token(hub, store, oracle, monkeypatch):
    """A token that the Hub refuses is exit 4 at once, without more attempts."""
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ZooError) as error:
        _push(store, oracle)
    assert error.value.faults[0].code == "zoo-permission"
    assert hub.count("POST", "/repos/create") == 1


def test_an_interrupted_pull_goes_on(hub, store, other_store, oracle, monkeypatch):
    """What an earlier pull had whole is not fetched again, and half a file never counts."""
    monkeypatch.setattr("drdoctl.zoo.calls.ATTEMPTS", 1)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    _push(store, oracle)
    hub.fault = faults(("HEAD", "tokenizer_config.json", "503"), times=99)
    with pytest.raises(ZooError):
        pull(other_store, "zoo/thing", "hub:org")
    assert not other_store.path(oracle).exists()
    (half,) = (other_store.root / "cache" / "pulls").glob("thing-*/model.safetensors")
    half.write_bytes(half.read_bytes()[:-5])
    (half.parent / "litter.incomplete").write_bytes(b"x")
    hub.fault = faults()
    pulled = pull(other_store, "zoo/thing", "hub:org")
    assert set(pulled.fetched) == {"model.safetensors", "tokenizer_config.json"}
    assert {path.name for path in pulled.path.iterdir()} == {*zoo_things.FILES, "manifest.json"}
    assert list((other_store.root / "cache" / "pulls").iterdir()) == []


def test_tampered_content_of_the_same_size(hub, store, other_store, oracle):
    """A file changed on the way is refused by name with exit 5, and nothing is installed."""
    _push(store, oracle)
    oid = file_sha256(store.path(oracle) / "model.safetensors")
    hub.fault = faults(("GET", f"/cdn/{oid}", "tamper"))
    with pytest.raises(IntegrityError, match=r"model\.safetensors.*sha256"):
        pull(other_store, "zoo/thing", "hub:org")
    assert not other_store.path(oracle).exists()


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (lambda tree, hub: tree.update({"evil.py": hub.put(b"import os")}), "evil.py"),
        (lambda tree, hub: tree.update({"pytorch_model.bin": hub.put(b"\x80\x02.")}), "pytorch_model.bin"),
        (lambda tree, hub: tree.pop("tokenizer.json"), "tokenizer.json"),
        (lambda tree, hub: tree.update({"config.json": hub.put(b"{}")}), "config.json"),
        (lambda tree, hub: tree.update({"drdoctl.json": hub.put(b"{}")}), "card"),
        (lambda tree, hub: tree.update({"../../evil.json": hub.put(b"{}")}), "zoo/thing"),
        (lambda tree, hub: tree.update({"/etc/evil.json": hub.put(b"{}")}), "zoo/thing"),
    ],
)
def test_an_edited_repository(hub, store, other_store, oracle, edit, named):
    """An extra, missing, changed or outside file, or another card, is exit 5, and nothing is installed."""
    _push(store, oracle)
    repo = hub.repos["org/thing"]
    tree = dict(repo.commits[repo.head])
    edit(tree, hub)
    repo.commit(tree)
    with pytest.raises(IntegrityError, match=named):
        pull(other_store, "zoo/thing", "hub:org")
    assert not other_store.path(oracle).exists()


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_in_a_tree_that_lead_away(hub, store, other_store, oracle, tmp_path, name):
    """A file of the repository whose name could leave the folder ends the pull; nothing is written anywhere else."""
    _push(store, oracle)
    repo = hub.repos["org/thing"]
    repo.commit({**repo.commits[repo.head], name: hub.put(b"{}" * 400)})
    before = set(tmp_path.parent.rglob("*"))
    with pytest.raises((IntegrityError, ZooError)):
        pull(other_store, "zoo/thing", "hub:org")
    assert not other_store.path(oracle).exists()
    added = [path for path in set(tmp_path.parent.rglob("*")) - before if path.is_file()]
    assert [path for path in added if other_store.root not in path.parents] == []


def test_a_repository_that_was_made_public(hub, store, oracle):
    """A private model's repository that somebody opened since gets no further file until the user says public."""
    _push(store, oracle)
    hub.repos["org/thing"].private = False
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    sent = hub.count("PUT", "/upload/") + hub.count("POST", "/commit/")
    with pytest.raises(ZooError, match="public"):
        _push(store, other)
    assert hub.count("PUT", "/upload/") + hub.count("POST", "/commit/") == sent


def test_a_page_edited_by_hand_is_fine(hub, store, other_store, oracle):
    """The page is for people: editing it on the Hub breaks nothing."""
    _push(store, oracle)
    repo = hub.repos["org/thing"]
    repo.commit({**repo.commits[repo.head], "README.md": hub.put(b"# mine")})
    assert pull(other_store, "zoo/thing", "hub:org").path.is_dir()


def test_a_repository_of_somebody_else(hub, other_store):
    """A repository without a card is exit 4: drdoctl did not publish it."""
    open_zoo("hub:org").api.create_repo("org/plain", private=True)
    with pytest.raises(ZooError) as error:
        pull(other_store, "zoo/plain", "hub:org")
    assert error.value.faults[0].code == "no-card"


@pytest.mark.parametrize("kind", ["hang 5", "drip"])
def test_deadline(hub, store, other_store, oracle, kind, monkeypatch):
    """A server that never answers, or drips, is given up when the time is over: exit 4."""
    _push(store, oracle)
    monkeypatch.setattr("drdoctl.zoo.calls.allowed", lambda size=0: 0.5)
    hub.fault = faults(("GET", "/cdn/", kind), times=99)
    began = time.monotonic()
    with pytest.raises(ZooError):
        pull(other_store, "zoo/thing", "hub:org")
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("kind", ["slow", "hang 20"])
@pytest.mark.parametrize("act", ["push", "pull"])
def test_one_deadline_for_all(hub, store, other_store, oracle, act, kind, monkeypatch):
    """At 1 kB/s each answer is in time, and none ever comes from a server that hangs: both end as a whole, exit 4."""
    _push(store, oracle)
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    head = hub.repos["org/thing"].head
    monkeypatch.setenv(calls.TIMEOUT, "3")
    monkeypatch.setattr(calls, "WHOLE", 0.3)
    monkeypatch.setattr(calls, "SLOWEST", 1e9)
    hub.fault = lambda method, path: kind
    with pytest.raises(ZooError, match="time for all calls") as error:
        _ = _push(store, other) if act == "push" else pull(other_store, "zoo/thing", "hub:org")
    assert error.value.exit_code == 4
    assert hub.repos["org/thing"].head == head
    assert not other_store.path(oracle).exists()


def test_nobody_there(hub, other_store, monkeypatch):
    """An endpoint where nothing listens is exit 4 within seconds."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(ZooError, match=r"127\.0\.0\.1:9"):
        pull(other_store, "zoo/thing", "hub:org")
    assert time.monotonic() - began < 10


def test_offline_variable(hub, other_store, monkeypatch):
    """HF_HUB_OFFLINE is respected: exit 4 that says so, and not one request."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ZooError, match="HF_HUB_OFFLINE"):
        pull(other_store, "zoo/thing", "hub:org")
    assert hub.log == []


def test_offline_flag(hub, store, other_store, oracle):
    """`--offline` asks nobody: what was pulled is found again, the rest is exit 4."""
    _push(store, oracle)
    with pytest.raises(ZooError):
        pull(other_store, "zoo/thing", "hub:org", offline=True)
    pull(other_store, "zoo/thing", "hub:org")
    hub.log.clear()
    assert pull(other_store, "zoo/thing", "hub:org", offline=True).fetched == ()
    assert hub.log == []


def test_the_token_goes_to_the_hub_only(hub, store, other_store, oracle, caplog, tmp_path):
    """The token reaches the API's host name only, and no log, file, card or error."""
    caplog.set_level(logging.DEBUG)
    _push(store, oracle, tag="v1")
    pull(other_store, "zoo/thing", "hub:org")
    hub.fault = faults(("POST", "/commit/", "503"), ("GET", "/api/models", "503"), times=99)
    with pytest.raises(ZooError) as error:
        _push(store, zoo_things.make_artifact(store, "oracle", seed=1))
    stored = [sent for _, host, _, sent in hub.log if host == "localhost"]
    assert len(stored) >= 2
    assert not any(stored)
    assert any(sent for *_, sent in hub.log)
    assert hub.token not in caplog.text
    assert hub.token not in repr(error.value.__dict__) + str(error.value)
    assert error.value.__suppress_context__
    assert not any(hub.token.encode() in data for data in hub.blobs.values())
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or hub.token.encode() not in path.read_bytes()
