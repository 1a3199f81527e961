"""Wild files for everything that reads one: `python -m chaos fuzz --seconds 60 --seed 0 [--only NAME ...]`.

Each input is made from a sound one. It must be read, or refused by an error of the project's own, within two seconds
of processor time and bounded memory; anything else is a finding, told once with the place in the code.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from chaos._loader import Loader
from chaos._loaders import loaders
from chaos._mutate import mutated
from chaos._watch import Watch, bound
from drdoctl.core.usage import peak_gib


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="python -m chaos fuzz", description=__doc__)
    made.add_argument("--seconds", type=float, default=60, help="time for all loaders together (default: 60)")
    made.add_argument("--seed", type=int, default=0, help="the same seed tries the same inputs (default: 0)")
    made.add_argument("--only", action="append", metavar="NAME", help="only loaders whose names begin so; repeatable")
    made.add_argument("--keep", type=Path, metavar="DIR", help="folder for the inputs of findings")
    return made


def main(argv: Sequence[str]) -> int:
    """Fuzz each loader for its share of the time. Returns 1 where there are findings."""
    asked = parser().parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="drdoctl-fuzz-") as work:
        chosen = [one for one in loaders(Path(work)) if not asked.only or one.name.startswith(tuple(asked.only))]
        if not chosen:
            parser().error("no loader has such a name")
        watches = run(chosen, asked.seconds, asked.seed)
    print(f"{'loader':28} {'cases':>8} {'refused':>8} {'findings':>9} {'slowest, s':>11}")
    for name, watch in watches.items():
        print(f"{name:28} {watch.cases:8,} {watch.refused:8,} {len(watch.found):9} {watch.slowest:11.2f}")
    cases, found = sum(watch.cases for watch in watches.values()), sum(len(watch.found) for watch in watches.values())
    print(f"seed {asked.seed}: {cases:,} cases, {found} findings, peak memory {peak_gib():.2f} GiB")
    if asked.keep is not None:
        _keep(asked.keep, watches)
    return int(bool(found))


def run(chosen: Sequence[Loader], seconds: float, seed: int) -> dict[str, Watch]:
    """Return what each loader did with its share of the time, at least one case each."""
    watches: dict[str, Watch] = {}
    bound()
    for loader in chosen:
        watch = watches[loader.name] = Watch()
        for what in [watch.try_one(loader.name, loader.read, seed) for seed in loader.seeds]:
            if what is not None:
                print(f"finding, of a sound file: {what}", flush=True)
        random, end = Random(f"{seed} {loader.name}"), time.monotonic() + seconds / len(chosen)  # noqa: S311
        while True:
            what = watch.try_one(loader.name, loader.read, wild(loader, random))
            if what is not None:
                print(f"finding: {what}", flush=True)
            if time.monotonic() > end:
                break
    return watches


def wild(loader: Loader, random: Random) -> bytes:
    """Return one input: a seed, changed, and half the time mended so that it passes the first check."""
    data = mutated(random.choice(loader.seeds), loader.seeds, random)
    if loader.mend is not None and random.random() < 0.7:
        try:
            return loader.mend(data)
        except (ValueError, TypeError, AttributeError, RecursionError):  # too wild to be mended
            return data
    return data


def _keep(folder: Path, watches: dict[str, Watch]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, watch in watches.items():
        for number, (what, data) in enumerate(watch.found.items()):
            path = folder / f"{name.replace('/', '-')}-{number}"
            path.write_bytes(data)
            path.with_suffix(path.suffix + ".txt").write_text(what + "\n", encoding="utf-8")
