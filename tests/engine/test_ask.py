"""A child that is asked one thing: its answer, its faults, its death."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import StageFailed, UserError
from drdoctl.engine.ask import LOG, ask

CHILD = """\
import json, pathlib, sys
path = pathlib.Path(sys.argv[1])
told = json.loads(path.read_text())
print("said something")
if told["do"] == "answer":
    path.with_name("result.json").write_text(json.dumps({"summary": {"twice": 2 * told["number"]}}))
if told["do"] == "refuse":
    fault = {"code": "bad", "message": "no good", "hint": "take another", "file": "rows.jsonl", "line": 3}
    path.with_name("result.json").write_text(json.dumps({"faults": [fault]}))
    sys.exit(2)
if told["do"] == "die":
    sys.exit(7)
if told["do"] == "hang":
    import time
    time.sleep(99)
"""


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Return a function that asks a child of a few lines."""
    (tmp_path / "small_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def run(follow=None, **request):
        more = {} if follow is None else {"follow": follow}
        told = {"kind": "score", "device": "cpu", "who": "the child", "hint": "try again"}
        return ask(tmp_path, "small_child", request, **told, **more)

    return run


def test_the_answer_comes_back(asked, tmp_path):
    """What the child leaves is returned, and its output is in the folder's log."""
    assert asked(do="answer", number=21) == {"twice": 42}
    assert (tmp_path / LOG).read_text() == "said something\n"


def test_its_faults_are_raised(asked):
    """A child that refuses raises here what it raised there, with place and remedy."""
    with pytest.raises(UserError) as caught:
        asked(do="refuse")
    (fault,) = caught.value.faults
    assert (fault.code, fault.message, fault.hint) == ("bad", "no good", "take another")
    assert (fault.where.file, fault.where.line) == ("rows.jsonl", 3)


def test_its_death_is_told(asked):
    """A child that ends without a word is a failure with its exit code, its last line and the asker's hint."""
    with pytest.raises(StageFailed, match="the child ended with 7: said something") as caught:
        asked(do="die")
    assert caught.value.faults[0].hint == "try again"


def test_nobody_stays_when_the_asker_gives_up(asked):
    """An error while the child is followed, such as Ctrl-C, ends the child."""
    children = []

    def give_up(child):
        children.append(child)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(follow=give_up, do="hang")
    assert children[0].poll() == -9
