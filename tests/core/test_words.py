"""Words that several layers share."""

import numpy as np

from drdoctl.core.words import ORACLE, STAMPS, TRUTH
from drdoctl.evals import EvalData
from drdoctl.evals._compare import warnings_for


def test_stamps_of_the_oracle_stay_with_the_oracle():
    """What is stamped on the oracle's word touches its own figures, and those of no other judge."""
    data = EvalData({}, {}, {"margin": np.zeros(1)}, warnings=(*STAMPS, "few prompts"))
    assert warnings_for(data, ORACLE) == (*STAMPS, "few prompts")
    assert warnings_for(data, TRUTH) == warnings_for(data, None) == ("few prompts",)
