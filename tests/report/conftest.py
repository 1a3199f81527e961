"""Gives the tests of this folder a finished store."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from report_house import House, make_house


@pytest.fixture(scope="session")
def house(tmp_path_factory) -> House:
    """Return a house with all stages finished; read it only."""
    return make_house(tmp_path_factory.mktemp("report") / "store")
