"""`hard`: unsure labels on responses that differ little (the papers' D_lc,le)."""

from __future__ import annotations

from typing import ClassVar, Literal

from drdoctl.splits._thresholds import ThresholdSplit


class Hard(ThresholdSplit):
    """Keep pairs whose confidence and edit distance are both below their quantile."""

    name: Literal["hard"] = "hard"

    paper: ClassVar[str] = "D_lc,le of DRDO, appendix D and Table 5"
    above: ClassVar[bool] = False
