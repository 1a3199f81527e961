"""Every hostile corpus is refused whole, and the command would say so if it were not."""

from __future__ import annotations

import re

import pytest

from chaos import _artifacts, _corpora, hostile
from chaos.hostile import BOMB_MIB, measured

LINE = re.compile(r"^(\S.*?) +refused (\d+)/(\d+)", re.MULTILINE)


@pytest.mark.parametrize("name", ["data", "models", "bits"])
def test_a_corpus_is_refused_whole(name, capsys, monkeypatch):
    """Nothing of the corpus gets through or is run, and each line tells how many it was of how many."""
    monkeypatch.setattr(hostile, "FLIPS", 6)
    assert hostile.main(["--only", name]) == 0
    lines = LINE.findall(capsys.readouterr().out)
    assert len(lines) >= 2
    assert all(refused == total and int(total) >= 6 for _, refused, total in lines)


@pytest.mark.parametrize("name", ["aliases of aliases", "900,000 open lists", "a key 150,000 times", "100 MB"])
def test_a_bomb_takes_little_memory(name, tmp_path):
    """The whole command line refuses a bomb with exit 2, without a traceback, in less memory than 200 MiB."""
    (tmp_path / "bomb.yaml").write_bytes(_corpora.bombs()[name])
    code, _, mib = measured(["check", str(tmp_path / "bomb.yaml")])
    assert code == 2
    assert 10 < mib < BOMB_MIB


def test_the_corpora_are_large_enough():
    """There are at least 12 pickles, each under another name or in another wrapping, and 10 bombs."""
    corpus = _artifacts.pickles(_artifacts.Path("canary"), b"sound")
    assert len(set(corpus)) == len(corpus) >= 12
    assert len(_corpora.bombs()) >= 10


def test_what_is_not_refused_is_told(capsys, monkeypatch):
    """Where a reader takes everything, each of the corpus is named and the exit code is 1."""
    monkeypatch.setattr(hostile, "_raises", lambda error, call: False)
    assert hostile.main(["--only", "data"]) == 1
    said = capsys.readouterr().out
    assert "refused 0/8" in said
    assert "not refused: Parquet that is cut" in said


def test_code_that_was_run_is_told(capsys, monkeypatch):
    """A canary that appears is told beside the corpus, and the exit code is 1."""

    def corpus(work, canary, random):
        canary.touch()
        yield hostile.Score("loaded", 1, 1)

    monkeypatch.setitem(hostile.CORPORA, "loaded", corpus)
    assert hostile.main(["--only", "loaded"]) == 1
    assert "CODE WAS RUN" in capsys.readouterr().out
