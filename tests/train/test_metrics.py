"""metrics.jsonl after a resume."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drdoctl.core.metrics import read_metrics
from drdoctl.train.metrics import MetricsFile


def test_lines_after_the_checkpoint_are_cut(tmp_path):
    """Going on from step 2 drops the lines of steps 3 and 4, and a torn one."""
    file = MetricsFile(tmp_path / "metrics.jsonl")
    for step in range(1, 5):
        file.append(step, {"loss": 1 / step})
    with file.path.open("a") as raw:
        raw.write('{"step": 5, "lo')
    file.truncate(2)
    assert [line["step"] for line in read_metrics(file.path)] == [1, 2]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9), cut=st.integers(0, 9))
def test_numbers_survive_to_the_last_bit(tmp_path, values, cut):
    """What is cut and written again is the same bytes as what was never cut."""
    whole, resumed = MetricsFile(tmp_path / "whole.jsonl"), MetricsFile(tmp_path / "resumed.jsonl")
    for file in (whole, resumed):
        file.truncate(0)
    for step, value in enumerate(values, 1):
        whole.append(step, {"loss": value})
        resumed.append(step, {"loss": value})
    resumed.truncate(cut)
    for step, value in enumerate(values, 1):
        if step > cut:
            resumed.append(step, {"loss": value})
    assert whole.path.read_bytes() == resumed.path.read_bytes()


def test_no_flipped_bit_keeps_a_stage_from_going_on(tmp_path):
    """Whatever a flipped bit makes of the file, it is cut behind the last step before which each has its line."""
    path = tmp_path / "metrics.jsonl"
    lines = [f'{{"loss": 0.5, "step": {step}}}\n' for step in (1, 2, 3)]
    raw = "".join(lines).encode()
    for place in range(len(raw)):
        broken = bytearray(raw)
        broken[place] ^= 1 << place % 8
        path.write_bytes(bytes(broken))
        file = MetricsFile(path)
        step = file.last_step()
        assert step >= place // len(lines[0])
        assert len(file.truncate(step)) == step == file.last_step()


def test_the_last_step_is_the_last_without_a_gap(tmp_path):
    """Steps count as far as each has its line: none, a torn one, one that is missing."""
    file = MetricsFile(tmp_path / "metrics.jsonl")
    assert file.last_step() == 0
    for step in (1, 2, 3, 5):
        file.append(step, {"loss": 1.0})
    assert file.last_step() == 3
    file.path.write_text(file.path.read_text()[:60])
    assert file.last_step() == 2
