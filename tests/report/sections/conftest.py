"""Gives the tests of sections a collected report of their own."""

import copy

import pytest

from drdoctl.report.collect import collect


@pytest.fixture(scope="session")
def collected(house):
    """Return the collected report; read it only."""
    return collect(house.store, house.plan)


@pytest.fixture
def report(collected):
    """Return a report that a test may change."""
    return copy.deepcopy(collected)
