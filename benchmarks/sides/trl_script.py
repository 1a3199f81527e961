"""What a user of TRL writes: DPO from a file of pairs to a saved model, with TRL's own default reference.

python -m benchmarks.sides.trl_script MODEL PAIRS.jsonl OUT THREADS EPOCHS BATCH MAX_TOKENS
"""

from __future__ import annotations

import sys


def main(model: str, pairs: str, out: str, threads: str, epochs: str, batch: str, max_tokens: str) -> None:
    """Train and save. float32 and no gradient checkpointing, as everywhere here."""
    import torch
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    torch.set_num_threads(int(threads))
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        args=DPOConfig(
            output_dir=out,
            per_device_train_batch_size=int(batch),
            num_train_epochs=float(epochs),
            learning_rate=1e-5,
            lr_scheduler_type="constant",
            max_length=int(max_tokens),
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
        train_dataset=load_dataset("json", data_files=pairs, split="train", cache_dir=f"{out}/cache"),
        processing_class=AutoTokenizer.from_pretrained(model),
    )
    trainer.train()
    trainer.save_model(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
