"""Why models of other types than `architectures.SUPPORTED` are refused: what a flat row of prompt trees does to them.

A row holds a prompt once and every response to it after that. A type fits where a token is told of its place by a
position number, sees other tokens only through attention, and all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.core.architectures import SUPPORTED

ALIBI = (
    "its ALiBi is added in attention of its own, which counts places along the row, not by position numbers, so a "
    "second response to a prompt would be taken to follow the first"
)
WINDOW = "some of its layers see a window only, and attention here is over the whole sequence"
EXPERTS = "its experts are kept in balance by a loss over a whole batch's routing, which preference losses lack"
STATE = "its layers carry a state along the row, so a second response to a prompt would read the first"
OWN_ATTENTION = "its attention does not go through transformers' attention interface, where trees are told apart"
BOTH_WAYS = "its attention looks both ways, so what a prompt is depends on the response after it"
ENCODER = "it is no decoder that reads prompt and response as one sequence"
UNTRIED = "nothing holds its numbers against the plain computation"

REASONS: dict[str, str] = {
    **dict.fromkeys(("mpt",), ALIBI),
    **dict.fromkeys(("cohere2", "gemma2", "gemma3", "gemma3_text", "gemma3n", "olmo3"), WINDOW),
    **dict.fromkeys(("dbrx", "deepseek_v2", "deepseek_v3", "gpt_oss", "granitemoe", "jetmoe", "llama4"), EXPERTS),
    **dict.fromkeys(("mixtral", "olmoe", "phimoe", "qwen2_moe", "qwen3_moe"), EXPERTS),
    **dict.fromkeys(("bamba", "falcon_h1", "falcon_mamba", "granitemoehybrid", "jamba", "lfm2", "mamba"), STATE),
    **dict.fromkeys(("mamba2", "nemotron_h", "qwen3_next", "recurrent_gemma", "rwkv", "xlstm", "zamba"), STATE),
    **dict.fromkeys(("zamba2",), STATE),
    **dict.fromkeys(("codegen", "falcon", "gpt_neo", "gptj"), OWN_ATTENTION),
    **dict.fromkeys(("bart", "bert", "deberta", "deberta-v2", "distilbert", "electra", "longt5", "mt5"), ENCODER),
    **dict.fromkeys(("pegasus", "roberta", "t5", "umt5", "xlm-roberta"), ENCODER),
}
"""`model_type` -> why."""


def why_not(config: Mapping[str, Any]) -> str | None:
    """Return why a `config.json` is refused, as a clause, or None where its type is supported."""
    if config.get("use_bidirectional_attention") or config.get("is_causal") is False:
        return BOTH_WAYS
    if config.get("model_type") in SUPPORTED:
        return None
    if config.get("alibi"):  # Falcon's first models
        return ALIBI
    return REASONS.get(str(config.get("model_type")), UNTRIED)
