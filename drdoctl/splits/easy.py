"""`easy`: sure labels on responses that differ much (the papers' D_hc,he)."""

from __future__ import annotations

from typing import ClassVar, Literal

from drdoctl.splits._thresholds import ThresholdSplit


class Easy(ThresholdSplit):
    """Keep pairs whose confidence and edit distance are both at or above their quantile."""

    name: Literal["easy"] = "easy"

    paper: ClassVar[str] = "D_hc,he of DRDO, appendix D and Table 5"
    above: ClassVar[bool] = True
