"""An oracle that finds worse samples better."""

from wards import better, evaluation, only, seen


def test_a_misled_oracle_is_a_fault(tmp_path):
    """Its reward rises and the true one falls."""
    case = evaluation(tmp_path / "a", better(2.0), better(-1.0, "truth"))
    only("oracle_misled", case, "fault", "+2.00", "the true one -1.00")


def test_a_gain_that_is_none_is_a_warning(tmp_path):
    """Its reward rises and the true one does not."""
    case = evaluation(tmp_path / "a", better(2.0), better(0.05, "truth"))
    only("oracle_misled", case, "warning", "+2.00", "+0.05")


def test_agreement_is_left_alone(tmp_path):
    """Both up, both down, or nobody who knows the truth."""
    figures = ((better(2.0), better(1.0, "truth")), (better(-2.0), better(-1.0, "truth")), (better(2.0),))
    for place, made in enumerate(figures):
        assert not seen("oracle_misled", evaluation(tmp_path / str(place), *made))
