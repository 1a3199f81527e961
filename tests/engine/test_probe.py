"""The child that scores probes, as the parent sees it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch")

from drdoctl.core.errors import StageFailed, UserError
from drdoctl.engine import probe
from drdoctl.train.probe import run
from drdoctl.zoo.probes import TEXTS, Probe, Stated

MODELS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_models.py"))


def test_a_model_in_a_process_of_its_own(tmp_path):
    """What publishing chose and scored comes out again when a card's probes are scored."""
    MODELS["save_model"](tmp_path)
    told = {"model": str(tmp_path), "role": "oracle", "template": "auto", "device": "cpu"}
    found = run({**told, "choose": [dict(text) for text in TEXTS]})
    stated = Stated("oracle", "auto", [Probe(**one) for one in found["probes"]], {})
    again = probe.scorer("cpu")(tmp_path, stated)["scores"]
    assert again == pytest.approx([one["score"] for one in found["probes"]], abs=1e-5)


def test_faults_of_the_child_are_raised(tmp_path):
    """A folder without a tokenizer is the user's, with the remedy that the child gave."""
    with pytest.raises(UserError, match="tokenizer"):
        probe.scorer("cpu")(tmp_path, Stated("oracle", "auto", [], {}))


def test_a_child_that_dies(tmp_path, monkeypatch):
    """A process that ends without an answer is a failure that says how it ended and how to go without."""
    monkeypatch.setattr(probe, "MODULE", "drdoctl.no_such_module")
    with pytest.raises(StageFailed, match=r"ended with 1: .*no_such_module") as caught:
        probe.scorer("cpu")(tmp_path, Stated("oracle", "auto", [], {}))
    assert "--no-probe" in caught.value.faults[0].hint
