"""A judge that is not independent."""

from wards import better, evaluation, only, seen

STAMPED = {**better(1.0), "warnings": ["judge = teacher"]}


def test_a_teacher_alone_as_judge_is_a_note(tmp_path):
    """Nobody else compares the student with anything."""
    only("judge_taught", evaluation(tmp_path / "a", STAMPED), "note", "judge = teacher")


def test_another_judge_makes_up_for_it(tmp_path):
    """The true reward, or a judge that taught nobody; without comparisons there is nothing to say."""
    for place, figures in enumerate(((STAMPED, better(1.0, "truth")), (STAMPED, better(1.0, "other")), ())):
        assert not seen("judge_taught", evaluation(tmp_path / str(place), *figures))
