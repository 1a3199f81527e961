"""An oracle whose margins ask for more nats than a student can move."""

from wards import join, only, rewards, seen, ward

OWN = {"method__beta": 0.1, "method__reward_scale": "none"}


def test_margins_of_deterministic_labels_are_a_warning(tmp_path):
    """A standard deviation of 4.3 at beta 0.1 asks for 43 nats."""
    made = rewards(tmp_path / "r", train=[{"margin_std": 4.3}])
    found = only("large_rewards", join(ward(tmp_path / "a", **OWN), rewards=made), "warning", "43 nats")
    assert "reward_scale: std" in found.advice


def test_usual_margins_and_scaled_ones_are_left_alone(tmp_path):
    """1.3 is usual; `reward_scale: std` has no units; a head reaches any of them; DPO reads none."""
    large = rewards(tmp_path / "r", train=[{"margin_std": 4.3}])
    cases = (
        join(ward(tmp_path / "a", **OWN), rewards=rewards(tmp_path / "s")),
        join(ward(tmp_path / "b", method__beta=0.1, method__reward_scale="std"), rewards=large),
        join(ward(tmp_path / "c", **OWN, method__reward="head"), rewards=large),
        ward(tmp_path / "d", method__beta=0.1),
    )
    assert not any(seen("large_rewards", case) for case in cases)
