"""Every request of a push and of a pull, struck: `python -m chaos zoo [--act NAME ...] [--every N]`.

Each request of three acts (a first push, a push over an older version, a pull) is cut before the answer, loses its
answer, or gets 500, 503 or 429; once, twice, for this kind of request or for all from there on. Then the process is
killed there, before and after the Hub did what it asked for. After each: `main` and tags hold the old version or
the new one, all of it, in private; the same command again ends well, and commits and fetches nothing twice.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from chaos._strikes import KINDS, SPANS, Strike, killed, struck
from chaos._transfers import ACTS, World, loopback


def main(argv: Sequence[str]) -> int:
    """Strike everywhere. Returns 1 where something was not as it must be."""
    made = argparse.ArgumentParser(prog="python -m chaos zoo", description=__doc__)
    made.add_argument("--act", action="append", choices=ACTS, help="only this one; repeatable")
    made.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth request (default: 1)")
    asked = made.parse_args(argv)
    logging.disable(logging.WARNING)  # the client tells each attempt
    bad = 0
    with loopback() as (hub, things), tempfile.TemporaryDirectory(prefix="drdoctl-zoo-") as work:
        world = World(hub, Path(work), things)
        for act in asked.act or ACTS:
            requests = world.requests(act)
            points = range(0, len(requests), asked.every)
            bad += _strikes(world, act, requests, points) + _kills(world, act, points)
    return int(bool(bad))


def _strikes(world: World, act: str, requests: Sequence[str], points: Sequence[int]) -> int:
    total, bad, ended = 0, 0, Counter[int]()
    for number in points:
        for kind in KINDS:
            for span in SPANS:
                strike = Strike(act, number, requests[number], kind, span)
                result = struck(world, strike)
                total += 1
                ended[result.exit] += 1
                bad += bool(result.wrong)
                for what in result.wrong:
                    print(f"WRONG: {strike}: {what}", flush=True)
    print(
        f"{act}: {len(points)} requests x {len(KINDS)} faults x {len(SPANS)} spans: {total - bad} of {total} survived; "
        f"{ended[0]} ended well at once, {ended[4]} with exit 4, and then all when run again",
        flush=True,
    )
    return bad


def _kills(world: World, act: str, points: Sequence[int]) -> int:
    total, bad = 0, 0
    for number in points:
        for after in (False, True):
            wrong = killed(world, act, number, after=after)
            if wrong is None:
                print(f"WRONG: {act}: the process was not there to be killed at request {number}")
            total += 1
            bad += wrong is None or bool(wrong)
            for what in wrong or []:
                print(f"WRONG: {act}, killed at request {number}, after={after}: {what}", flush=True)
    print(
        f"{act}: killed at {len(points)} requests, before and after the Hub's deed: {total - bad} of {total}",
        flush=True,
    )
    return bad
