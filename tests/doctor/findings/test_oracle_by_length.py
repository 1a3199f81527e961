"""An oracle that counts tokens."""

from wards import only, rewards, seen


def test_no_better_than_length_is_a_warning(tmp_path):
    """71 % right where the longer response is preferred in 70 %, or the shorter one."""
    for place, longer in enumerate((0.7, 0.3)):
        case = rewards(tmp_path / str(place), held=[{"accuracy": 0.71, "length_accuracy": longer}])
        only("oracle_by_length", case, "warning", "no better than counting tokens", "70.0 % by length alone")


def test_margins_that_follow_length_are_a_warning(tmp_path):
    """Even where the accuracy is beyond length's."""
    case = rewards(tmp_path / "a", held=[{"length_correlation": 0.8}])
    only("oracle_by_length", case, "warning", "+0.80", "for the longer response")


def test_a_sound_oracle_is_left_alone(tmp_path):
    """Length predicts nothing, or less than the oracle does."""
    assert not seen("oracle_by_length", rewards(tmp_path / "a"))
    assert not seen("oracle_by_length", rewards(tmp_path / "b", held=[{"accuracy": 0.8, "length_accuracy": 0.65}]))
    assert not seen("oracle_by_length", rewards(tmp_path / "c", held=[{"accuracy": 0.55, "length_accuracy": 0.54}]))
