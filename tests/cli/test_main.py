"""Errors that reach the top are one line and an exit code."""

from __future__ import annotations

import errno

import pytest

from drdoctl.cli import run


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, 2), (errno.ENAMETOOLONG, 2), (errno.EROFS, 1)])
def test_a_path_that_cannot_be_used_is_no_bug(number, code, monkeypatch, capsys, tmp_path):
    """The path and the reason are named, whoever met them."""

    def fail(*_):
        raise OSError(number, "the reason", str(tmp_path / "thing"))

    monkeypatch.setattr("drdoctl.cli.status.Store", fail)
    assert run(["status", "--store", str(tmp_path)]) == code
    error = capsys.readouterr().err
    assert error.startswith("error[file]: cannot use `")
    assert "thing`: the reason" in error


def test_other_errors_are_bugs(monkeypatch, capsys, tmp_path):
    """An error that names no path is drdoctl's own."""

    def fail(*_):
        raise OSError("odd")

    monkeypatch.setattr("drdoctl.cli.status.Store", fail)
    assert run(["status", "--store", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error[internal]")
