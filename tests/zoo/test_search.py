"""Search over every kind of zoo, and over the catalogue."""

from __future__ import annotations

import re

import hub_server
import pytest
import yaml
import zoo_things

from drdoctl.core.errors import ZooError
from drdoctl.zoo import Upload
from drdoctl.zoo.card import Base
from drdoctl.zoo.figures import Figure
from drdoctl.zoo.location import open_zoo
from drdoctl.zoo.page import render
from drdoctl.zoo.search import Wanted, search
from drdoctl.zoo.shelf import shipped_cards

FRONT = re.compile(r"\A---\n(.*?)^---$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def pages(monkeypatch):
    """Let the loopback Hub read pages as the genuine one does: front matter becomes `cardData` and tags."""
    plain = hub_server.Handler.facts

    def facts(handler, name, sha=None):
        found = plain(handler, name, sha)
        tree = handler.hub.repos[name].commits[found["sha"]]
        page = FRONT.match(handler.hub.blobs[tree["README.md"]].decode()) if "README.md" in tree else None
        data = yaml.safe_load(page[1]) if page else {}
        return {**found, "cardData": data, "tags": data.get("tags", ["drdoctl"])}

    monkeypatch.setattr(hub_server.Handler, "facts", facts)


@pytest.fixture
def filled(location, pages, tmp_path):
    """Return a zoo of each kind with a student, tagged v1, and an oracle."""
    figures = [{"metric": "implicit_accuracy", "value": 0.7, "part": "test"}, *zoo_things.FIGURES]
    opt = Base(ref="facebook/opt-1.3b")
    things = {
        "student-a": {
            "role": "student",
            "kind": "align",
            "base": opt,
            "figures": figures,
        },
        "oracle-b": {"base": Base(ref="microsoft/Phi-3-mini-4k-instruct"), "datasets": ["org/pairs"], "license": "mit"},
    }
    for name, facts in things.items():
        card = zoo_things.make_card(name, **facts)
        for file, data in zoo_things.FILES.items():
            (tmp_path / file).write_bytes(data)
        paths = {file: tmp_path / file for file in zoo_things.FILES}
        tag = "v1" if name == "student-a" else None
        open_zoo(location).publish(name, Upload(card.to_bytes(), paths, render(card), tag))
    return location


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), ["oracle-b", "student-a"]),
        (Wanted(role="oracle"), ["oracle-b"]),
        (Wanted(base="phi-3"), ["oracle-b"]),
        (Wanted(base="OPT"), ["student-a"]),
        (Wanted(tag="v1"), ["student-a"]),
        (Wanted(tag="v2"), []),
        (Wanted(tag="org/pairs"), ["oracle-b"]),
        (Wanted(tag="drdoctl-role:student"), ["student-a"]),
        (Wanted(least={"win_rate": 0.61}), ["student-a"]),
        (Wanted(least={"win_rate": 0.62}), []),
        (Wanted(least={"win_rate": 0.61, "implicit_accuracy": 0.7}), ["student-a"]),
        (Wanted(least={"win_rate": 0.61, "truth.reward": 0}), []),
        (Wanted(role="oracle", base="opt"), []),
    ],
)
def test_a_search_finds_the_same_in_every_zoo(filled, wanted, names):
    """Role, base model, tag and figure are found wherever a zoo lies."""
    assert [entry.name for entry in search(wanted, filled)] == names


def test_an_entry_tells_the_same_in_every_zoo(filled):
    """Role, base, licence, revision and the figure that tells most are the card's, wherever a zoo lies."""
    oracle, student = search(Wanted(), filled)
    assert (oracle.role, oracle.base, oracle.license) == ("oracle", "microsoft/Phi-3-mini-4k-instruct", "mit")
    assert oracle.figure is None
    assert student.figure == Figure("win_rate", 0.61, 0.57, 0.65, "sft", "oracle", 0.7)
    assert [(one.metric, one.value) for one in student.figures] == [
        ("implicit_accuracy", 0.7),
        ("win_rate", 0.83),
        ("win_rate", 0.61),
    ]
    assert student.revision == open_zoo(filled).resolve("student-a")
    assert student.status in ("published", "private")


def test_what_is_searched_by_is_what_is_shown(filled):
    """The figure that is compared with the least value is the one in the list; a flattering baseline finds nothing."""
    asked = {"implicit_accuracy": 0.5, "win_rate": 0.5}
    (found,) = search(Wanted(least=asked), filled)
    assert str(found.figure) == "implicit_accuracy 0.7"
    (found,) = search(Wanted(least={"win_rate": 0.6}), filled)
    assert str(found.figure) == "win_rate 0.61 [0.57, 0.65] against sft, by oracle, at temperature 0.7"


def test_the_hub_is_asked_once_for_all(hub, pages, tmp_path):
    """However many models there are, a search lists them in one request and downloads nothing."""
    for number in range(5):
        card = zoo_things.make_card(f"thing-{number}")
        for file, data in zoo_things.FILES.items():
            (tmp_path / file).write_bytes(data)
        upload = Upload(card.to_bytes(), {file: tmp_path / file for file in zoo_things.FILES}, render(card))
        open_zoo("hub:org").publish(card.name, upload)
    hub.log.clear()
    assert len(search(Wanted(role="oracle"), "hub:org")) == 5
    assert hub.count("GET", "/api/models") == 1
    assert hub.count("GET", "/resolve/") == 0


@pytest.mark.parametrize(
    "page",
    [
        "---\nmodel-index: 3\n---\n",
        "---\nbase_model: [1, {}]\nlicense: {a: b}\ntags: [drdoctl, 7]\n---\n",
        "---\nmodel-index: [{name: x, results: [{task: 1, dataset: 2, metrics: [{type: 5, value: high}]}]}]\n---\n",
    ],
)
def test_a_page_that_anybody_wrote_breaks_no_list(hub, pages, tmp_path, page):
    """Wild front matter on the Hub is an entry with less in it."""
    card = zoo_things.make_card("thing")
    for file, data in zoo_things.FILES.items():
        (tmp_path / file).write_bytes(data)
    files = {file: tmp_path / file for file in zoo_things.FILES}
    open_zoo("hub:org").publish("thing", Upload(card.to_bytes(), files, page))
    assert [entry.name for entry in search(Wanted(), "hub:org")] == ["thing"]


def test_a_damaged_card_does_not_hide_the_others(folder_zoo, tmp_path):
    """A name whose card is not what was published is listed as damaged, beside the sound ones."""
    for name in ("one", "two"):
        zoo_things.publish(folder_zoo.location, tmp_path, zoo_things.FILES, name)
    for path in (folder_zoo.root / "one/revisions").iterdir():
        path.write_text("{}")
    assert [(entry.name, entry.status) for entry in search(Wanted(), folder_zoo.location)] == [
        ("one", "damaged"),
        ("two", "published"),
    ]


def test_a_newer_card_is_listed_as_unknown(folder_zoo, tmp_path, monkeypatch):
    """It is sound, and whoever sees the list is told what reads it."""
    zoo_things.publish(folder_zoo.location, tmp_path, zoo_things.FILES, "one")
    monkeypatch.setattr(type(open_zoo(folder_zoo.location)), "card", lambda *_: b'{"format": 2}')
    (entry,) = search(Wanted(), folder_zoo.location)
    assert (entry.name, entry.status) == ("one", "unknown")
    assert "a newer drdoctl made it" in entry.about


def test_the_catalogue_is_all_cards():
    """Where no zoo is named, every card is found, offline, and what is not published has no figure and no revision."""
    found = {entry.name: entry for entry in search(Wanted(), None, offline=True)}
    assert list(found) == list(shipped_cards())
    for name, entry in found.items():
        if shipped_cards()[name].status == "not published yet":
            assert (entry.figure, entry.revision, entry.versions) == (None, None, ())
    assert [entry.name for entry in search(Wanted(role="oracle", base="opt", tag="ultrafeedback-opt-1.3b"), None)] == [
        "oracle-opt1.3b-ultrafeedback",
        *(f"oracle-opt1.3b-ultrafeedback-member-{number}" for number in range(3)),
    ]


def test_an_unreachable_zoo_is_an_error():
    """A search of a zoo that may not be reached is exit 4, not an empty list."""
    with pytest.raises(ZooError):
        search(Wanted(), "hub:org", offline=True)


def test_a_damaged_pointer_does_not_hide_the_others(folder_zoo, tmp_path):
    """A name whose newest revision nobody knows is listed as damaged, and what is listed is sorted by name."""
    for name in ("one", "one.2", "two"):
        zoo_things.publish(folder_zoo.location, tmp_path, zoo_things.FILES, name)
    (folder_zoo.root / "one/refs/main").write_text("nothing")
    assert [(entry.name, entry.status) for entry in search(Wanted(), folder_zoo.location)] == [
        ("one", "damaged"),
        ("one.2", "published"),
        ("two", "published"),
    ]
