"""Ratios and tables: medians of paired rounds, the best peer, targets both ways, the page between its marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import benchmarks.__main__
from benchmarks import results
from benchmarks.__main__ import main
from benchmarks.measure import Disagree, Row, check, measures
from benchmarks.records import StepClock
from benchmarks.runs import Settings, Side
from benchmarks.sides.floor import micro_batches, step_sizes
from benchmarks.tables import cells, line, markdown


def record(seconds: float, tokens: int = 1000, memory: float = 100.0) -> dict:
    return {"seconds": seconds, "tokens": tokens, "pairs": 10, "peak_mib": memory}


ROUNDS = [
    {"ours": record(1.0), "a": record(4.0), "b": record(9.0, tokens=3000)},
    {"ours": record(2.0), "a": record(9.0), "b": record(6.0, tokens=2000)},
    {"ours": record(1.0), "a": record(5.0), "b": record(3.0)},
]


def test_a_ratio_is_the_median_of_its_rounds():
    """Each round gives a ratio of its own, so that a slow minute hits both sides; the spread is theirs."""
    found = line(Row("step", "ours", ("a",), "A", target=4.5), ROUNDS)
    assert (found.ratio, found.least, found.most, found.rounds) == (4.5, 4.0, 5.0, 3)
    assert found.reached
    assert (found.ours, found.peer, found.unit) == (100.0, 500.0, "ms a row")


@pytest.mark.parametrize("quantity", ["time", "total"])
def test_processor_time_must_reach_the_target_too(quantity):
    """Where both sides' processor seconds are known, their ratio stands beside the clock's, and both must reach."""
    sides = {"ours": {**record(1.0), "cpu_seconds": 1.0}, "a": {**record(5.0), "cpu_seconds": 4.0}}
    found = line(Row("step", "ours", ("a",), "A", quantity, 4.5), [sides])
    assert (found.ratio, found.processor, found.reached) == (5.0, (4.0, 4.0, 4.0), False)
    assert cells(found)[4:] == ["5.00x [5.00 to 5.00]", "4.00x [4.00 to 4.00]", "≥ 4.5x", "no"]


def test_the_best_peer_counts_by_tokens():
    """Of several peers the one that needs least time a token is taken, though its run took longer."""
    found = line(Row("step", "ours", ("a", "b"), "T", target=4.0), ROUNDS)
    assert found.against == "T: b"
    assert (found.ratio, found.reached) == (3.0, False)


def test_a_bound_from_above_turns_the_ratio():
    """Where less is better the ratio is ours over the peer's, and the target an upper bound."""
    rounds = [{"ours": record(1, memory=30), "a": record(1, memory=100)}]
    found = line(Row("memory", "ours", ("a",), "A", "memory", target=0.33, speedup=False), rounds)
    assert found.ratio == pytest.approx(0.3)
    assert cells(found)[2:] == ["30 MiB", "100 MiB", "0.30x [0.30 to 0.30]", "", "≤ 0.33x", "yes"]


def test_a_figure_without_a_peer_is_shown_itself():
    """Without a peer the target bounds the figure, in its own unit."""
    rounds = [{"warm": {"overhead": value}} for value in (0.04, 0.2, 0.05)]
    found = line(Row("start", "warm", (), "", "overhead", 0.1, speedup=False), rounds)
    assert cells(found)[3:] == ["", "0.05 s [0.04 to 0.20]", "", "≤ 0.1 s", "yes"]


def test_sides_must_agree():
    """Numbers that differ by more than rounding are refused: the sides do not do the same work."""
    check("losses", {"a": {"losses": [1.0, 2.0]}, "b": {"losses": [1.0, 2.00001]}})
    with pytest.raises(Disagree, match=r"a and b are 0\.033 apart"):
        check("losses", {"a": {"losses": [1.0, 2.0]}, "b": {"losses": [1.0, 2.1]}})


def test_the_clock_leaves_the_warm_up_out(monkeypatch):
    """Seconds run from the end of the warm-up to the end of the last step, tokens are those of the steps between."""
    times = iter([(0.0, 0.0), (5.0, 1.0), (6.0, 2.0), (8.0, 3.0), (9.0, 3.5)])
    monkeypatch.setattr("benchmarks.records.now", lambda: next(times))
    clock = StepClock(2)
    for _ in range(4):
        clock.tick()
    found = clock.record([1, 2, 3, 4], 8, [0.1] * 4)
    assert (found["seconds"], found["steps"], found["pairs"], found["tokens"]) == (3.0, 2, 16, 7)
    assert (found["cpu_seconds"], found["to_first_step"]) == (1.5, 5.0)


def test_warm_up_alone_measures_nothing():
    """A run without a step after its warm-up is refused."""
    clock = StepClock(1)
    clock.tick()
    with pytest.raises(ValueError, match="nothing to measure"):
        clock.record([1], 8, [0.1])


def test_the_floor_takes_the_steps_tokens():
    """The floor's rows have the step's unique tokens but for rounding, and the mean length; four are a batch."""
    sizes = step_sizes([[100, 50, 70], [200, 30, 150], [40, 90, 20]])
    assert sizes == (750, 410, 182)
    batches = micro_batches(*sizes)
    assert abs(sum(rows * length for rows, length, _ in batches) - 750) <= 2
    assert sum(states for _, _, states in batches) == 410
    assert all(rows <= 4 for rows, _, _ in micro_batches(40_000, 9_000, 275))


def test_every_measure_is_whole():
    """Every measure says what it is and has rows whose titles are its own."""
    titles = [row.title for measure in measures().values() for row in measure.rows]
    assert len(titles) == len(set(titles))
    assert {"dpo-step", "floor", "oracle", "sft", "scoring", "sampling", "starts"} <= set(measures())


def test_an_unknown_measure_is_refused(capsys):
    """A wrong name ends with 2 and says which there are."""
    with pytest.raises(SystemExit) as ended:
        main(["no-such"])
    assert ended.value.code == 2
    assert "dpo-step" in capsys.readouterr().err


def test_records_become_the_page(tmp_path):
    """What is kept is read back as it was, without lists, and its table stands between the page's marks."""
    given = [
        {side: {**record(seconds), "losses": [1.0], "versions": {"torch": "2"}} for side, seconds in sides}
        for sides in ([("drdoctl", 1.0), ("trl", 5.0)], [("drdoctl", 1.0), ("trl", 4.0)])
    ]
    kept = results.keep(tmp_path, "dpo-step", "pairs", Settings(work=tmp_path), given)
    assert "losses" not in json.loads(kept.read_text().splitlines()[0])
    read = results.read(kept)
    assert [found["trl"]["seconds"] for found in read] == [5.0, 4.0]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{results.BEGIN}\nold\n{results.END}\nafter\n")
    results.render(tmp_path, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert markdown([line(measures()["dpo-step"].rows[0], read)]) in text
    assert "4.50x [4.00 to 5.00]" in text
    assert "old" not in text
    floor = [{side: {**record(1.0), "versions": {}} for side in ("drdoctl", "floor")}]  # without its third
    results.keep(tmp_path, "floor", "pairs", Settings(work=tmp_path), floor)
    results.render(tmp_path, page)
    of_floor = measures()["floor"].rows
    assert [row.title in page.read_text() for row in of_floor] == [True, False]
    page.write_text("no marks")
    with pytest.raises(ValueError, match="lacks the lines"):
        results.render(tmp_path, page)


@pytest.mark.parametrize(("done", "kept"), [(5, 2), (1, None)])
def test_stopping_keeps_the_rounds_that_are_whole(monkeypatch, done, kept):
    """Ctrl-C in the third round leaves two; before the first has all its sides there is nothing to keep."""

    def some(sides, settings):
        for number in range(done):
            yield number // 2, ("ours", "peer")[number % 2], record(1.0 + number)
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmarks.__main__, "interleaved", some)
    sides = {"ours": Side("a:b"), "peer": Side("a:c")}
    settings = Settings(work=Path())
    if kept is None:
        with pytest.raises(KeyboardInterrupt):
            benchmarks.__main__._rounds(sides, settings, "it")
    else:
        rounds = benchmarks.__main__._rounds(sides, settings, "it")
        assert [found["peer"]["seconds"] for found in rounds] == [2.0, 4.0]
