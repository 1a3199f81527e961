"""What the tests of a spec's rules share."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec.load import load_data
from drdoctl.spec.source import parse


@pytest.fixture
def fault_codes(tmp_path):
    """Return `fault_codes(text)`: the code of every fault of a spec."""

    def found(text):
        data, marks = parse(text, "spec.yaml")
        try:
            load_data(data, marks, text, tmp_path / "spec.yaml")
        except UserError as error:
            return [fault.code for fault in error.faults]
        return []

    return found
