"""A gate that is shut for nearly every pair."""

from wards import only, seen, steady, ward


def test_a_shut_gate_is_a_warning(tmp_path):
    """The contrastive term has lost its weight."""
    case = ward(tmp_path / "a", lines=steady(gate=0.001, gate_sq=0.0001))
    only("gate_shut", case, "warning", "shut for nearly every pair")


def test_an_open_gate_is_left_alone(tmp_path):
    """A healthy gate, and no gate at all."""
    assert not seen("gate_shut", ward(tmp_path / "a", lines=steady()))
    assert not seen("gate_shut", ward(tmp_path / "b", lines=steady(gate=1.0, gate_sq=1.0)))
