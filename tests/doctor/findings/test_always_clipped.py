"""Steps that are all clipped by much."""

from wards import only, seen, steady, ward


def test_clipping_that_sets_the_step_is_a_note(tmp_path):
    """Three hundred times the limit, with a limit that would only cut outliers."""
    case = ward(tmp_path / "a", lines=steady(grad_norm=300.0))
    found = only("always_clipped", case, "note", "100 %", "factor of 300")
    assert "`max_grad_norm: 6e+02`" in found.advice


def test_mild_clipping_is_left_alone(tmp_path):
    """The quickstart's DRDO has three times the limit throughout, which AdamW undoes; outliers are what it is for."""
    lines = steady()
    lines[5]["grad_norm"] = 500.0
    for place, log in enumerate((steady(grad_norm=3.3), lines)):
        assert not seen("always_clipped", ward(tmp_path / str(place), lines=log))
