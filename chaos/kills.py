"""Strikes drdoctl at every single system call that writes, and looks what then holds: `python -m chaos kills`.

For each n: what is struck is laid out anew and begun, and at its n-th call of a kind it is killed, or the call fails.
A failure must be told as one, in words, unless the result is whole all the same. Then `drdoctl status` must give 0,
what lies there must be the old state or the new one, and the next run must end in what an undisturbed one gives. It is
over when there is no n-th call any more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaos._acts import ACTS, Act
from chaos._inject import KILL, UNCLEAR, forked, struck
from drdoctl.core.columns import aligned
from drdoctl.core.errors import DrdoError
from drdoctl.core.processor import blas, has_wide

STRIKES = {
    KILL: ("fsync", "rename", "unlink", "write"),
    "ENOSPC": ("fsync", "rename", "write"),
    "EIO": ("fsync", "rename", "write", "close"),
}
SPARSE = {"close": 10}
"""Calls of which only each so-maniest is struck: most of them end the reading of a file."""


@dataclass
class Count:
    """What became of one act, struck at one kind of call."""

    struck: int = 0
    wrong: list[str] = field(default_factory=list)
    """`call 7: status gave 1`."""


def main(argv: Sequence[str]) -> int:
    """Strike, look, and print a table; 0 where all of it held."""
    wanted = _parser().parse_args(list(argv))
    products = blas(os.environ)
    if products and not has_wide(os.environ):  # acts compute in forks of this process, as a stage's child would
        os.execve(sys.executable, [sys.executable, "-m", "chaos", "kills", *argv], {**os.environ, **products})  # noqa: S606
    if shutil.which("strace") is None:
        print("strace is not installed", file=sys.stderr)
        return 2
    work = wanted.work or Path(tempfile.mkdtemp(prefix="kills-"))
    rows = [["what is struck", "by", "at", "calls", "held"]]
    wrong: list[str] = []
    total = 0
    try:
        for name in wanted.act or ACTS:
            act = ACTS[name](work / name)
            for what in wanted.by or STRIKES:
                for call in STRIKES[what]:
                    count = strike(act, call, what, wanted.every * SPARSE.get(call, 1))
                    rows.append([name, what, call, f"{count.struck:,}", f"{count.struck - len(count.wrong):,}"])
                    wrong += [f"{name}, {what} at {call}, {fault}" for fault in count.wrong]
                    total += count.struck
                    print(*rows[-1], file=sys.stderr, flush=True)
    finally:
        if wanted.work is None:
            shutil.rmtree(work)
    held = f"points at which all held: {total - len(wrong):,} of {total:,}"
    print("\n".join([*aligned(rows), "", held, *wrong]))
    return int(bool(wrong) or not total)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos kills")
    parser.add_argument("--act", choices=sorted(ACTS), action="append", help="what is struck; all unless named")
    parser.add_argument("--by", choices=sorted(STRIKES), action="append", help="a kill, or an error; all unless named")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only each K-th call")
    parser.add_argument("--work", type=Path, help="where to write; a temporary folder unless named")
    return parser


def strike(act: Act, call: str, what: str = KILL, every: int = 1) -> Count:
    """Strike an act at each n-th call, n = 1, 1 + `every`, ..., until there is none."""
    count, number = Count(), 1
    while True:
        act.prepare()
        code, reached = struck(act.run, act.log, call, what, number)
        if not reached:
            return count
        count.struck += 1
        if fault := _fault(act, code):
            count.wrong.append(f"call {number}: {fault}")
        number += every


def _fault(act: Act, code: int) -> str | None:
    """Return what is wrong after a strike, in words, or None."""
    if code == UNCLEAR:
        return "it did not say clearly what was wrong"
    if code == 0 and not act.ends_equal():
        return "it claimed a success that it was not"
    given, said = forked(act.status, act.log), _said(act)
    if given != 0 or said:
        return said or f"`drdoctl status` gave {given}"
    given = forked(act.run, act.log)
    equal = given == 0 and act.ends_equal()
    return None if equal else f"the next run gave {given}, or ended in something else"


def _said(act: Act) -> str | None:
    try:
        return act.holds()
    except DrdoError as error:
        return str(error)
