"""A student worse than its start."""

from wards import better, evaluation, join, only, seen, ward


def test_worse_samples_are_a_fault(tmp_path):
    """The whole interval is below 0; the student's own learning rate is named."""
    case = join(evaluation(tmp_path / "a", better(-0.5)), policy=ward(tmp_path / "p"))
    assert "0.0003" in only("worse_than_start", case, "fault", "-0.50 [-0.60, -0.40] in the oracle's reward").advice


def test_better_or_unsure_is_left_alone(tmp_path):
    """The truth decides where both judge; an interval over 0 decides nothing; the start model itself has no figure."""
    figures = ((better(1.0),), (better(-0.05),), (better(-1.0), better(1.0, "truth")), ())
    for place, made in enumerate(figures):
        assert not seen("worse_than_start", evaluation(tmp_path / str(place), *made))


def test_a_judge_that_taught_nobody_is_believed_before_the_teacher(tmp_path):
    """Its figure bears no stamp; it is called by its name."""
    taught = {**better(1.0), "warnings": ["judge = teacher"]}
    only("worse_than_start", evaluation(tmp_path / "a", taught, better(-0.5, "other")), "fault", "judge `other`")
