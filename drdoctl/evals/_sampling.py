"""How an eval wants responses sampled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """One way of sampling a response to every prompt. temperature 0 is greedy."""

    temperature: float
    top_p: float
    max_new_tokens: int
    prompts: int | None = None
    """How many evaluation prompts, from the front of the list; None: all."""
    of: str = ""
    """Whose prompts: empty for the data's, else the name of an eval that brings instructions of its own."""

    @property
    def label(self) -> str:
        """Return the name of the draws: the same prompt gets the same response, however many prompts are asked for."""
        name = f"t{self.temperature:g}-p{self.top_p:g}-n{self.max_new_tokens}"
        return f"{self.of}-{name}" if self.of else name
