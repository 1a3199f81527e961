"""`drdoctl schema`."""

from __future__ import annotations

import json

import pytest

from drdoctl.cli import run
from drdoctl.cli.schema import WHICH


@pytest.mark.parametrize("what", WHICH)
def test_every_document_has_a_schema(what, capsys):
    """Each is JSON on stdout and nothing else."""
    assert run(["schema", what]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["$schema"].startswith("https://json-schema.org/")
    assert err == ""


def test_unknown_documents_are_guessed(capsys):
    """A misspelt name is an error with the likely one, and no path gets through."""
    assert run(["schema", "spce"]) == 2
    assert "did you mean `spec`?" in capsys.readouterr().err
    assert run(["schema", "../schemas/spec"]) == 2
