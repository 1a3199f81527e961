"""TRL's side: its trainers on the same rows in the same batches.

Gradient checkpointing and bf16, TRL's defaults, are off unless asked for: on these models both comparisons favour TRL.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.records import StepClock

MASKS = ("attention_mask", "chosen_attention_mask", "rejected_attention_mask")
"""Of what a trainer reads: one for all, or one for each side."""


class Counter:
    """A collator that counts, of every batch, the tokens that are not padding."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.tokens: list[int] = []

    def __call__(self, examples: Any) -> Any:
        """Collate and count."""
        batch = self.inner(examples)
        masks = [batch[name] for name in MASKS if name in batch]
        self.tokens.append(sum(int(mask.sum()) for mask in masks) if masks else batch["input_ids"].numel())
        return batch


class Peer:
    """What the three trainers share: model, rows, settings, and the record."""

    def __init__(
        self,
        model: str,
        rows: str,
        batch: int,
        warmup: int,
        max_tokens: int,
        folder: str,
        threads: int,
        learning_rate: float = 1e-5,
    ) -> None:
        """Load libraries and rows, and pin the threads."""
        import torch
        from transformers import AutoTokenizer

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.model, self.batch, self.folder = model, batch, folder
        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.rows = [json.loads(line) for line in Path(rows).read_text(encoding="utf-8").splitlines()]
        self.clock = StepClock(warmup)
        self.max_tokens, self.learning_rate = max_tokens, learning_rate

    def arguments(self, **more: Any) -> dict[str, Any]:
        """Return the training arguments that make the comparison fair."""
        return {
            "output_dir": self.folder,
            "per_device_train_batch_size": self.batch,
            "num_train_epochs": 1,
            "learning_rate": self.learning_rate,
            "lr_scheduler_type": "constant",
            "weight_decay": 0.0,
            "max_grad_norm": 1.0,
            "max_length": self.max_tokens,
            "gradient_checkpointing": False,
            "bf16": False,
            "use_cpu": True,
            "logging_steps": 1,
            "report_to": "none",
            "save_strategy": "no",
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
            "train_sampling_strategy": "sequential",
            **more,
        }

    def dataset(self, *columns: str) -> Any:
        """Return the rows with these columns."""
        from datasets import Dataset

        return Dataset.from_list([{name: row[name] for name in columns} for row in self.rows])

    def record(self, trainer: Any, expected: list[int] | None, unique: list[int]) -> dict[str, Any]:
        """Train, and return the record. `expected`: tokens of each batch that TRL must have read, where known.

        Raises ValueError where TRL read other tokens than drdoctl.
        """
        from transformers import TrainerCallback

        clock = self.clock

        class Tick(TrainerCallback):
            def on_step_end(self, *_: Any, **__: Any) -> None:
                clock.tick()

        counter = Counter(trainer.data_collator)
        trainer.data_collator = counter
        trainer.add_callback(Tick())
        trainer.train()
        if expected is not None and counter.tokens != expected:
            raise ValueError(f"TRL read {counter.tokens} tokens, drdoctl {expected}")
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        return self.clock.record(unique or counter.tokens, self.batch, losses)

    def by_step(self, count: Any) -> list[int]:
        """Return `count(prompt, chosen, rejected)` summed over the rows of every step."""
        sizes = [count(*row["tokens"]) for row in self.rows]
        return [sum(sizes[at : at + self.batch]) for at in range(0, len(sizes), self.batch)]


def dpo(
    *,
    precompute: bool,
    losses: dict[str, float] | None = None,
    label_smoothing: float = 0.0,
    **common: Any,
) -> dict[str, Any]:
    """Run DPOTrainer with its own loss, or with others of its `losses`: name -> weight.

    `precompute`: the reference's log-probabilities are computed before the first step.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from trl import DPOConfig, DPOTrainer

    peer = Peer(**common)
    losses = losses or {"sigmoid": 1.0}
    model = AutoModelForCausalLM.from_pretrained(peer.model, dtype=torch.float32)
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(
            **peer.arguments(precompute_ref_log_probs=precompute),
            beta=0.1,
            loss_type=list(losses),
            loss_weights=list(losses.values()),
            label_smoothing=label_smoothing,
        ),
        train_dataset=peer.dataset("prompt", "chosen", "rejected"),
        processing_class=peer.tokenizer,
    )
    read = peer.by_step(lambda prompt, chosen, rejected: 2 * prompt + chosen + rejected)
    return peer.record(trainer, read, peer.by_step(lambda *tokens: sum(tokens)))


def kto(*, loss: str, desirable: float, undesirable: float, **common: Any) -> dict[str, Any]:
    """Run KTOTrainer on the first batch over and over, each response a row of its own.

    Winners go before losers, so that TRL's shift by one gives every prompt both responses of the row before.
    """
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import KTOConfig, KTOTrainer

    peer = Peer(**common)
    steps, batch = len(peer.rows) // peer.batch, peer.rows[: peer.batch]
    single = [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for side in ("chosen", "rejected")
        for row in batch
    ]
    peer.rows = batch * steps
    trainer = KTOTrainer(
        model=AutoModelForCausalLM.from_pretrained(peer.model, dtype=torch.float32),
        args=KTOConfig(
            **peer.arguments(precompute_ref_log_probs=True, per_device_train_batch_size=len(single)),
            beta=0.1,
            loss_type=loss,
            desirable_weight=desirable,
            undesirable_weight=undesirable,
        ),
        train_dataset=Dataset.from_list(single * steps),
        processing_class=peer.tokenizer,
    )
    read = peer.by_step(lambda prompt, chosen, rejected: 2 * prompt + chosen + rejected)
    return peer.record(trainer, read, peer.by_step(lambda *tokens: sum(tokens)))


def reward(*, head_seed: int | None = None, **common: Any) -> dict[str, Any]:
    """Run RewardTrainer: the Bradley-Terry loss on a new one-value head, or on drdoctl's for a seed."""
    import torch
    from transformers import AutoModelForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    peer = Peer(**common)
    model = AutoModelForSequenceClassification.from_pretrained(peer.model, num_labels=1, dtype=torch.float32)
    model.config.pad_token_id = peer.tokenizer.pad_token_id
    if head_seed is not None:
        from drdoctl.train.models import new_head

        model.score.load_state_dict(new_head(model.config, head_seed).state_dict())
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(**peer.arguments()),
        train_dataset=peer.dataset("prompt", "chosen", "rejected"),
        processing_class=peer.tokenizer,
    )
    read = peer.by_step(lambda prompt, chosen, rejected: 2 * prompt + chosen + rejected)
    return peer.record(trainer, read, peer.by_step(lambda *tokens: sum(tokens)))


def sft(*, setting: str, **common: Any) -> dict[str, Any]:
    """Run SFTTrainer on prompt and chosen response, loss on the response.

    `setting`: `plain` (batches in order), `grouped` (by length), or `packed` (rows of `max_tokens` tokens, as many as
    hold the same number of tokens a step).
    """
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import SFTConfig, SFTTrainer

    peer = Peer(**common)
    model = AutoModelForCausalLM.from_pretrained(peer.model, dtype=torch.float32)
    own: dict[str, Any] = {"completion_only_loss": True}
    tokens = peer.by_step(lambda prompt, chosen, _: prompt + chosen)
    if setting == "grouped":
        own["train_sampling_strategy"] = "group_by_length"
    if setting == "packed":
        mean = sum(tokens) / len(tokens)
        own |= {"packing": True, "per_device_train_batch_size": max(1, round(mean / peer.max_tokens))}
    rows = [{"prompt": row["prompt"], "completion": row["chosen"]} for row in peer.rows]
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**peer.arguments(**own)),
        train_dataset=Dataset.from_list(rows),
        processing_class=peer.tokenizer,
    )
    plain = setting == "plain"
    return peer.record(trainer, tokens if plain else None, tokens if plain else [])
