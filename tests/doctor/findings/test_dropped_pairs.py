"""Rows of the source that are not trained on."""

from wards import data, only, seen


def test_many_dropped_rows_are_a_warning(tmp_path):
    """With their reasons and the cure of the most frequent."""
    case = data(tmp_path / "a", {"read": 1000, "dropped": {"long-pair": 250, "identical": 20}})
    found = only("dropped_pairs", case, "warning", "27 % of the 1,000 rows", "250 long-pair, 20 identical")
    assert "data.max_tokens" in found.advice


def test_what_was_asked_for_is_left_alone(tmp_path):
    """A split and `max_rows` keep what they keep, evaluation prompts are held out, and a few bad rows are usual."""
    dropped = {"split": 300, "max-rows": 300, "in-eval": 100, "identical": 10}
    assert not seen("dropped_pairs", data(tmp_path / "a", {"read": 1000, "dropped": dropped}))
    assert not seen("dropped_pairs", data(tmp_path / "b"))


def test_the_steps_of_a_split_are_no_loss(tmp_path):
    """Rows are counted under the name of the step that left them out."""
    case = data(tmp_path / "a", {"read": 1000, "dropped": {"hard": 700}})
    case.settings = {"data.split": [{"name": "hard"}]}
    assert not seen("dropped_pairs", case)
