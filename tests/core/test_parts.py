"""Plug-ins: the folder is the registry."""

from __future__ import annotations

import sys
from typing import Literal

import pytest
from pydantic import ValidationError

from drdoctl.core.parts import Model, Part, descriptions, discover, plugin_name


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that makes an importable package of the given modules."""

    def make(name: str, **modules: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for module, text in modules.items():
            head = "from typing import Literal\nfrom drdoctl.core.parts import Part\n"
            (folder / f"{module}.py").write_text(head + text)
        monkeypatch.syspath_prepend(tmp_path)
        return name

    yield make
    for name in [name for name in sys.modules if name.startswith("plugins_")]:
        del sys.modules[name]


def test_a_file_is_a_plugin(package):
    """Every class of a public module is found under its own name, sorted."""
    name = package(
        "plugins_two",
        zebra="class Z(Part):\n    name: Literal['z']\n",
        ant="class A(Part):\n    name: Literal['a']\n",
        _help="class H(Part):\n    name: Literal['h']\n",
    )
    assert list(discover(name, Part)) == ["a", "z"]


def test_imported_classes_are_not_found_again(package):
    """A class that a module only imports belongs to the module that defines it."""
    name = package(
        "plugins_import",
        one="class A(Part):\n    name: Literal['a']\n",
        two="from plugins_import.one import A\nclass B(A):\n    name: Literal['b']\n",
    )
    assert {key: cls.__module__ for key, cls in discover(name, Part).items()} == {
        "a": "plugins_import.one",
        "b": "plugins_import.two",
    }


def test_two_plugins_of_one_name_are_a_mistake(package):
    """The error names both modules."""
    text = "class A(Part):\n    name: Literal['a']\n"
    name = package("plugins_same", one=text, two=text)
    with pytest.raises(TypeError, match=r"plugins_same\.one.*plugins_same\.two"):
        discover(name, Part)


def test_a_name_must_be_one_word():
    """A plug-in whose name is not a single literal is refused with its own name in the message."""

    class Vague(Part):
        name: Literal["a", "b"]

    with pytest.raises(TypeError, match="Vague"):
        plugin_name(Vague)


def test_models_are_strict_and_closed():
    """Unknown keys, wrong types, infinities and later changes are all refused."""

    class Thing(Model):
        size: float = 1.0
        """How large."""

    assert descriptions(Thing) == {"size": "How large."}
    assert Thing.model_json_schema()["properties"]["size"]["description"] == "How large."
    for wrong in ({"sise": 1.0}, {"size": "1"}, {"size": float("inf")}):
        with pytest.raises(ValidationError):
            Thing.model_validate(wrong)
    with pytest.raises(ValidationError):
        Thing().size = 2.0
