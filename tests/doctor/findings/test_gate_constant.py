"""A gate that weighs all pairs alike."""

from wards import only, seen, steady, ward


def test_a_constant_gate_is_a_note(tmp_path):
    """It only rescales alpha."""
    only("gate_constant", ward(tmp_path / "a", lines=steady(gate=0.232, gate_sq=0.232**2)), "note", "not a focus")


def test_a_gate_that_varies_is_left_alone(tmp_path):
    """So is no gate, as asked, and a shut one, which has a finding of its own."""
    for place, values in enumerate(({}, {"gate": 1.0, "gate_sq": 1.0}, {"gate": 0.001, "gate_sq": 1e-6})):
        assert not seen("gate_constant", ward(tmp_path / str(place), lines=steady(**values)))
