"""From a spec to a published student, and from the student back to a spec that makes it again."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import yaml
from tiny import TINY

from drdoctl import cli
from drdoctl.cli.init import written
from drdoctl.spec.source import parse
from drdoctl.zoo.location import parse_ref
from drdoctl.zoo.resolve import look_up

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))
PUBLISH = """\
version: 1
name: again
zoo: zoo
publish: {student: zoo/again@v1, license: mit}
"""


@pytest.mark.slow
def test_a_published_student_is_made_again(tmp_path, monkeypatch, capsys):
    """`init --from zoo/NAME` gives a spec that plans to the very artifact of the card, on a machine with nothing."""
    pytest.importorskip("torch")
    for name in ("DRDOCTL_ZOO", "DRDOCTL_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(PUBLISH + TINY, encoding="utf-8")
    assert cli.run(["apply", "spec.yaml", "-y", "--set", "train.max_steps=3"]) == 0
    receipts = [json.loads(path.read_bytes()) for path in tmp_path.glob(".drdoctl/artifacts/publish-*/receipt.json")]
    assert [(one["name"], one["probed"]) for one in receipts] == [("again", True)]
    card = look_up(parse_ref("zoo/again@v1"), str(tmp_path / "zoo")).card
    assert len(card.probes) == 8
    assert {one.id for one in card.parents} == {"data", "logps"}
    assert card.plan_sha256
    assert card.whole_spec["train"] == {"max_steps": 3, "global_batch": 8}
    assert not {"resources", "publish", "zoo"} & card.whole_spec.keys()
    capsys.readouterr()
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    assert cli.run(["init", "--from", "zoo/again", "--zoo", str(tmp_path / "zoo")]) == 0
    assert capsys.readouterr().out.strip() == "again.yaml"
    assert cli.run(["plan", "again.yaml", "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    (align,) = [stage for stage in stages if stage["kind"] == "align"]
    assert (align["id"], align["fingerprint"]) == (card.stage, card.fingerprint)
    assert cli.run(["pull", "zoo/again", "--zoo", str(tmp_path / "zoo")]) == 0
    assert "the model gives the card's scores (8 probes" in capsys.readouterr().err
    assert cli.run(["plan", "again.yaml", "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert [stage["action"] for stage in stages if stage["kind"] == "align"] == ["reuse"]


def test_a_card_without_a_spec(tmp_path, monkeypatch, capsys):
    """A model whose card does not hold its spec is exit 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "upload").mkdir()
    THINGS["publish"](str(tmp_path / "zoo"), tmp_path / "upload", THINGS["FILES"])
    assert cli.run(["init", "--from", "zoo/thing", "--zoo", "zoo"]) == 2
    assert "does not hold the spec" in capsys.readouterr().err
    assert not (tmp_path / "thing.yaml").exists()


def test_a_model_is_named_with_its_organisation(tmp_path, monkeypatch, capsys):
    """`hub:ORG/NAME[@TAG]` is `zoo/NAME[@TAG]` with `--zoo hub:ORG`; with a zoo beside it, exit 2."""
    monkeypatch.chdir(tmp_path)
    for name in ("hub:my-lab/taught@v1", "hub://my-lab/taught@v1"):
        assert cli.run(["init", "--from", name, "--offline"]) == 4
        err = capsys.readouterr().err
        assert cli.run(["init", "--from", "zoo/taught@v1", "--zoo", "hub:my-lab", "--offline"]) == 4
        assert capsys.readouterr().err == err
    assert "the zoo `hub:my-lab` needs the network" in err
    assert cli.run(["init", "--from", "hub:my-lab/taught", "--zoo", "zoo"]) == 2
    assert "hint: leave out one: `--from zoo/taught --zoo zoo`" in capsys.readouterr().err
    (tmp_path / "taught.yaml").touch()
    assert cli.run(["init", "--from", "hub:my-lab/taught"]) == 2
    assert "overwrite it: `drdoctl init --from hub:my-lab/taught --force`" in capsys.readouterr().err


def test_a_strangers_programs_are_not_copied(tmp_path, monkeypatch, capsys):
    """What a card's spec says of where to compute and publish is left out, whoever wrote it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "upload").mkdir()
    spec = {"zoo": "/elsewhere", "resources": {"server": {"command": "rm"}}, "publish": {"student": "zoo/x"}, "seed": 1}
    THINGS["publish"](str(tmp_path / "zoo"), tmp_path / "upload", THINGS["FILES"], whole_spec={"name": "x", **spec})
    assert cli.run(["init", "--from", "zoo/thing", "--zoo", "zoo"]) == 0
    assert yaml.safe_load((tmp_path / "thing.yaml").read_text(encoding="utf-8")) == {"name": "x", "seed": 1}


@pytest.mark.parametrize(
    "value", ["1e-5", "no", "010", "12:30", "0x1F", "null", "~", " a ", "é…", "a: b", "#", 1e-7, 3, None]
)
def test_a_spec_is_written_as_it_is_read(value):
    """Whatever a card's spec holds, the file reads back as the same values, of the same kinds."""
    values = {"version": 1, "name": "x", "deep": [{"value": value}]}
    text = written(values)
    read = parse(text, "")[0]
    assert read == values
    assert type(read["deep"][0]["value"]) is type(value)
    assert yaml.safe_load(text)["name"] == "x"
