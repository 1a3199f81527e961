"""Faults and the errors that carry them."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import (
    DrdoError,
    Fault,
    IntegrityError,
    NetworkError,
    Refused,
    StageFailed,
    Stopped,
    UserError,
    Where,
    ZooError,
    error_class,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [(StageFailed, 1), (UserError, 2), (ZooError, 4), (IntegrityError, 5), (Refused, 6)],
)
def test_each_class_has_the_contracts_exit_code(error, code):
    """The class of an error decides the exit code, as the contract lists it, and the other way round."""
    assert error("x").exit_code == code
    assert error_class(code) is error


def test_a_network_error_is_the_contracts_too():
    """A server that does not answer ends as the zoo does: exit code 4."""
    assert NetworkError("x").exit_code == ZooError.exit_code == 4


def test_any_other_exit_code_is_a_failed_stage():
    """A child that a signal ended, say, has no class of its own."""
    assert error_class(-9) is error_class(137) is StageFailed


@pytest.mark.parametrize("code", [75, 129, 130, 143])
def test_a_signal_decides_how_a_stop_ends(code):
    """A stop carries the exit code of its own signal and leaves the class alone."""
    assert Stopped("stopped", exit_code=code).exit_code == code
    assert Stopped.exit_code == DrdoError.exit_code


def test_one_message_becomes_one_fault():
    """A plain message is a fault with its code, place and hint."""
    where = Where("spec.yaml", 3, 5)
    error = UserError("no such file", code="missing", where=where, hint="look again")
    assert error.faults == [Fault("missing", "no such file", where, "look again")]


def test_many_faults_are_kept_in_order():
    """All faults of a file are there at once, in the order given, and all are in the exception's text."""
    faults = [Fault("a", "first"), Fault("b", "second")]
    error = UserError(faults)
    assert error.faults == faults
    assert str(error) == "first; second"


@pytest.mark.parametrize(
    ("where", "text"),
    [(Where("a.yaml", 7, 3), "a.yaml:7:3"), (Where("a.yaml", 7), "a.yaml:7"), (Where("--set seed"), "--set seed")],
)
def test_a_place_prints_as_editors_open_it(where, text):
    """A place is FILE:LINE:COLUMN, as far as it is known."""
    assert str(where) == text
