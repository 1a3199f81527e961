"""Labels that length predicts."""

from wards import only, rewards, seen


def test_length_biased_labels_are_a_warning(tmp_path):
    """Once, whatever the number of members; to either side."""
    case = rewards(tmp_path / "a", held=[{"length_accuracy": 0.8}] * 3)
    only("labels_follow_length", case, "warning", "80 %", "longer")
    only("labels_follow_length", rewards(tmp_path / "b", held=[{"length_accuracy": 0.2}]), "warning", "80 %", "shorter")


def test_usual_labels_are_left_alone(tmp_path):
    """UltraFeedback's 0.6 is no warning; statistics made before the share was kept say nothing."""
    assert not seen("labels_follow_length", rewards(tmp_path / "a", held=[{"length_accuracy": 0.6}]))
    assert not seen("labels_follow_length", rewards(tmp_path / "b", held=[{"length_accuracy": None}]))
