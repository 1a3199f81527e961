"""From a raw file to an aligned student, every pass charged: the sides that the two measures of epochs share."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import DRDO, FINISHED, Ready


def _ours(ready: Ready, epochs: int, *sets: str) -> Side:
    """Return `drdoctl apply` in an empty store: data, reference or reward pass, alignment."""
    train = f"train={{epochs: {epochs}, {ready.constant}}}"
    words = [word for text in (train, *sets) for word in ("--set", text)]
    argv = ["-m", "drdoctl", "apply", str(ready.spec), "-y", "-q", "--offline", "--store", "{folder}/store", *words]
    return _whole(ready, argv, epochs)


def _trl(ready: Ready, epochs: int) -> Side:
    given = [str(ready.model), str(ready.folder / "train.jsonl"), "{folder}/out", "{threads}", str(epochs)]
    limits = [str(ready.world.batch), str(ready.world.max_tokens)]
    return _whole(ready, ["-m", "benchmarks.sides.trl_script", *given, *limits], epochs)


def _whole(ready: Ready, argv: list[str], epochs: int) -> Side:
    given = {"argv": argv, "tokens": ready.tokens * epochs, "pairs": ready.rows * epochs}
    return Side("benchmarks.sides.command:timed", given)


def measure(epochs: int, words: str, target: float | None) -> Measure:
    """Return the measure of so many epochs, `words` in a sentence."""

    def sides(ready: Ready) -> Mapping[str, Side]:
        oracle = ready.text(FINISHED, oracle=ready.oracle)
        return {
            "drdoctl": _ours(ready, epochs),
            "trl": _trl(ready, epochs),
            "drdoctl-drdo": _ours(ready, epochs, oracle, ready.text(DRDO, reference="true")),
        }

    against = "TRL DPO, its default"
    return Measure(
        f"Raw file to aligned student, {words}",
        sides,
        (
            Row(f"DPO, {words}, reference pass included", "drdoctl", ("trl",), against, "total", target),
            Row(f"DRDO, {words}, reference and reward passes included", "drdoctl-drdo", ("trl",), against, "total"),
            Row(f"peak memory, {words}", "drdoctl", ("trl",), against, "memory", speedup=False),
        ),
    )
