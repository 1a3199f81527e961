"""Samples that run into the limit."""

from wards import data, evaluation, figure, join, only, seen

LIMIT = {"evaluate": [{"name": "win-rate", "max_new_tokens": 8}]}


def test_many_cut_samples_are_a_warning(tmp_path):
    """A student that ran away."""
    case = join(evaluation(tmp_path / "a", figure("not_ended", 0.4)), data=data(tmp_path / "data"))
    assert "lower learning rate" in only("never_ends", case, "warning", "40 % of the samples").advice


def test_a_limit_below_the_data_is_named(tmp_path):
    """8 tokens, where training responses have 14 and at most 27."""
    case = join(evaluation(tmp_path / "a", figure("not_ended", 0.9), **LIMIT), data=data(tmp_path / "data"))
    found = only("never_ends", case, "warning", "the limit is 8 tokens", "have 14 on average")
    assert "above 27" in found.advice


def test_a_start_model_that_does_not_end_is_to_be_mended_first(tmp_path):
    """The alignment did not do it; a limit below the data stays the likelier cause."""
    start = evaluation(tmp_path / "s", figure("not_ended", 1.0))
    case = join(evaluation(tmp_path / "a", figure("not_ended", 0.9)), baseline=start)
    found = only("never_ends", case, "warning", "100 % of the start model's did not either")
    assert "mend the start model first" in found.advice
    cut = join(evaluation(tmp_path / "b", figure("not_ended", 0.9), **LIMIT), baseline=start, data=data(tmp_path / "d"))
    assert "above 27" in only("never_ends", cut, "warning", "the limit is 8 tokens").advice


def test_a_few_are_left_alone(tmp_path):
    """Some per cent run on; an evaluation without samples has nothing to say."""
    assert not seen("never_ends", evaluation(tmp_path / "a", figure("not_ended", 0.04)))
    assert not seen("never_ends", evaluation(tmp_path / "b"))
