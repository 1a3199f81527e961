"""TRL's trainers without a reference, on the same rows in the same batches: CPO (SimPO too) and ORPO.

They put a start token before a prompt where the tokenizer has one, which the pairs of our steps do not have: here it
has none.
"""

from __future__ import annotations

from typing import Any

from benchmarks.sides.trl import Peer


def cpo(*, beta: float, loss: str = "sigmoid", weight: float = 0.0, margin: float = 0.0, **common: Any) -> dict:
    """Run CPOTrainer. `weight`: of the chosen response's likelihood; `margin`: that `simpo` asks for."""
    from trl.experimental.cpo import CPOConfig, CPOTrainer

    own = {"loss_type": loss, "cpo_alpha": weight, "simpo_gamma": margin, "beta": beta}
    return _run(CPOTrainer, CPOConfig, own, common)


def orpo(*, weight: float, **common: Any) -> dict:
    """Run ORPOTrainer. `weight`: of the odds ratio, beside the likelihood of the prompt and the chosen response."""
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    return _run(ORPOTrainer, ORPOConfig, {"beta": weight}, common)


def _run(trainer: Any, config: Any, own: dict[str, Any], common: dict[str, Any]) -> dict:
    """Train, and return the record. Raises ValueError where TRL read other tokens than drdoctl."""
    import torch
    from transformers import AutoModelForCausalLM

    peer = Peer(**common)
    peer.tokenizer.bos_token = None
    made = trainer(
        model=AutoModelForCausalLM.from_pretrained(peer.model, dtype=torch.float32),
        args=config(**peer.arguments(**own)),
        train_dataset=peer.dataset("prompt", "chosen", "rejected"),
        processing_class=peer.tokenizer,
    )
    read = peer.by_step(lambda prompt, chosen, rejected: 2 * prompt + chosen + rejected)
    return peer.record(made, read, peer.by_step(lambda *tokens: sum(tokens)))
