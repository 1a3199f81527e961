"""A plan, a status and an apply of many stages, in few lines."""

from __future__ import annotations

import pytest

from drdoctl.cli._grid import MANY, folded_lines, grid_lines, is_folded, sides
from drdoctl.cli._live import Live
from drdoctl.cli.render import plan_text
from drdoctl.cli.status import render

ESTIMATE = {"steps": 4, "tokens": 0, "flops": 0, "seconds": 2.0, "basis": "given", "memory_gib": 0, "disk_gib": 0}


def stage(name, kind, needs=(), action="run", why="not made yet"):
    """Return a stage as the plan's JSON has it."""
    told = {"id": name, "kind": kind, "artifact": f"{kind}-0", "needs": list(needs), "action": action}
    return told | {"reason": {"text": why, "changed": []}, "estimate": ESTIMATE}


def matrix(seeds=13, methods=("dpo", "ipo")):
    """Return the plan of a matrix of methods and seeds, all of a seed on one data stage."""
    stages, cells = [], []
    stages += [stage(f"data[seed={seed}]", "data", action="reuse", why="already there") for seed in range(seeds)]
    for name in methods:
        for seed in range(seeds):
            label = f"{name},seed={seed}"
            stages.append(stage(f"align[{label}]", "align", [f"data[seed={seed}]"]))
            cells.append(
                {"label": label, "seed": seed, "group": "all", "student": f"align[{label}]", "evaluation": None}
            )
    actions = [one["action"] for one in stages]
    choice = {"metric": "truth.reward", "temperature": 0.7, "goal": "max", "over": ["method"]}
    axes = {"method": list(methods), "seed": [str(seed) for seed in range(seeds)]}
    return {
        "spec": {"sampler": "builtin", "matrix": {}, "resources": {}},
        "stages": stages,
        "summary": {action: actions.count(action) for action in ("reuse", "run", "resume", "rerun", "pull")},
        "grid": {"axes": axes, "students": cells, "select": choice},
    }


def test_a_large_matrix_is_a_grid_and_a_line_a_kind():
    """Axes with their values, what is chosen, and for each kind how many stages, for whom, how long and why."""
    lines = plan_text(matrix(), "s.yaml").splitlines()
    assert lines[1:-1] == [
        "Matrix: 2 methods x 13 seeds = 26 students",
        "  method  dpo, ipo",
        "  seed    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12",
        "Select: `method` by the largest mean over seeds of `truth.reward` at temperature 0.7 on validation prompts",
        "  = 13 data   each for 2 students              already there",
        "  + 26 align                       about 52 s  not made yet",
    ]


def test_every_stage_can_be_asked_for():
    """With `every`, and where there are few stages or no grid, each has its line, and what is chosen is said too."""
    assert len(plan_text(matrix(), "s", every=True).splitlines()) == 2 + 39 + 1
    small = matrix(seeds=2)
    assert not is_folded(small)
    assert "align[ipo,seed=1]" in plan_text(small, "s")
    assert "\nSelect: `method` by the largest mean over seeds of" in plan_text(small, "s")
    assert "Select" not in plan_text({**small, "grid": {**small["grid"], "select": None}}, "s")
    assert not is_folded({**matrix(), "grid": None})


def test_different_reasons_are_counted():
    """Where stages of one kind have several reasons, the line says where to read them."""
    plan = matrix()
    plan["stages"][-1] = {**plan["stages"][-1], "reason": {"text": "interrupted at step 3", "changed": []}}
    marks = dict.fromkeys(("run", "reuse"), "+")
    lines = folded_lines(plan, marks, lambda _: "", lambda _: "")
    assert lines[-1].endswith("2 reasons: see `-v`")


def test_the_sides_of_a_grid():
    """Last words of the axes, in the plural where there are several values."""
    assert (
        sides({"method": 3, "train.learning_rate": 1, "train.max_steps": 4})
        == "3 methods x 1 learning_rate x 4 max_steps"
    )


@pytest.mark.parametrize("count", [1, 200])
def test_long_axes_are_cut(count):
    """An axis of many values names the first ones and counts the others; one value is never cut."""
    values = [f"value-{place:03d}" * (1 if count > 1 else 30) for place in range(count)]
    line = grid_lines({"axes": {"x": values}, "students": [], "select": None})[1]
    assert line.endswith("more") == (count > 1)
    assert values[0] in line


def test_a_status_of_many_stages_keeps_what_needs_a_look():
    """Done and waiting stages are counted by kind; a running one keeps its line."""
    done = {"state": "done", "seconds": 2.0, "at": "2026-03-01T10:00:00+00:00"}
    stages = [{"id": f"data[{place}]", "kind": "data", "artifact": "d", **done} for place in range(MANY)]
    at = {"step": 3, "steps": 9, "unit": "step", "checkpoint": None, "kept": 0, "pid": 7}
    stages += [{"id": "align[a]", "kind": "align", "artifact": "a", "state": "running", **at}]
    found = {"store": "s", "holder": None, "run": None, "stages": stages, "summary": {}}
    lines = render(found).splitlines()
    assert [line.split("  ")[1] for line in lines[1:-1]] == ["= 24 data", "* align[a]"]
    assert "48 s in all" in lines[1]
    assert len(render(found, every=True).splitlines()) == MANY + 3


class Sink:
    """A console and a progress that remember what was said."""

    verbose = False

    def __init__(self):
        self.said = []
        self.milestone = self.info = self.said.append
        self.update = lambda line: None


@pytest.mark.parametrize("verbose", [False, True])
def test_an_apply_of_many_stages_says_when_a_kind_is_done(verbose):
    """One line stays for each kind, with the time that all of it took; with `-v` two for each stage."""
    sink = Sink()
    sink.verbose = verbose
    live = Live(sink, sink)
    names = [f"{kind}[{place}]" for kind in ("data", "align") for place in range(MANY)]
    stages = [{"id": name, "kind": name.partition("[")[0], "artifact": "a", "action": "run"} for name in names]
    live("plan", {"stages": stages, "summary": {}})
    for name in names:
        live("stage_started", {"id": name, "log": "none"})
        live("stage_finished", {"id": name, "seconds": 2.0})
    if verbose:
        assert len(sink.said) == 4 * MANY
    else:
        assert sink.said == [
            "[24/48] data[23]: 24 data done in 48 s",
            "[48/48] align[23]: 24 align done in 48 s",
        ]
