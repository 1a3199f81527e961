"""A judge that is not independent."""

from wards import better, evaluation, only, seen

STAMP = ("judge = teacher",)


def test_a_teacher_alone_as_judge_is_a_note(tmp_path):
    """Nobody else compares the student with anything."""
    only("judge_taught", evaluation(tmp_path / "a", better(1.0), warnings=STAMP), "note", "judge = teacher")


def test_another_judge_makes_up_for_it(tmp_path):
    """The true reward is independent; without a stamp there is nothing to say."""
    assert not seen("judge_taught", evaluation(tmp_path / "a", better(1.0), better(1.0, "truth"), warnings=STAMP))
    assert not seen("judge_taught", evaluation(tmp_path / "b", better(1.0)))
