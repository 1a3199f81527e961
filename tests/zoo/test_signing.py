"""Signatures: of all that is published, by one key, and read alike by the library's own verifier."""

from __future__ import annotations

import shutil

import pytest
import zoo_things

from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.zoo import CARD_FILE, SIGNATURE_FILE, signing
from drdoctl.zoo.location import open_zoo
from drdoctl.zoo.pull import pull, pull_to
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.trust import Trust
from drdoctl.zoo.verify import verify_folder, verify_zoo

library = pytest.importorskip("model_signing")


@pytest.fixture
def signed(location, store, oracle, keys):
    """`zoo/thing`, signed, in each kind of zoo; the value is its location."""
    push(pack(store, oracle, "thing"), location, key=keys.private)
    return location


def test_a_signed_model_is_pulled_and_verified(signed, other_store, oracle, keys):
    """The right key lets it in, and the manifest says by which key it was signed; a second pull asks nothing."""
    said = []
    trust = Trust(key=keys.public, say=lambda text, _: said.append(text))
    pulled = pull(other_store, "zoo/thing", signed, trust=trust)
    assert set(pulled.fetched) == set(zoo_things.FILES)
    assert any("signed by the owner" in text for text in said)
    assert other_store.manifest(oracle)["zoo"]["checked"]["signed_by"]
    assert verify_zoo("zoo/thing", signed, trust=trust).checked["signed_by"]
    said.clear()
    assert pull(other_store, "zoo/thing", signed, trust=trust).fetched == ()
    assert said == []
    other_store.verify(oracle)


def test_another_key_is_refused(signed, other_store, keys):
    """A signature by somebody else is exit 5, and nothing is installed."""
    for look in (pull_here(other_store), verify_there):
        with pytest.raises(IntegrityError, match="not made with the key"):
            look(signed, Trust(key=keys.other_public))
    assert not list(other_store.artifacts.iterdir())


def pull_here(store):
    """Return what pulls into a store."""
    return lambda location, trust: pull(store, "zoo/thing", location, trust=trust)


def verify_there(location, trust):
    """Verify in the zoo."""
    return verify_zoo("zoo/thing", location, trust=trust)


def test_a_model_without_a_signature(location, store, other_store, oracle, keys):
    """Where a key asks for a signature and there is none, nothing is fetched: exit 5."""
    push(pack(store, oracle, "thing"), location)
    with pytest.raises(IntegrityError, match=SIGNATURE_FILE):
        pull(other_store, "zoo/thing", location, trust=Trust(key=keys.public))
    assert not other_store.artifacts.exists() or not list(other_store.artifacts.iterdir())


def test_what_is_here_already_is_checked_too(location, store, other_store, oracle, keys):
    """A key that comes later is not satisfied by files that were pulled without it."""
    push(pack(store, oracle, "thing"), location)
    pull(other_store, "zoo/thing", location)
    with pytest.raises(IntegrityError, match="asks for one"):
        pull(other_store, "zoo/thing", location, trust=Trust(key=keys.public))
    push(pack(store, oracle, "thing"), location, key=keys.private)
    assert pull(other_store, "zoo/thing", location, trust=Trust(key=keys.public)).fetched == ()


def test_signing_is_idempotent(signed, store, oracle, keys):
    """Pushed again with its key or without one, the signature stays as it is; another key signs anew."""
    zoo = open_zoo(signed)
    first = zoo.signature("thing", zoo.resolve("thing"))
    revision = push(pack(store, oracle, "thing"), signed, key=keys.private)
    assert revision == zoo.resolve("thing")
    push(pack(store, oracle, "thing"), signed)
    assert zoo.signature("thing", zoo.resolve("thing")) == first
    push(pack(store, oracle, "thing"), signed, key=keys.other_private)
    assert zoo.signature("thing", zoo.resolve("thing")) != first


@pytest.fixture
def folder(signed, tmp_path):
    """The model in a plain folder, card and signature beside it."""
    return pull_to(tmp_path / "model", "zoo/thing", signed).path


def test_the_librarys_own_verifier_agrees(folder, keys):
    """`model_signing verify` accepts the folder as pulled, a page beside it as on the Hub, and no other file."""
    from model_signing import hashing, verifying

    def verify():
        config = verifying.Config().use_elliptic_key_verifier(public_key=keys.public)
        ours = hashing.Config().set_ignored_paths(paths=[folder / SIGNATURE_FILE])
        config.set_hashing_config(ours).verify(folder, folder / SIGNATURE_FILE)

    verify()
    (folder / "README.md").write_text("hello", encoding="utf-8")
    verify()
    (folder / "extra.bin").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"extra\.bin"):
        verify()


def _same_size(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")


def _other_card(folder):
    card = (folder / CARD_FILE).read_text(encoding="utf-8")
    (folder / CARD_FILE).write_text(card.replace('"seconds": 1.5', '"seconds": 2.5'), encoding="utf-8")


HARM = {
    "same size": (_same_size, "model.safetensors"),
    "missing": (lambda folder: (folder / "config.json").unlink(), "config.json"),
    "extra": (lambda folder: (folder / "extra.json").write_text("{}", encoding="utf-8"), "extra.json"),
    "card": (_other_card, CARD_FILE),
    "no signature": (lambda folder: (folder / SIGNATURE_FILE).unlink(), SIGNATURE_FILE),
    "junk": (lambda folder: (folder / SIGNATURE_FILE).write_bytes(b"\xff\0"), SIGNATURE_FILE),
    "other junk": (lambda folder: (folder / SIGNATURE_FILE).write_text("{}", encoding="utf-8"), SIGNATURE_FILE),
}


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("location", ["folder"], indirect=True)
def test_a_folder_that_was_changed(folder, keys, harm):
    """Whatever is changed after signing is refused with exit 5 and named, by the signature alone as well."""
    act, named = HARM[harm]
    act(folder)
    assert named in signing.fault_of(folder, keys.public)
    with pytest.raises(IntegrityError, match=named.replace(".", r"\.")):
        verify_folder(folder, Trust(key=keys.public))


@pytest.mark.parametrize("location", ["folder"], indirect=True)
def test_bad_keys(location, store, oracle, folder, keys, tmp_path):
    """A key that is none, is absent, or is of another kind is exit 2, and its content is not shown."""
    (tmp_path / "junk.pem").write_text("-----BEGIN SECRET-----\nabcdef\n", encoding="utf-8")
    for key in (tmp_path / "junk.pem", tmp_path / "absent.pem", keys.public):
        with pytest.raises(UserError) as caught:
            push(pack(store, oracle, "thing"), location, key=key)
        assert "abcdef" not in str(caught.value)
    for key in (tmp_path / "junk.pem", tmp_path / "absent.pem", keys.private):
        with pytest.raises(UserError) as caught:
            signing.fault_of(folder, key)
        assert str(key) not in str(caught.value.faults[0].hint)  # who types the hint loses no private key


@pytest.mark.parametrize("location", ["folder"], indirect=True)
def test_the_private_key_goes_nowhere(signed, store, folder, keys, tmp_path):
    """Its bytes are in no zoo, store or pulled folder, and nothing is left of the folder that was signed."""
    secret = b"".join(keys.private.read_bytes().splitlines()[1:-1])[:40]
    for path in tmp_path.rglob("*"):
        if path.is_file() and path not in (keys.private, keys.other_private):
            assert secret not in path.read_bytes().replace(b"\n", b""), path
    assert not list(tmp_path.rglob("sign-*"))


def test_the_environment_names_a_key(keys, monkeypatch, tmp_path):
    """DRDOCTL_VERIFY_KEY stands in for the flag; a file that is not there is exit 2."""
    monkeypatch.delenv(signing.VARIABLE, raising=False)
    assert signing.verify_key(None) is None
    monkeypatch.setenv(signing.VARIABLE, str(keys.public))
    assert signing.verify_key(None) == keys.public
    assert signing.verify_key(keys.other_public) == keys.other_public
    with pytest.raises(UserError, match="no key"):
        signing.verify_key(tmp_path / "absent")


def test_without_the_library(signed, other_store, keys, monkeypatch):
    """Where the extra is not installed, the error says how to install it."""
    monkeypatch.setitem(__import__("sys").modules, "model_signing.verifying", None)
    with pytest.raises(UserError, match="model-signing") as caught:
        pull(other_store, "zoo/thing", signed, trust=Trust(key=keys.public))
    assert "drdoctl[sign]" in caught.value.faults[0].hint
    shutil.rmtree(other_store.root)
