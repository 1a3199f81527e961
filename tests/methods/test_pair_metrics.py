"""What every pairwise method logs: averages from which spreads and correlations follow exactly."""

from __future__ import annotations

import numpy as np
import pytest

from drdoctl.doctor.window import Window

Z_W, Z_L = [-3.0, -9.0, -4.0, -7.0], [-5.0, -6.0, -4.5, -1.0]
TOKENS = [3.0, 9.0, 4.0, 8.0], [6.0, 5.0, 4.0, 2.0]
DR = [1.0, -0.5, 0.25, 2.0]


@pytest.fixture
def logged(make_pairs, make_method):
    """Return the mean metrics of four pairs for a method."""

    def means(name, **options):
        pairs = make_pairs(Z_W, Z_L, *TOKENS, dr=DR, ref=([-4.0] * 4, [-4.0] * 4))
        return {key: value.mean().item() for key, value in make_method(name, **options).loss(pairs).metrics.items()}

    return means


def test_averages_give_the_correlations_of_rewards_and_length(logged):
    """Student with oracle, and student with length: as computed from the pairs themselves."""
    window, margin = Window([logged("d-dpo", beta=0.5)]), (np.array(Z_W) - np.array(Z_L)) * 0.5
    length = np.subtract(*TOKENS)
    rewards = window.correlation("dr", "r_hat_margin", "dr_x_r_hat_margin")
    assert rewards == pytest.approx(np.corrcoef(DR, margin)[0, 1])
    lengths = window.correlation("implicit_margin", "length_diff", "implicit_margin_x_length_diff")
    assert lengths == pytest.approx(np.corrcoef(length, margin)[0, 1])
    assert window.sd("implicit_margin") == pytest.approx(margin.std())


def test_the_oracles_advantage_is_of_what_the_student_puts_first(logged):
    """The oracle's margin counts with the sign of the student's: 1, then 0.5 against it twice over, then -2."""
    assert logged("d-dpo")["oracle_advantage"] == pytest.approx((1 + 0.5 + 0.25 - 2) / 4)
    assert logged("drdo", reference=False)["oracle_advantage"] == pytest.approx((1 + 0.5 + 0.25 - 2) / 4)


def test_methods_without_an_oracle_log_no_advantage(logged):
    """Tokens and lengths are there for every method; what needs rewards only where rewards are."""
    found = logged("simpo")
    assert (found["chosen_tokens"], found["rejected_tokens"], found["length_diff"]) == (6.0, 4.25, 1.75)
    assert "dr_x_r_hat_margin" not in found
