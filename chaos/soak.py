"""`soak`: a pipeline under random faults, applied again and again by one command, must end as it does undisturbed.

It is applied once in peace. Then it is applied anew, and a driver with a seed strikes it at random moments; after
each fault `status` must end well, the exit code must be the promised one, and no process may be left. What is whole at
the end of a round must hold the same bytes as in peace; then all of it is removed, and the next round begins.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from chaos._apply import Apply
from chaos._damage import DAMAGED, FILES, FULL, small_disk
from chaos._faults import PROCESSES
from chaos._hit import Hit, Kind, Missed, too_much
from chaos._tally import line, summary
from chaos._world import World, clear, contents, differences

PATIENCE = 3
"""Applies in a row that fail by themselves before the driver gives up."""
POLL_SECONDS = 0.005


class Soak:
    """One soak of a world."""

    def __init__(self, world: World, wanted: Mapping[str, Mapping[str, Any]], kinds: Sequence[Kind], seed: int) -> None:
        """`wanted`: what each artifact must hold."""
        self.world, self.wanted, self.kinds = world, wanted, kinds
        self.rng = Random(seed)  # noqa: S311  # moments are no secrets
        self.had: list[tuple[str, Hit]] = []
        self.rounds: list[tuple[int, list[str]]] = []
        self.apply: Apply | None = None

    def run(self, faults: int) -> None:
        """Strike so many times, then let it end in peace."""
        bag: list[Kind] = []
        failed = 0
        while len(self.had) < faults:
            if not bag:
                bag = self.rng.sample(self.kinds, len(self.kinds))
            self.apply = self.apply or Apply(self.world)
            if self._await(bag[-1]):
                failed = 0
                if self._strike(bag[-1]):
                    bag.pop()
                continue
            failed = failed + 1 if self._round_ended() else 0
            if failed == PATIENCE:
                return
        self.apply = self.apply or Apply(self.world)
        self.apply.wait()
        self._round_ended()

    def _await(self, kind: Kind) -> bool:
        """Wait for the moment of a fault; False where the apply has ended before."""
        apply = self.apply
        if apply is None:
            return False
        due = None
        part = self.rng.random()
        while not apply.ended():
            if due is None and kind.ready(apply):
                due = time.monotonic() + kind.delay * part
            if due is not None and time.monotonic() >= due:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _strike(self, kind: Kind) -> bool:
        """Strike, look at what follows, and print it. Returns whether there was something to strike."""
        apply = self.apply
        if apply is None:
            return False
        try:
            hit = kind.strike(apply, self.rng)
        except Missed:
            if apply.ended() and apply.process.returncode != 0:
                self.apply = None
            return False
        if hit.exit is not None:
            self.apply = hit.after
        if too_much(hit):
            hit.wrong.append("more steps than the checkpoint being written and the one before it explain")
        told = self.world.run(self.world.command("status"))
        if told.returncode != 0:
            hit.wrong.append(f"status: exit {told.returncode}: {' '.join(told.stderr.split())[:600]}")
        self.had.append((kind.name, hit))
        print(line(len(self.had), kind.name, hit), flush=True)
        return True

    def _round_ended(self) -> bool:
        """Compare what an apply that ended by itself has left, and begin anew. Returns whether it had failed."""
        apply, self.apply = self.apply, None
        if apply is None:
            return False
        code, store = apply.wait(), self.world.store()
        if code != 0:
            told = " ".join(apply.errors.split())[:1000]
            self.rounds.append((0, [f"an apply that nothing disturbed ended with {code}: {told}"]))
            print(f"      WRONG: {self.rounds[-1][1][0]}", flush=True)
            return True
        wrong = differences(store, self.wanted) + self._unsaid()
        self.rounds.append((len(self.wanted), wrong))
        print(
            f"      round {len(self.rounds)}: {'; '.join(wrong) or f'{len(self.wanted)} artifacts equal'}", flush=True
        )
        clear(store)
        return False

    def _unsaid(self) -> list[str]:
        """Return the stages that passed a damaged checkpoint over without a word."""
        store = self.world.store()
        silent = [
            name
            for name in sorted(set(self.world.owed))
            if DAMAGED not in (store.path(name) / "log.txt").read_text(encoding="utf-8", errors="replace")
        ]
        self.world.owed.clear()
        return [f"`{name}` says nothing of its damaged checkpoint" for name in silent]


def straight(world: World) -> Mapping[str, Mapping[str, Any]]:
    """Apply in peace and return what each artifact holds."""
    shutil.rmtree(world.store("peace").root, ignore_errors=True)
    began = time.monotonic()
    done = world.run(world.apply("peace"))
    if done.returncode != 0:
        raise SystemExit(f"undisturbed, it ends with {done.returncode}: {done.stderr[-2000:]}")
    found = contents(world.store("peace"))
    print(f"undisturbed: {len(found)} artifacts in {time.monotonic() - began:.0f} s", flush=True)
    return found


def main(argv: Sequence[str]) -> int:
    """Run a soak. Returns 1 where anything was not as promised."""
    parser = argparse.ArgumentParser(prog="python -m chaos soak", description=__doc__)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("build/soak"), help="folder for the spec and the stores")
    parser.add_argument("--processes", type=int, default=1, help="training processes of every stage")
    parser.add_argument("--zero-stage", type=int, default=0)
    parser.add_argument("--kind", action="append", default=[], metavar="TEXT", help="only faults named so; repeatable")
    asked = parser.parse_args(argv)
    minutes = 0.75 if asked.processes == 1 else 3.0
    world = World(asked.work.absolute(), asked.processes, asked.zero_stage, minutes)
    world.make()
    shutil.rmtree(world.store().root, ignore_errors=True)
    with small_disk(world.store().root) as small:
        if not small:
            print("no small disk can be mounted here: without the fault of a full one", flush=True)
        every = [*PROCESSES, *FILES, *([FULL] if small else [])]
        kinds = [kind for kind in every if not asked.kind or any(text in kind.name for text in asked.kind)]
        print(f"seed {asked.seed}, {asked.processes} processes, ZeRO stage {asked.zero_stage}", flush=True)
        soak = Soak(world, straight(world), kinds, asked.seed)
        try:
            soak.run(asked.faults)
        finally:
            if soak.apply is not None:
                soak.apply.kill_all()
    print(f"\n{summary(soak.had, soak.rounds)}", flush=True)
    return int(any(hit.wrong for _, hit in soak.had) or any(wrong for _, wrong in soak.rounds))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
