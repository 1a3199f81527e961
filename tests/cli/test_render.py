"""A plan as text, from its document alone."""

from __future__ import annotations

from drdoctl.cli.render import plan_text


def document(*actions, **estimate):
    """Return a plan's document with one stage for each action."""
    sizes = {"steps": 0, "tokens": 0, "flops": 0, "seconds": None, "memory_gib": 0, "disk_gib": 0, **estimate}
    stages = [
        {
            "id": f"align[{index}]",
            "kind": "align",
            "artifact": f"align-{index:012x}",
            "action": action,
            "reason": {"text": "why", "changed": []},
            "estimate": sizes,
        }
        for index, action in enumerate(actions)
    ]
    every = ("reuse", "run", "resume", "rerun", "pull")
    spec = {"sampler": "builtin", "matrix": {}, "resources": {}}
    return {"spec": spec, "stages": stages, "summary": {action: actions.count(action) for action in every}}


def test_the_legend_has_only_what_occurs():
    """Symbols that no stage has are not explained."""
    assert plan_text(document("run", "pull"), "s.yaml").splitlines()[0] == "Legend: + run   < pull"
    every = plan_text(document("pull", "rerun", "resume", "run", "reuse"), "s.yaml").splitlines()[0]
    assert every == "Legend: = reuse   + run   > resume   ~ run again   < pull"


def test_nothing_to_do():
    """A plan that reuses everything is one sentence that names the spec."""
    assert plan_text(document("reuse", "reuse"), "s.yaml") == "No changes. All 2 artifacts match s.yaml."
    assert plan_text(document("reuse"), "s.yaml") == "No changes. The one artifact matches s.yaml."


def test_the_summary_adds_up_what_is_to_do():
    """Time, memory and disk are of the stages that will run, and time only where all of it is known."""
    known = plan_text(document("run", "rerun", "reuse", seconds=90.0, flops=1.0, memory_gib=3.0, disk_gib=6.0), "s")
    assert known.splitlines()[-1] == (
        "Plan: 1 to reuse, 1 to run, 1 to run again. Time: about 3 min. Memory: about 3.2 GB a process. "
        "Disk: about 13 GB. Nothing was executed."
    )
    assert "Time" not in plan_text(document("run", flops=1.0), "s")


def test_what_is_saved_is_not_to_do():
    """Of a stage that goes on, time and money are what is left."""
    found = document("resume", seconds=100.0, flops=1.0, cost=8.0, basis="earlier")
    found["stages"][0]["done"] = 0.75
    lines = plan_text(found, "s").splitlines()
    assert "about 25 s left" in lines[1]
    assert "Time: about 25 s. Money: about 2.00." in lines[-1]


def test_columns_line_up():
    """Each column begins at the same place in every line, and no line ends in spaces."""
    lines = plan_text(document(*["run"] * 11, steps=1200), "s").splitlines()[1:-1]
    assert {line.index("align-") for line in lines} == {lines[0].index("align-")}
    assert {line.index("why") for line in lines} == {lines[0].index("why")}
    assert all(line == line.rstrip() for line in lines)
    assert "1,200 steps" in lines[0]


def test_a_server_that_will_sample_is_named():
    """Where responses will be sampled by a server, the plan says which one, and elsewhere nothing."""
    plan = document("run", "reuse")
    server = {"url": None, "command": "vllm serve {model} --port {port}"}
    plan["spec"] = {"sampler": "server", "matrix": {}, "resources": {"server": server}}
    assert "server" not in plan_text(plan, "s")
    plan["stages"][0]["kind"] = "evaluate"
    assert plan_text(plan, "s").splitlines()[-2] == (
        "Sampling: by the server started for each evaluation as `vllm serve {model} --port {port}`."
    )
    plan["spec"] = {"sampler": "builtin", "matrix": {"sampler": ["builtin", "server"]}, "resources": {"server": server}}
    server["url"] = "http://gpu:8000/v1"
    assert plan_text(plan, "s").splitlines()[-2] == "Sampling: by the server at http://gpu:8000/v1."
    plan["stages"][0]["action"] = "reuse"
    assert "Sampling" not in plan_text(plan, "s")
