"""What the tests of a spec's rules share."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec.load import load_data
from drdoctl.spec.source import parse


@pytest.fixture
def checked(tmp_path):
    """Return `checked(text)`: the faults of a spec, and what is only a warning."""

    def found(text):
        data, marks = parse(text, "spec.yaml")
        try:
            return [], load_data(data, marks, text, tmp_path / "spec.yaml").warnings
        except UserError as error:
            return error.faults, ()

    return found


@pytest.fixture
def fault_codes(checked):
    """Return `fault_codes(text)`: the code of every fault of a spec."""
    return lambda text: [fault.code for fault in checked(text)[0]]
