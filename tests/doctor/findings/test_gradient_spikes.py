"""Steps whose gradients are far above the usual."""

from wards import only, seen, steady, ward


def test_a_spike_is_a_note(tmp_path):
    """With its step; several are counted."""
    lines = steady(100)
    lines[70]["grad_norm"] = 40.0
    found = only("gradient_spikes", ward(tmp_path / "a", lines=lines), "note", "jumps to 40 at step 71")
    assert found.evidence[0].values["grad_norm_at_71"] == 40.0
    lines[80]["grad_norm"] = 30.0
    only("gradient_spikes", ward(tmp_path / "b", lines=lines), "note", "2 of 90 steps")


def test_a_large_start_is_left_alone(tmp_path):
    """Norms before the training has settled, and norms three times the usual."""
    lines = steady(100)
    lines[0]["grad_norm"], lines[50]["grad_norm"] = 90.0, 2.6
    assert not seen("gradient_spikes", ward(tmp_path / "a", lines=lines))


def test_norms_that_fall_are_left_alone(tmp_path):
    """A model that knows its pairs by heart has small gradients at the end, which makes the start no spike."""
    lines = steady(100)
    for at, line in enumerate(lines):
        line["grad_norm"] = 5.0 * 0.9**at
    lines[90]["grad_norm"] = 0.5
    assert not seen("gradient_spikes", ward(tmp_path / "a", lines=lines))
