"""Pushes and pulls that are struck at each of their requests; `python -m chaos zoo` strikes in all ways at each."""

from __future__ import annotations

import logging

import pytest

from chaos import _transfers, zoo
from chaos._strikes import KINDS, SPANS, Strike, killed, struck
from chaos._transfers import ACTS
from drdoctl.core.errors import IntegrityError
from drdoctl.zoo.contents import Contents


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A Hub that logs and can be struck, with two versions of a model."""
    logging.disable(logging.WARNING)  # the client tells each attempt
    with _transfers.loopback() as (hub, things):
        yield _transfers.World(hub, tmp_path_factory.mktemp("world"), things)
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("act", ACTS)
def test_every_request_struck(world, act):
    """Cut, lost or put off, once or for good: exit 0 or 4, old or new, and the same command again ends well."""
    requests = world.requests(act)
    assert len(requests) > 10
    ways = [(kind, span) for kind in KINDS for span in SPANS]
    codes = set()
    for number, request in enumerate(requests):
        for kind, span in (ways[(7 * number) % len(ways)], ways[(7 * number + 10) % len(ways)]):
            strike = Strike(act, number, request, kind, span)
            result = struck(world, strike)
            assert result.wrong == [], str(strike)
            codes.add(result.exit)
    assert codes == {0, 4}


@pytest.mark.parametrize("act", ["next push", "pull"])
def test_killed_at_every_request(world, act):
    """SIGKILL before or after the Hub's deed: nothing is half, and the same command again ends well."""
    for number in range(len(world.requests(act))):
        assert killed(world, act, number, after=bool(number % 2)) == [], f"{act}, request {number}"


def _without_weights(operations):
    return [one for one in operations if one.path_in_repo != "model.safetensors"]


def test_the_strikes_see_what_is_wrong(world, monkeypatch):
    """A push that forgets a file and does not read back is found out at `main` and at the tag."""
    whole = Contents.additions
    monkeypatch.setattr(Contents, "additions", lambda *args: _without_weights(whole(*args)))
    monkeypatch.setattr(
        Contents, "differences", lambda contents, tree, strict: [] if "config.json" in tree else ["all"]
    )
    found = " ".join(struck(world, Strike("first push", 99, "", "cut", "once")).wrong)
    assert "`main` holds" in found
    assert "`v2` holds" in found


def test_what_was_sent_is_read_back(world, monkeypatch):
    """A push whose commit does not hold what was meant ends with exit 5 before the tag and `main` have moved."""
    whole = Contents.additions
    monkeypatch.setattr(Contents, "additions", lambda *args: _without_weights(whole(*args)))
    watched = world.begin("next push")
    with pytest.raises(IntegrityError, match=r"read back.*model\.safetensors"):
        world.do("next push")
    (repo,) = world.hub.repos.values()
    assert (len(repo.history), set(repo.tags), watched.wrong) == (2, {"v1"}, [])


def test_the_command_line(capsys):
    """`python -m chaos zoo` says how many requests were struck and how many acts survived."""
    assert zoo.main(["--act", "pull", "--every", "14"]) == 0
    said = capsys.readouterr().out
    assert "20 of 20 survived" in said
    assert "2 of 2" in said
