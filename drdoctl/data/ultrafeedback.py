"""`ultrafeedback`: UltraFeedback, binarized. Answers of many models to instructions, scored 0 to 10 by GPT-4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from drdoctl.data import PartName, Row
from drdoctl.data._records import mapping, pair
from drdoctl.data._source import Adapter


class UltraFeedback(Adapter):
    """UltraFeedback-binarized: 61,135 + 2,000 pairs with GPT-4's overall scores (0 to 10)."""

    name: Literal["ultrafeedback"] = "ultrafeedback"

    paper: ClassVar[str] = "Cui et al. 2024, arXiv 2310.01377; binarized by HuggingFaceH4 (MIT)"
    gives_confidence: ClassVar[bool | None] = True
    gives_scores: ClassVar[bool | None] = True
    hub_id: ClassVar[str] = "HuggingFaceH4/ultrafeedback_binarized"
    hub_splits: ClassVar[dict[str, str]] = {"train": "train_prefs", "eval": "test_prefs"}

    def convert(
        self,
        record: Mapping[str, Any],
        part: PartName,  # noqa: ARG002  # the file decides
        label: str,
        where: str,
        columns: Mapping[str, str],  # noqa: ARG002  # the columns are known
    ) -> Row:
        """Return a record's row: message lists with scores, or plain texts with the scores in `metadata`.

        `prompt_id` is left alone: several pairs may share it.
        """
        scores = record if "score_chosen" in record else mapping(record.get("metadata") or {}, "`metadata`")
        known = {name: record.get(name) for name in ("id", "prompt", "chosen", "rejected")}
        known |= {name: scores.get(name) for name in ("score_chosen", "score_rejected")}
        if isinstance(known["prompt"], str) and isinstance(known["chosen"], str):
            known["prompt"] = [{"role": "user", "content": known["prompt"]}]
        return pair(known, label, where)
