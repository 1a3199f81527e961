"""Many pairs of few prompts."""

from wards import data, only, seen


def test_few_prompts_are_a_note(tmp_path):
    """Ten pairs each."""
    case = data(tmp_path / "a", {"rows": 1000, "prompts": 100})
    only("repeated_prompts", case, "note", "1,000 training pairs have 100 prompts, 10.0 pairs each")


def test_two_pairs_each_are_left_alone(tmp_path):
    """As most corpora have them."""
    assert not seen("repeated_prompts", data(tmp_path / "a", {"rows": 1000, "prompts": 500}))
