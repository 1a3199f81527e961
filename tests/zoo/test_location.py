"""Where the zoo is, and what counts as a name in it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.errors import UserError, ZooError
from drdoctl.zoo.location import (
    Place,
    Ref,
    is_ref,
    locate,
    needs_network,
    new_tag,
    open_zoo,
    parse_ref,
    place,
    require_lasting,
    zoo_option,
)


def test_precedence(monkeypatch, tmp_path):
    """What is written, DRDOCTL_ZOO, the config file, what ships, the default: each goes before the next."""
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    monkeypatch.setattr("drdoctl.zoo.location.ships", lambda name: name == "small")
    config = tmp_path / "config.yaml"
    config.write_text("# mine\nzoo: hub://lab\n", encoding="utf-8")
    assert place() == place(ref="zoo/other") == Place("hub:drdoctl", "default")
    assert place(ref="zoo/small@v1") == Place("shipped:", "shipped")
    monkeypatch.setenv("DRDOCTL_CONFIG", str(config))
    assert place(ref="zoo/small") == Place("hub:lab", f"{config}:2")
    monkeypatch.setenv("DRDOCTL_ZOO", "hub:mine")
    assert place(ref="zoo/small") == Place("hub:mine", "DRDOCTL_ZOO")
    assert place("hub:org", ref="zoo/small") == Place("hub:org", "written")


def test_relative_folders(monkeypatch, tmp_path):
    """A spec's folder starts at the spec, the config file's at that file, and one on the command line where it is."""
    monkeypatch.delenv("DRDOCTL_ZOO", raising=False)
    assert locate("zoo", tmp_path) == str(tmp_path / "zoo")
    assert locate("zoo") == "zoo"
    config = tmp_path / "config.yaml"
    config.write_text("zoo: ours\n", encoding="utf-8")
    monkeypatch.setenv("DRDOCTL_CONFIG", str(config))
    assert locate() == str(tmp_path / "ours")


@pytest.mark.parametrize("written", ["hub:org", "s3://bucket/zoo", "shipped:", "/shared/zoo"])
def test_what_is_whole_starts_nowhere(written, tmp_path):
    """What is no relative folder is the same for every spec; `hub://ORG` is `hub:ORG`."""
    assert locate(written, tmp_path) == locate(written) == written
    assert locate("hub://org", tmp_path) == locate("hub://org") == open_zoo("hub://org").location == "hub:org"


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("zoo/oracle-phi3-tldr", Ref("oracle-phi3-tldr")),
        ("zoo/oracle-opt1.3b@v2", Ref("oracle-opt1.3b", "v2")),
        ("zoo/A_b@" + "a" * 40, Ref("A_b", "a" * 40)),
    ],
)
def test_names(text, ref):
    """A name may have a tag or an id, and prints as it was written."""
    assert parse_ref(text) == ref
    assert str(ref) == text
    assert is_ref(text)


@pytest.mark.parametrize(
    "text",
    [
        "zoo/",
        "zoo/../x",
        "zoo/a/b",
        "zoo/a@",
        "zoo/a@../b",
        "a",
        "zoo/a b",
        "zoo/a@v1@v2",
        "zoo/.a",
        "zoo/a\n",
        "zoo/a@v1\n",
    ],
)
def test_no_names(text):
    """What could leave the zoo, or is no name, is exit 2."""
    with pytest.raises(UserError):
        parse_ref(text)


@pytest.mark.parametrize("text", ["zoo/" + "a" * 97, "zoo/a@" + "a" * 129])
def test_too_long_a_name_is_told_the_limit(text):
    """A name is a file's and a repository's as well."""
    assert str(parse_ref(text[:-1])) == text[:-1]
    with pytest.raises(UserError) as error:
        parse_ref(text)
    assert "at most 96 in the name, 128 in the tag" in error.value.faults[0].hint


@pytest.mark.parametrize(("location", "lasts"), [("memory://x", False), ("memory", True), ("s3://memory", True)])
def test_a_zoo_in_memory_does_not_last(location, lasts):
    """What goes there is gone with the process; a folder may be called so."""
    with nullcontext() if lasts else pytest.raises(UserError, match="gone when this process ends"):
        require_lasting(location)


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_a_user_error(text):
    """Whatever passes as a name has no separator in it and does not begin with a dot."""
    try:
        ref = parse_ref(f"zoo/{text}")
    except UserError:
        return
    assert not set("/\\\0") & set(ref.name + (ref.revision or ""))
    assert not ref.name.startswith(".")


def test_secrets_in_urls():
    """A URL with a password in it is exit 2, and the message does not repeat it."""
    with pytest.raises(UserError) as error:
        open_zoo("s3://user:secret@bucket/zoo")
    assert "secret@" not in str(error.value)


@pytest.mark.parametrize("location", ["hub:", "hub://", "hub:a/b", "hub://a/b", "hub:../x"])
def test_no_organisations(location):
    """An organisation is one name."""
    with pytest.raises(UserError):
        open_zoo(location)


def test_offline():
    """Offline, zoos on this machine open and others are exit 4."""
    assert not needs_network("some/folder")
    assert not needs_network("memory://zoo")
    assert open_zoo("memory://zoo-offline", offline=True).names() == []
    for location in ("hub:org", "s3://bucket/zoo", "https://example.org/zoo"):
        with pytest.raises(ZooError):
            open_zoo(location, offline=True)


def test_nothing_heavy_is_imported():
    """Importing the zoo's modules loads neither the Hub's client nor fsspec nor torch."""
    modules = "pull, push, verify, resolve, publish, fs, hub, card, location, safety, lineage, page"
    heavy = "{'huggingface_hub', 'fsspec', 'torch', 'transformers', 'pyarrow', 'numpy'}"
    program = f"import sys\nfrom drdoctl.zoo import {modules}\nassert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("tag", ["main", "0" * 40, "../v1", "v1\n"])
def test_what_cannot_be_a_tag(tag):
    """A tag that a pull would take for the newest revision, for an id, or for no name, is refused: exit 2."""
    with pytest.raises(UserError):
        new_tag("a", tag)
    assert [new_tag("a", "v1"), new_tag("a", None)] == ["v1", None]


@pytest.mark.parametrize("location", ["", " "])
def test_an_empty_location(location):
    """An empty location, as an unset variable gives, is exit 2 and not the current folder."""
    with pytest.raises(UserError, match="empty"):
        open_zoo(location)


@pytest.mark.parametrize(
    ("location", "option"),
    [
        ("hub:drdoctl", ""),
        ("shipped:", ""),
        ("hub:my-lab", " --zoo hub:my-lab"),
        ("gs://bucket/zoo", " --zoo gs://bucket/zoo"),
        ("/shared/zoo", " --zoo FOLDER"),
        ("file:///shared/zoo", " --zoo FOLDER"),
    ],
)
def test_a_zoo_in_others_commands(location, option):
    """A zoo that others can reach is named, a folder's path is not."""
    assert zoo_option(location) == option
