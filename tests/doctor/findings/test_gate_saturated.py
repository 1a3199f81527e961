"""A gate that is open or shut with little between."""

from wards import only, seen, steady, ward

SATURATED = {"gate": 0.4, "gate_sq": 0.39}


def test_a_saturated_gate_is_a_note(tmp_path):
    """With its correlation to length, where that is known and small."""
    only("gate_saturated", ward(tmp_path / "a", lines=steady(**SATURATED)), "note", "open or shut with little between")
    lengths = {"length_diff": 0.0, "length_diff_sq": 100.0, "gate_x_length_diff": 0.48 * 10 * 0.3}
    case = ward(tmp_path / "b", lines=steady(**SATURATED, **lengths))
    only("gate_saturated", case, "note", "(winner less loser) is +0.30")


def test_one_finding_a_gate(tmp_path):
    """Where length drives it, that is what is said; a gate that weighs is left alone."""
    lengths = {"length_diff": 0.0, "length_diff_sq": 100.0, "gate_x_length_diff": 0.48 * 10 * 0.9}
    assert not seen("gate_saturated", ward(tmp_path / "a", lines=steady(**SATURATED, **lengths)))
    assert not seen("gate_saturated", ward(tmp_path / "b", lines=steady()))
