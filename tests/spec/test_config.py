"""The user's config file."""

from __future__ import annotations

import pytest

from drdoctl.cli import run
from drdoctl.core.errors import UserError
from drdoctl.spec.config import config_path, user_config


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return `write(text)`, which makes the file where XDG_CONFIG_HOME has it and returns its path."""
    monkeypatch.delenv("DRDOCTL_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))

    def write(text):
        path = tmp_path / "xdg/drdoctl/config.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_where_the_file_is(written, tmp_path, monkeypatch):
    """XDG_CONFIG_HOME, else ~/.config; DRDOCTL_CONFIG goes before both, and an empty one means no file."""
    assert config_path() is None
    path = written("zoo: hub:lab\n")
    assert config_path() == path
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert config_path() is None
    at_home = tmp_path / "home/.config/drdoctl/config.yaml"
    at_home.parent.mkdir(parents=True)
    at_home.write_text("zoo: hub:home\n", encoding="utf-8")
    assert config_path() == at_home
    monkeypatch.setenv("DRDOCTL_CONFIG", str(path))
    assert user_config().values.zoo == "hub:lab"
    monkeypatch.setenv("DRDOCTL_CONFIG", "")
    assert config_path() is None
    assert user_config().values.zoo is None


def test_a_file_that_is_named_must_be_there(monkeypatch, tmp_path):
    """DRDOCTL_CONFIG that names no file is exit 2."""
    monkeypatch.setenv("DRDOCTL_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(UserError, match=r"none\.yaml"):
        config_path()


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_sets_nothing(written, text):
    """A file without settings is as good as none."""
    written(text)
    assert user_config().values.zoo is None


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("zo: hub:lab\n", ":1:1", "did you mean `zoo`?"),
        ("zoo: hub:lab\ncolour: red\n", ":2:1", "the settings are: `zoo`"),
        ("zoo: 3\n", ":1:6", "valid string"),
        ("zoo: ''\n", ":1:6", "at least 1 character"),
        ("- zoo\n", ":1:1", "holds no settings"),
        ("zoo: hub:a\nzoo: hub:b\n", ":2:1", "is given twice"),
        ("zoo: [\n", ":2:1", "config.yaml"),
    ],
)
def test_faults_have_a_place(written, capsys, text, place, words, tmp_path):
    """What is wrong in the file is exit 2 for a verb that reads it, with file, line, column and remedy."""
    path = written(text)
    assert run(["pull", "zoo/thing", "--store", str(tmp_path / "store")]) == 2
    err = capsys.readouterr().err
    assert f"{path}{place}" in err
    assert words in err


def test_origin_is_file_and_line(written):
    """A setting says where it comes from."""
    path = written("# the lab's\nzoo: hub:lab\n")
    assert user_config().origin("zoo") == f"{path}:2"
