"""What the machine gives, as a spec says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from drdoctl.core.parts import Model
from drdoctl.spec.scalars import no_bool
from drdoctl.spec.serving import JudgeServer, Server


class Resources(Model):
    """What the machine gives. Nothing here changes a result's name or, beyond rounding, its numbers."""

    processes: int = Field(default=1, ge=1)
    """Training processes on this machine, one for each accelerator (or share of the CPU's cores)."""
    micro_tokens: int | None = Field(default=None, ge=1)
    """Tokens computed at once in one process: whole rows, a prompt counted once; a longer row is taken alone. Without
    it, 16,384 on an accelerator, 2,048 on a CPU, and there 768 where layers times width are 8,192 or more."""
    micro_batch: int | None = Field(default=None, ge=1)
    """Rows computed at once in one process, at most; without it, as many as `micro_tokens` holds."""
    zero_stage: Annotated[Literal[0, 1, 2, 3], BeforeValidator(no_bool)] = 0
    """DeepSpeed ZeRO stage."""
    offload: Literal["none", "optimizer", "all"] = "none"
    """What ZeRO keeps in the CPU's memory: the optimizer (stage 1 to 3), or parameters too (stage 3)."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    activation_offload: bool = False
    """Keep activations in the CPU's memory until the backward pass: less on the accelerator, more time for copies."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto`: CUDA where torch sees one."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of each process; without it, the cores divided by the processes."""
    pin_threads: bool = False
    """Bind each process to cores of its own, on a CPU; not where other runs share the machine: they take the same."""
    memory_gib: float | None = Field(default=None, gt=0)
    """Memory that one process has, GiB: of its GPU, or its share of the machine's. The plan then says what will not
    fit, and the smallest change that helps."""
    gflops: float | None = Field(default=None, ge=0.001, le=1e9)
    """Speed of one process in GFLOP/s, for the plan's seconds; without it, earlier stages in the store tell, and
    before there are any, a stated assumption."""
    price_per_hour: float | None = Field(default=None, ge=0, le=1e9)
    """Price of this machine for an hour, in any currency: the plan and the report then give the money too."""
    checkpoint_steps: int | None = Field(default=None, ge=1)
    """Checkpoint every so many steps."""
    checkpoint_minutes: float = Field(default=10, gt=0)
    """Checkpoint at least this often."""
    keep: int = Field(default=2, ge=1)
    """How many checkpoints of a stage stay while it trains; finished, it keeps none. With 1 there is nothing to fall
    back on where the newest is damaged."""
    timeout_minutes: float = Field(default=30, gt=0)
    """A stage that shows no progress for this long is taken for hung and stopped."""
    grace_minutes: float = Field(default=2.5, gt=0)
    """A stage that was asked to stop gets this long to finish its step and save, and is killed then. Keep it half a
    minute below the notice that a batch system gives: 180 s in the script of `docs/reliability.md`."""
    server: Server = Server()
    """The server that samples with `sampler: server`; without it, `vllm serve` is started where it is installed."""
    judge: JudgeServer = JudgeServer()
    """The server behind evals that ask a language model, such as `llm-judge`."""
