"""An oracle no better than a coin."""

from wards import evaluation, figure, join, only, rewards, seen, ward


def test_a_coin_is_a_fault(tmp_path):
    """51 % of 1000 held-out pairs; members are named."""
    only(
        "oracle_guesses",
        rewards(tmp_path / "a", held=[{"accuracy": 0.51}]),
        "fault",
        "the oracle is no better",
        "51.0 %",
    )
    only("oracle_guesses", rewards(tmp_path / "b", held=[{}, {"accuracy": 0.49}]), "fault", "member 1 is no better")


def test_a_judge_alone_is_looked_at_too(tmp_path):
    """Where nobody is taught by it, the start model's evaluation tells; a student's says it no second time."""
    figures = figure("oracle_accuracy", 0.5), figure("length_accuracy", 0.5)
    judged = join(evaluation(tmp_path / "a", *figures), oracle=ward(tmp_path / "o", "oracle"))
    only("oracle_guesses", judged, "fault", "of 1,000 held-out pairs")
    assert not seen("oracle_guesses", join(evaluation(tmp_path / "b", *figures), baseline=judged))


def test_an_oracle_that_knows_is_left_alone(tmp_path):
    """72 % of 1000; and 16 pairs tell nothing of anybody."""
    assert not seen("oracle_guesses", rewards(tmp_path / "a"))
    few = figure("oracle_accuracy", 0.5, count=16)
    assert not seen("oracle_guesses", join(evaluation(tmp_path / "b", few), oracle=ward(tmp_path / "o", "oracle")))
