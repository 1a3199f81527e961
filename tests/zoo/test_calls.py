"""Deadlines, attempts and the words of errors."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.zoo import calls


class Answer(Exception):  # named for what it is
    """An error as the client raises it: with the response, and in it the request's headers."""

    def __init__(self, code, retry_after=None):
        """`code`: the HTTP status."""
        super().__init__("no luck\nwith details")
        headers = {"Retry-After": retry_after} if retry_after else {}
        self.response = SimpleNamespace(status_code=code, headers=headers)


@pytest.fixture
def pauses(monkeypatch):
    """What would have been slept, in seconds."""
    found = []
    monkeypatch.setattr(calls.time, "sleep", found.append)
    return found


def _failing(errors):
    def call():
        if errors:
            raise errors.pop(0)
        return "done"

    return call


def test_backoff(pauses):
    """Pauses double, `Retry-After` goes before, and no server can ask for more than half a minute."""
    call = _failing([Answer(503), Answer(429, "7"), Answer(429, "9999")])
    assert calls.attempt("cannot", "here", call) == "done"
    assert pauses == [0.5, 7.0, 30.0]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422])
def test_what_does_not_pass_is_not_tried_again(pauses, code):
    """A refusal is final: one attempt, exit 4."""
    errors = [Answer(code)]
    with pytest.raises(ZooError):
        calls.attempt("cannot", "here", _failing(errors))
    assert pauses == []


def test_bounded(pauses):
    """What stays broken is given up after four attempts, and the error keeps none of the client's objects."""
    errors = [ConnectionError("gone") for _ in range(9)]
    with pytest.raises(ZooError, match="cannot: here failed") as caught:
        calls.attempt("cannot", "here", _failing(errors))
    assert len(errors) == 9 - calls.ATTEMPTS
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_statuses_left_to_the_caller():
    """A status in `leave` comes through as it is."""
    with pytest.raises(Answer):
        calls.attempt("cannot", "here", _failing([Answer(404)]), leave=(404,))


def test_wrapped_errors(pauses):
    """An error that the client wraps (1.3 does so with uploads) is judged, waited for and told by what it is about."""
    wrapped = RuntimeError("Error while uploading")
    wrapped.__cause__ = Answer(429, "3")
    assert calls.attempt("cannot", "here", _failing([wrapped])) == "done"
    assert pauses == [3.0]
    wrapped.__cause__ = Answer(403)
    with pytest.raises(ZooError) as caught:
        calls.attempt("cannot", "here", _failing([wrapped]))
    assert caught.value.faults[0].code == "zoo-permission"


def test_answers_that_the_client_refuses():
    """A ValueError of the client, such as a path out of the folder, is exit 5."""
    with pytest.raises(IntegrityError):
        calls.attempt("cannot", "here", _failing([ValueError("../x")]))


def test_within():
    """A call that takes too long is left, one that ends gives its value or its error."""
    assert calls.within(5, lambda: 3) == 3
    with pytest.raises(KeyError):
        calls.within(5, lambda: {}["x"])
    began = time.monotonic()
    with pytest.raises(calls.Deadline):
        calls.within(0.05, lambda: time.sleep(5))
    assert time.monotonic() - began < 2


def test_allowed(monkeypatch):
    """More bytes get more time, and DRDOCTL_ZOO_TIMEOUT sets the rest."""
    monkeypatch.setenv("DRDOCTL_ZOO_TIMEOUT", "5")
    assert calls.allowed() == 5
    assert calls.allowed(calls.SLOWEST * 10) == 15


def test_one_budget_for_all_calls(monkeypatch):
    """Calls in one block share its seconds, pauses included; what happens between them is not counted."""
    monkeypatch.setattr(calls, "WHOLE", 1)
    monkeypatch.setenv("DRDOCTL_ZOO_TIMEOUT", "0.5")
    with calls.overall():
        calls.within(9, lambda: time.sleep(0.1))
        time.sleep(0.6)
        assert 0.2 < calls.left() < 0.41
        with pytest.raises(calls.Deadline, match="all calls"):
            calls.within(9, lambda: time.sleep(30))
        with pytest.raises(ZooError, match="all calls") as caught:
            calls.attempt("cannot", "here", lambda: 1)
        assert "DRDOCTL_ZOO_TIMEOUT" in caught.value.faults[0].hint
    assert calls.left() == float("inf")


def test_the_budget_grows_with_bytes(monkeypatch):
    """Bytes that are found out later add their time, from within as well."""
    monkeypatch.setenv("DRDOCTL_ZOO_TIMEOUT", "10")
    with calls.overall(calls.SLOWEST * 3):
        assert calls.left() == 53
        calls.more(calls.SLOWEST * 2)
        with calls.overall(calls.SLOWEST):
            assert calls.left() == 56


def test_no_pause_beyond_the_budget(pauses, monkeypatch):
    """A server that asks for more patience than is left is given up at once, with what it said."""
    monkeypatch.setenv("DRDOCTL_ZOO_TIMEOUT", "1")
    with calls.overall(), pytest.raises(ZooError, match="429"):
        calls.attempt("cannot", "here", _failing([Answer(429, "20"), Answer(429, "20")]))
    assert pauses == []
