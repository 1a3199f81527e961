"""A reward head that learnt what the sampler did not."""

from wards import only, seen, steady, ward

APART = {"r_hat_oracle_agreement": 0.9, "oracle_agreement": 0.6}


def test_a_head_without_a_road_is_a_warning(tmp_path):
    """Agreement with the oracle: the head's against the log-probabilities'."""
    found = only(
        "head_apart", ward(tmp_path / "a", lines=steady(**APART), method__reward="head"), "warning", "90 %", "60 %"
    )
    assert "reward: implicit" in found.advice


def test_a_head_that_takes_the_sampler_along_is_left_alone(tmp_path):
    """So is the implicit reading, where both are the same number anyway."""
    close = steady(r_hat_oracle_agreement=0.8, oracle_agreement=0.77)
    assert not seen("head_apart", ward(tmp_path / "a", lines=close, method__reward="head"))
    assert not seen("head_apart", ward(tmp_path / "b", lines=steady(**APART), method__reward="implicit"))
