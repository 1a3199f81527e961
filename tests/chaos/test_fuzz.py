"""The fuzzer: what it once found stays mended, it sees what is wrong, and a few wild files for every reader."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random

import pytest

from chaos import fuzz
from chaos._loader import Loader
from chaos._loaders import loaders
from chaos._mutate import DEEP, DEPTH, dumps, mutated
from chaos._watch import TooSlow, Watch, bound
from drdoctl.core.errors import UserError

FOUND = sorted((Path(__file__).parent / "found").iterdir())
CASES = 5


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """Return all loaders by name."""
    return {loader.name: loader for loader in loaders(tmp_path_factory.mktemp("fuzz"))}


@pytest.fixture
def unbounded(monkeypatch):
    """Leave this process's own limits as they are: pytest goes on in it."""
    monkeypatch.setattr(fuzz, "bound", lambda: None)


def test_there_is_a_loader_for_whatever_is_read(readers):
    """Specs, plans, data, models, cards, zoos and each kind of file of a store are there."""
    groups = {name.partition("/")[0] for name in readers}
    assert groups >= {
        "spec",
        "plan-file",
        "jsonl",
        "parquet",
        "score-rows",
        "model",
        "card",
        "zoo",
        "store",
        "metrics",
        "config",
    }
    kept = {"events.jsonl", "data-manifest.json", "align-progress.json", "align-job.json", "align-failure.json"}
    assert {name.partition("/")[2] for name in readers if name.startswith("store/")} >= kept


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_stays_mended(path, readers):
    """Each input that once was a finding is read, or refused by an error of the project's own."""
    name = path.name.rpartition("-")[0]
    loader = next(reader for reader in readers.values() if reader.name.replace("/", "-") == name)
    assert Watch().try_one(loader.name, loader.read, path.read_bytes()) is None


@pytest.mark.parametrize(
    "text", [b"[" * DEPTH, b'{"a":' * DEPTH, b"[" * DEPTH + b"]" * DEPTH], ids=["list", "map", "shut"]
)
def test_nesting_is_bounded_everywhere(text, readers):
    """What is nested beyond what a parser can follow is no traceback, whoever reads it."""
    watch = Watch()
    assert [what for loader in readers.values() if (what := watch.try_one(loader.name, loader.read, text))] == []


def test_wild_files_are_read_or_refused(readers):
    """Every reader takes sound files, and whatever a few wild ones hold."""
    watch = Watch()
    for loader in readers.values():
        random = Random(f"test {loader.name}")  # noqa: S311
        inputs = [*loader.seeds[:3], *(fuzz.wild(loader, random) for _ in range(CASES))]
        assert [what for data in inputs if (what := watch.try_one(loader.name, loader.read, data))] == []
    assert watch.cases >= CASES * len(readers)
    assert watch.refused > watch.cases / 4


def test_findings_are_told_once_and_errors_of_the_project_are_none(unbounded, capsys):
    """A crash and a case that takes too long are findings, each told once; a refusal is none."""

    def read(data):
        if data.startswith(b"slow"):
            end = time.process_time() + 60
            while time.process_time() < end:
                pass
        if data.startswith(b"crash"):
            raise KeyError(data.decode())
        raise UserError("no")

    watch = Watch(seconds=0.05)
    bound_signal()
    told = [watch.try_one("x", read, data) for data in (b"fine", b"crash 1", b"crash 2", b"slow", b"slow", b"fine")]
    assert [text and text.split(":")[1].split()[0] for text in told] == [None, "KeyError", None, "TooSlow", None, None]
    assert (watch.cases, watch.refused, len(watch.found)) == (6, 2, 2)
    assert isinstance(TooSlow(), BaseException)
    assert not isinstance(TooSlow(), Exception)
    watches = fuzz.run([Loader("x", [b"crash", b"{}"], read)], 0.01, seed=1)
    assert watches["x"].cases >= 3
    assert "finding, of a sound file: x: KeyError" in capsys.readouterr().out


def bound_signal():
    """Ask for the signal of a slow case, without a bound on this process's memory."""
    import signal

    from chaos import _watch

    signal.signal(signal.SIGPROF, _watch._too_slow)


def test_the_same_seed_tries_the_same_inputs():
    """Inputs depend on the seed alone, differ from it and from each other, and JSON mostly stays JSON."""
    seed = b'{"a": [1, 2, {"b": "c"}], "d": null}'
    first, again = ([mutated(seed, [seed], random) for _ in range(200)] for random in map(Random, (7, 7)))
    assert first == again
    assert len(set(first)) > 100
    assert sum(_is_json(data) for data in first) > 60
    assert dumps(["x", DEEP]).count(b"[") == DEPTH + 1


def _is_json(data):
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def test_the_command_says_what_it_tried(unbounded, tmp_path, capsys):
    """One loader for a moment: a table, a summary and exit 0; a loader that is not there is wrong usage."""
    bound_signal()
    assert bound is not fuzz.bound
    assert fuzz.main(["--seconds", "0.2", "--only", "card", "--keep", str(tmp_path / "kept")]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1].startswith("card ")
    assert "0 findings" in said.splitlines()[-1]
    assert list((tmp_path / "kept").iterdir()) == []
    with pytest.raises(SystemExit):
        fuzz.main(["--only", "nothing"])
