"""The zoo that ships, and the small oracle in it."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import zoo_things

from drdoctl.cli import run
from drdoctl.core.errors import UserError
from drdoctl.shipped import shipped
from drdoctl.zoo.location import open_zoo
from drdoctl.zoo.search import Wanted, search
from drdoctl.zoo.shelf import shipped_cards

NAME = "zoo/oracle-notes"
PAIRS = shipped("zoo") / "examples" / "notes-pairs.jsonl"
MOST_BYTES = 1_500_000


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A folder with nothing in it, on a machine that names no zoo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for variable in ("DRDOCTL_ZOO", "DRDOCTL_STORE"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.mark.slow
def test_pull_score_and_verify_offline(fresh, capsys):
    """On a fresh machine, offline, the oracle is pulled, is the quickstart's, scores pairs and verifies."""
    pytest.importorskip("torch", reason="what scores has torch")
    assert run(["pull", NAME, "--offline", "--json"]) == 0
    seen = capsys.readouterr()
    pulled = json.loads(seen.out)
    assert pulled["license"] == "apache-2.0"

    recipe = shipped("recipes") / "quickstart.yaml"
    assert run(["plan", str(recipe), "--json"]) == 0
    (oracle,) = [stage for stage in json.loads(capsys.readouterr().out)["stages"] if stage["id"] == "oracle"]
    assert (oracle["artifact"], oracle["action"]) == (pulled["artifact"], "reuse")

    assert run(["score", NAME, str(PAIRS), "--offline", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    lines = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in answer["rows"]] == [line["id"] for line in lines]
    (accuracy,) = [one for one in answer["summary"]["figures"] if one["metric"] == "accuracy"]
    assert accuracy["value"] == sum(row["margin"] > 0 for row in answer["rows"]) / len(lines) > 0.6

    assert run(["verify", NAME, "--offline"]) == 0
    assert capsys.readouterr().out.startswith(f"{NAME} at ")


def test_its_card_tells_what_it_is_worth(fresh, capsys):
    """Accuracy on held-out pairs with its interval, probes, licence, lineage; small enough to ship."""
    assert run(["show", NAME, "--offline", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    accuracy = card["quality"]["accuracy"]
    assert 0.6 < accuracy["low"] < accuracy["value"] < accuracy["high"] < 0.8
    assert accuracy["count"] == 512
    assert len(card["probes"]) == 8
    assert card["license"] == "apache-2.0"
    assert card["spec_name"] == "quickstart"
    assert sum(entry["size"] for entry in card["files"].values()) < MOST_BYTES
    text = "".join(path.read_text(encoding="utf-8") for path in (shipped("zoo") / "shipped").rglob("*.json"))
    assert not re.search(r"/(?:home|root|tmp|Users)/", text)


def test_what_show_says_can_be_typed(fresh, capsys):
    """The page ends with commands; the pairs they name are there."""
    assert run(["show", NAME, "--offline"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  drdoctl score")]
    assert fresh.joinpath(line.split()[-1]).samefile(PAIRS)


def test_it_is_found_by_what_it_is_worth():
    """A search for a figure finds it in the catalogue, with its tag and where it is."""
    (entry,) = search(Wanted(role="oracle", least={"accuracy": 0.6}, tag="v1"), None, offline=True)
    assert (entry.name, entry.status, entry.versions) == ("oracle-notes", "ships with drdoctl", ("v1",))
    assert entry.base == shipped_cards()["oracle-notes"].base


def test_every_file_of_it_is_tracked(root):
    """What a name there needs is in the repository: a pull after a clone, or from a wheel, lacks nothing."""
    if not (root / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "zoo"], cwd=root, capture_output=True, text=True, check=True).stdout
    there = {str(path.relative_to(root)) for path in (root / "zoo").rglob("*") if path.is_file()}
    assert there == set(listed.split())


def test_offline_a_store_remembers_what_was_pulled(fresh, tmp_path, capsys, hub):
    """Where no zoo is named: what ships, and what was pulled from the default zoo before; anything else is exit 4."""
    zoo_things.publish("hub:drdoctl", tmp_path, zoo_things.FILES)
    assert run(["pull", "zoo/thing"]) == 0
    capsys.readouterr()
    asked = len(hub.log)
    assert run(["pull", "zoo/thing", "--offline"]) == 0
    assert "nothing to fetch" in capsys.readouterr().err
    assert run(["pull", "zoo/something-else", "--offline"]) == 4
    assert "offline run" in capsys.readouterr().err
    assert run(["pull", NAME, "--dry-run", "--offline"]) == 0
    assert len(hub.log) == asked


def test_it_is_only_read(tmp_path):
    """A push into it is exit 2 and changes nothing: the next update would sweep it away."""
    before = sorted((shipped("zoo") / "shipped").rglob("*"))
    with pytest.raises(UserError, match="cannot go into the zoo that ships"):
        zoo_things.publish("shipped:", tmp_path, zoo_things.FILES)
    assert sorted((shipped("zoo") / "shipped").rglob("*")) == before


def test_it_has_one_name_everywhere():
    """It opens offline, as `shipped:` wherever drdoctl is installed."""
    assert open_zoo("shipped:", offline=True).location == "shipped:"
