"""What a plan learns about a name in the zoo, without the network."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import zoo_things

from drdoctl.core.errors import ZooError
from drdoctl.zoo.location import parse_ref
from drdoctl.zoo.pull import pull
from drdoctl.zoo.push import pack, push
from drdoctl.zoo.resolve import LOCK_FILE, look_up, remember, remembered, zoo_facts


def test_folder_zoos_tell_at_once(folder_zoo, store, other_store, oracle):
    """A zoo in a folder is read directly; the facts have the card's hashes and nothing is written."""
    revision = push(pack(store, oracle, "thing"), folder_zoo.location)
    facts = zoo_facts("zoo/thing", folder_zoo.location, other_store.root)
    assert facts.revision == revision
    assert facts.card.artifact == oracle
    assert set(facts.files) == set(zoo_things.FILES)
    assert not other_store.root.exists()


def test_the_hub_is_remembered(hub, store, other_store, oracle):
    """For the Hub, what was pulled is remembered, without a request; what was not is exit 4 with the command."""
    push(pack(store, oracle, "thing"), "hub:org")
    with pytest.raises(ZooError) as error:
        zoo_facts("zoo/thing", "hub:org", other_store.root)
    assert "drdoctl pull zoo/thing --zoo hub:org" in (error.value.faults[0].hint or "")
    pulled = pull(other_store, "zoo/thing", "hub:org").facts
    hub.log.clear()
    assert zoo_facts("zoo/thing", "hub:org", other_store.root) == pulled
    assert hub.log == []


def test_a_name_stays_pinned_until_it_is_pulled_again(hub, store, other_store, oracle):
    """New content under a name changes no plan before the next pull."""
    push(pack(store, oracle, "thing"), "hub:org")
    first = pull(other_store, "zoo/thing", "hub:org").facts
    push(pack(store, zoo_things.make_artifact(store, "oracle", seed=1), "thing"), "hub:org")
    assert zoo_facts("zoo/thing", "hub:org", other_store.root) == first
    second = pull(other_store, "zoo/thing", "hub:org").facts
    assert zoo_facts("zoo/thing", "hub:org", other_store.root) == second != first


def test_identity_is_that_of_the_content(folder_zoo, store, oracle, tmp_path):
    """Two names with the same files have one identity; one bit more, and it is another."""
    push(pack(store, oracle, "one"), folder_zoo.location)
    push(pack(store, oracle, "two"), folder_zoo.location, tag="v1")
    zoo_things.publish(folder_zoo.location, tmp_path, {**zoo_things.FILES, "merges.txt": b"a b\n"}, name="three")
    one, two, three = (
        zoo_facts(f"zoo/{name}", folder_zoo.location, tmp_path / "none").sha256 for name in ("one", "two@v1", "three")
    )
    assert one == two != three


def test_a_broken_lock_file_counts_as_none(other_store):
    """Junk in the lock file is not a traceback."""
    other_store.prepare()
    for junk in (
        "",
        "[]",
        '{"format": 1, "refs": 3}',
        '{"format": 1, "refs": {"hub:org zoo/thing": {"revision": "x", "card": {}}}}',
    ):
        (other_store.root / "zoo-refs.json").write_text(junk, encoding="utf-8")
        with pytest.raises(ZooError):
            zoo_facts("zoo/thing", "hub:org", other_store.root)


def test_nobody_forgets_what_others_note(published_facts, other_store):
    """Many that note a name at the same time all have theirs remembered, and no lock stays behind."""
    names = [f"zoo/thing@{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda ref: remember(replace(published_facts, ref=ref), "hub:org", other_store.root), names))
    assert all(remembered(parse_ref(ref), "hub:org", other_store.root) for ref in names)
    assert [path.name for path in other_store.root.iterdir()] == [LOCK_FILE]


@pytest.fixture
def published_facts(folder_zoo, store, oracle):
    """What a name in a folder zoo stands for."""
    push(pack(store, oracle, "thing"), folder_zoo.location)
    return look_up(parse_ref("zoo/thing"), folder_zoo.location)
