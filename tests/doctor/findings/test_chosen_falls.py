"""A falling chosen log-probability is told, and how bad it is depends on the samples."""

from wards import HEALTHY, better, course, evaluation, join, only, seen, steady, ward

FALLING = course(HEALTHY, {**HEALTHY, "chosen_logp": -70.0, "rejected_logp": -99.0}, 400)


def test_without_samples_it_is_a_note(tmp_path):
    """Nobody looked at the samples: the numbers are told, and that mass moves elsewhere."""
    case = ward(tmp_path / "align", lines=FALLING)
    found = only("chosen_falls", case, "note", "fell from", "mass moves to responses that no pair shows")
    assert "0.0003" in found.advice
    assert found.evidence[0].steps == (1, 40)


def test_without_samples_a_far_fall_is_a_warning(tmp_path):
    """From -50 to -140 nats, further than sound students fall."""
    lines = course(HEALTHY, {**HEALTHY, "chosen_logp": -140.0})
    only("chosen_falls", ward(tmp_path / "align", lines=lines), "warning", "fell from")


def test_with_better_samples_it_is_a_note(tmp_path):
    """As DPO does in the generated world: the log-probability falls and the samples are good."""
    case = ward(tmp_path / "align", lines=FALLING)
    join(evaluation(tmp_path / "evaluate", better(1.0)), policy=case)
    only("chosen_falls", case, "note", "better than the start model's: +1.00 [+0.90, +1.10]")


def test_with_worse_samples_it_is_a_fault(tmp_path):
    """The truth is believed before the oracle."""
    case = ward(tmp_path / "align", lines=FALLING)
    join(evaluation(tmp_path / "evaluate", better(1.0), better(-0.5, "truth")), policy=case)
    only("chosen_falls", case, "fault", "worse than the start model's: -0.50", "in true reward")


def test_with_samples_as_good_it_is_a_warning(tmp_path):
    """An interval over 0 is no proof that the fall did no harm."""
    case = ward(tmp_path / "align", lines=FALLING)
    join(evaluation(tmp_path / "evaluate", better(0.05)), policy=case)
    only("chosen_falls", case, "warning", "not seen to be better")


def test_a_steady_student_and_a_short_run_are_left_alone(tmp_path):
    """A fall of less than a tenth, or of too few steps, is noise; a method without the metric has nothing to say."""
    assert not seen("chosen_falls", ward(tmp_path / "a", lines=steady()))
    assert not seen("chosen_falls", ward(tmp_path / "b", lines=course(HEALTHY, {**HEALTHY, "chosen_logp": -54.0})))
    assert not seen("chosen_falls", ward(tmp_path / "c", lines=FALLING[:7]))
    assert not seen("chosen_falls", ward(tmp_path / "d", lines=[{"step": at, "loss": 1.0} for at in range(1, 40)]))


def test_longer_responses_are_no_fall(tmp_path):
    """What counts is the log-probability of a token: batches of longer responses have less in all."""
    lines = course(
        {**HEALTHY, "chosen_logp_per_token": -2.0}, {**HEALTHY, "chosen_logp": -90.0, "chosen_logp_per_token": -2.0}
    )
    assert not seen("chosen_falls", ward(tmp_path / "a", lines=lines))
    fallen = course({**HEALTHY, "chosen_logp_per_token": -2.0}, {**HEALTHY, "chosen_logp_per_token": -2.5})
    found = only("chosen_falls", ward(tmp_path / "b", lines=fallen), "note", "fell from -2.02 to -2.44 nats a token")
    assert set(found.evidence[0].values) == {"chosen_logp_per_token"}


def test_few_steps_of_unlike_batches_are_noise(tmp_path):
    """24 steps of eight pairs of a real model, whose batches differ by a quarter of a nat: nothing fell."""
    swing = [0.25, -0.3, 0.1, 0.35, -0.2, -0.2]
    lines = [{**line, "chosen_logp_per_token": -1.6 - swing[at % 6]} for at, line in enumerate(steady(24))]
    lines[0]["chosen_logp_per_token"] = lines[1]["chosen_logp_per_token"] = -1.4
    assert not seen("chosen_falls", ward(tmp_path / "a", lines=lines))
