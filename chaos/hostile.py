"""Every hostile corpus once: `python -m chaos hostile`. For each: how many were refused as they should be, of how many.

Bad specs and bombs, bad rows and files, chat templates, pickles and code in published models and in local folders,
names that lead away, flipped bits. Nothing of them may be run: each would make a file if it were.
"""

from __future__ import annotations

import argparse
import runpy
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from chaos import _artifacts, _corpora, _house, _templates
from chaos._command import command
from chaos._watch import ROOT
from drdoctl.core.errors import DrdoError, IntegrityError, UserError
from drdoctl.data._records import Bad
from drdoctl.data.jsonl import JsonlSource
from drdoctl.spec.folder import read_folder
from drdoctl.spec.hashes import Hashes
from drdoctl.store.artifact import Store
from drdoctl.store.manifest import MANIFEST
from drdoctl.zoo.pull import pull

BOMB_SECONDS, BOMB_MIB = 1.0, 200
"""Most processor time above an empty spec's, and most memory, of `drdoctl check` over a bomb."""
MEASURED = """\
import sys, time
from drdoctl.cli import run
from drdoctl.core.usage import peak_gib
code = run(sys.argv[1:])
print()
print(time.process_time(), peak_gib())
sys.exit(code)
"""
"""Runs a command line and says what it took. A kernel's count for a child would begin with its parent's memory."""
FLIPS = 50


@dataclass
class Score:
    """One corpus."""

    name: str
    refused: int = 0
    total: int = 0
    passed: list[str] = field(default_factory=list)
    """What was not refused."""
    note: str = ""

    def add(self, what: str, *, refused: bool) -> None:
        """Count one of the corpus."""
        self.total += 1
        self.refused += refused
        self.passed += [] if refused else [what]


def main(argv: Sequence[str]) -> int:
    """Run all corpora. Returns 1 where something was not refused, or was run."""
    made = argparse.ArgumentParser(prog="python -m chaos hostile", description=__doc__)
    made.add_argument("--only", action="append", metavar="NAME", help=f"of: {', '.join(CORPORA)}; repeatable")
    made.add_argument("--seed", type=int, default=0, help="of the flipped bits (default: 0)")
    asked = made.parse_args(argv)
    failed = False
    for name in asked.only or CORPORA:
        with tempfile.TemporaryDirectory(prefix="drdoctl-hostile-") as work:
            canary = Path(work, "canary")
            for score in CORPORA[name](Path(work), canary, Random(asked.seed)):  # noqa: S311
                run = "; CODE WAS RUN" if canary.exists() else ""
                print(f"{score.name:46} refused {score.refused}/{score.total}{score.note}{run}", flush=True)
                for what in score.passed:
                    print(f"  not refused: {what}")
                failed |= bool(score.passed or run)
    return int(failed)


def _specs(work: Path, _canary: Path, _random: Random) -> Iterator[Score]:
    bad = Score("bad specs")
    for path in sorted((ROOT / "tests" / "specs" / "bad").glob("*.yaml")):
        bad.add(path.stem, refused=command(["check", str(path)]) == 2)
    yield bad
    bombs, spec = Score("YAML bombs, whole command line"), work / "bomb.yaml"
    spec.write_bytes(b"")
    _, start, _ = measured(["check", str(spec)])
    slowest, largest = 0.0, 0.0
    for name, data in _corpora.bombs().items():
        spec.write_bytes(data)
        code, seconds, mib = measured(["check", str(spec)])
        slowest, largest = max(slowest, seconds - start), max(largest, mib)
        bombs.add(name, refused=code == 2 and seconds - start < BOMB_SECONDS and mib < BOMB_MIB)
    bombs.note = f"; at most {slowest:.2f} s of processor time and {largest:.0f} MiB"
    yield bombs


def measured(argv: Sequence[str]) -> tuple[int, float, float]:
    """Return a command line's exit code (-1 where it shows a traceback), processor seconds and peak memory in MiB."""
    command = [sys.executable, "-c", MEASURED, *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    seconds, gib = map(float, done.stdout.splitlines()[-1].split())
    code = -1 if "Traceback" in done.stderr else done.returncode
    return code, seconds, 1024 * gib


def _data(work: Path, _canary: Path, _random: Random) -> Iterator[Score]:
    import json

    rows = Score("bad rows, by code and place")
    good = json.dumps(_corpora.GOOD).encode()
    for line, code in _corpora.BAD_ROWS:
        (work / "rows.jsonl").write_bytes(b"\n".join([good, line, good]))
        found = [
            (getattr(row, "code", ""), row.where) for row in JsonlSource(jsonl="rows.jsonl").at(work).read("train", {})
        ]
        rows.add(f"{line[:60]!r}", refused=found[1:2] == [(code, "rows.jsonl:2")] and len(found) == 3)
    yield rows
    files = Score("bad data files")
    for what, (name, data) in _corpora.bad_files().items():
        (work / name).write_bytes(data)
        files.add(
            what, refused=_raises(UserError, lambda name=name: list(JsonlSource(jsonl=name).at(work).read("train", {})))
        )
    yield files


def _chats(_work: Path, canary: Path, _random: Random) -> Iterator[Score]:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    from drdoctl.data._template import Template

    words = Tokenizer(models.WordLevel({"a": 0, "</s>": 1, "<unk>": 2}, "<unk>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>")  # noqa: S106

    def rendered(text: str) -> str | None:
        tokenizer.chat_template = text
        with suppress(UserError, Bad):
            return Template(tokenizer, "auto").prompt("what ?", None)
        return None

    for name in ("ENDLESS", "HUGE", "ODD"):
        score, began = Score(f"chat templates, {name.lower()}"), time.monotonic()
        for text in getattr(_templates, name):
            score.add(text, refused=rendered(text) is None)
        score.note = f"; {(time.monotonic() - began) / score.total:.1f} s each"
        yield score
    escapes = Score("chat templates that reach for Python")
    for text in _templates.escapes(canary):
        shown = rendered(text) or ""
        escapes.add(text, refused=not canary.exists() and not any(word in shown for word in _templates.ESCAPED))
    yield escapes


def _models(work: Path, canary: Path, _random: Random) -> Iterator[Score]:
    things = SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "zoo" / "zoo_things.py")))
    sound = things.safetensors()
    corpora = {"pickles": _artifacts.pickles(canary, sound), "code": _artifacts.code(canary)}
    corpora["names that lead away"] = [(name, b"{}") for name in _artifacts.NAMES]
    for what, corpus in corpora.items():
        score = Score(f"published models: {what}")
        for name, data in corpus:
            refused = _refuses(things, work, {**things.FILES, name: data})
            score.add(f"{name[:40]!a}", refused=refused and not canary.exists())
        yield score
    local = Score("local folders with pickles alone")
    for name, data in corpora["pickles"]:
        folder = Path(tempfile.mkdtemp(dir=work))
        for file, content in things.FILES.items():
            if not file.endswith(".safetensors"):
                (folder / file).write_bytes(content)
        (folder / name).write_bytes(data)
        refused = _raises(UserError, partial(read_folder, folder, Hashes(None), key="student.model"))
        local.add(name, refused=refused and not canary.exists())
    yield local


def _refuses(things: Any, work: Path, files: dict[str, bytes]) -> bool:
    """Whether a model of such files is refused with exit 5, and nothing of it is left or put elsewhere."""
    here = Path(tempfile.mkdtemp(dir=work))
    things.publish(str(here / "zoo"), here, files)
    store, before = Store(here / "store"), set(here.rglob("*"))
    refused = _raises(IntegrityError, lambda: pull(store, "zoo/thing", str(here / "zoo")))
    added = [path for path in set(here.rglob("*")) - before if path.is_file() and here / "zoo" not in path.parents]
    kept = [path for path in added if path.name not in ("store.json", ".gitignore")]
    shutil.rmtree(here)
    return refused and not kept


def _raises(error: type[DrdoError], call: Callable[[], object]) -> bool:
    try:
        call()
    except error:
        return True
    return False


def _bits(work: Path, _canary: Path, random: Random) -> Iterator[Score]:
    root = work / "store"
    _house.make(root)
    finished = [path for path in (root / "artifacts").iterdir() if not path.name.endswith(".partial")]
    files = [path for folder in finished for path in folder.rglob("*") if path.is_file()]
    manifests = [path for path in files if path.name == MANIFEST]
    for what, chosen in (("finished artifacts", files), ("manifests of artifacts", manifests)):
        flips = Score(f"flipped bits in {what}")
        for path in sorted(random.choices(sorted(chosen), k=FLIPS)):
            with _flipped(path, random):
                code = command(["verify", path.relative_to(root).parts[1], "--store", str(root)])
                flips.add(path.name, refused=code == 5)
        yield flips
    things = SimpleNamespace(**runpy.run_path(str(ROOT / "tests" / "zoo" / "zoo_things.py")))
    zoo = work / "zoo"
    things.publish(str(zoo), work, things.FILES)
    blobs = sorted(path for path in zoo.rglob("*") if path.is_file() and "refs" not in path.parts)
    score = Score("flipped bits in a zoo")
    for number, path in enumerate(random.choices(blobs, k=FLIPS)):
        with _flipped(path, random):
            call = partial(pull, Store(work / f"into-{number}"), "zoo/thing", str(zoo))
            score.add(path.name, refused=_raises(IntegrityError, call))
    yield score


@contextmanager
def _flipped(path: Path, random: Random) -> Iterator[None]:
    """Flip one bit of a file for a while."""
    whole = path.read_bytes()
    at = random.randrange(len(whole))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << random.randrange(8)]) + whole[at + 1 :])
    try:
        yield
    finally:
        path.write_bytes(whole)


Corpus = Callable[[Path, Path, Random], Iterator[Score]]
CORPORA: dict[str, Corpus] = {"specs": _specs, "data": _data, "templates": _chats, "models": _models, "bits": _bits}
