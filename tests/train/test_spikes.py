"""What the log says of gradients far above the usual."""

from drdoctl.train.spikes import LEAST, SHOWN, SPIKE, Spikes


def never() -> list[str]:
    raise AssertionError("rows are looked up for a spike only")


def test_a_spike_is_told_with_its_rows():
    """Far above the median of the steps before; at the start, where norms are large in any case, nothing is."""
    said = []
    spikes = Spikes(said.append)
    for step in range(LEAST):
        spikes.look(step, 100.0 if step == 0 else 1.0, never)
    spikes.look(17, SPIKE, never)
    assert not said
    spikes.look(18, 40.0, lambda: [f"r{row}" for row in range(SHOWN + 5)])
    assert len(said) == 1
    assert said[0].startswith("step 18: the gradients' norm is 40, where 1 is usual; rows r0, r1")
    assert said[0].endswith(f"r{SHOWN - 1} and 5 more")


def test_a_resume_knows_what_was_usual():
    """From the first step after it."""
    said = []
    spikes = Spikes(said.append)
    spikes.begin([1.0] * LEAST)
    spikes.look(17, 11.0, lambda: ["a"])
    assert said == ["step 17: the gradients' norm is 11, where 1 is usual; rows a"]
