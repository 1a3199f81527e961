"""One combination as the rules see it: its spec, what was written, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from drdoctl.core.architectures import is_reward_model
from drdoctl.core.errors import Fault, Where
from drdoctl.core.files import expand, kind_at
from drdoctl.spec.faults import Look
from drdoctl.spec.marks import Key
from drdoctl.spec.matrix import Combo, place_of
from drdoctl.spec.model import NewModel, Spec
from drdoctl.spec.oracles import RewardModel

ModelKind = Literal["new", "sft", "zoo", "folder", "hub"]


@dataclass(frozen=True)
class Case:
    """A combination of the matrix (or the spec itself) with its place in the file."""

    combo: Combo
    raw: Mapping[str, Any]
    look: Look
    base: Path

    @property
    def spec(self) -> Spec:
        """Return the combination's spec."""
        return self.combo.spec

    def where(self, dotted: str, key: bool = False) -> Where:
        """Return where a dotted key is written, inside the matrix where an axis gives it."""
        return self.look(place_of(_path(dotted), self.combo.axes), key)

    def given(self, dotted: str) -> bool:
        """Whether the user wrote this key, here or in the matrix."""
        current: Any = self.raw
        part: Any
        for part in place_of(_path(dotted), self.combo.axes):
            if (isinstance(current, dict) and part in current) or (
                isinstance(current, list) and isinstance(part, int) and part < len(current)
            ):
                current = current[part]
            else:
                return False
        return True

    def nearest(self, *dotted: str) -> str:
        """Return the first of some dotted keys that the user wrote, or the last of them: a fault is placed there."""
        return next((key for key in dotted if self.given(key)), dotted[-1])

    def fault(self, code: str, message: str, dotted: str, hint: str | None = None, *, key: bool = False) -> Fault:
        """Return a fault at a dotted key."""
        return Fault(code, message, self.where(dotted, key), hint)

    def no_effect(self, dotted: str, why: str) -> Iterator[Fault]:
        """Yield the fault that a written option changes nothing; nothing where it is not written."""
        if self.given(dotted):
            message = f"`{dotted}` has no effect {why}"
            yield self.fault("no-effect", message, dotted, f"leave `{dotted}` out", key=True)

    def model_kind(self, model: str | NewModel) -> ModelKind:
        """Return what a `model:` names: a new model, this spec's SFT student, a zoo name, a folder or a Hub id."""
        if isinstance(model, NewModel):
            return "new"
        if model == "sft" or model.startswith("zoo/"):
            return "sft" if model == "sft" else "zoo"
        local = model.startswith((".", "/", "~")) or kind_at(self.base / model) == "folder"
        return "folder" if local else "hub"

    def step(self, index: int) -> str:
        """Return where a step of the split is written: a split of one step may be no list."""
        current: Any = self.raw
        for part in place_of(("data", "split"), self.combo.axes):
            if isinstance(current, dict):
                current = current.get(part)
            else:
                current = current[part] if isinstance(current, list) and isinstance(part, int) else None
        return f"data.split.{index}" if isinstance(current, list) else "data.split"

    @property
    def oracle_finished(self) -> bool:
        """Whether `oracle.model` is a reward model already: said so, from the zoo, or by the folder's own config."""
        return self.spec.oracle is not None and self.finished(self.spec.oracle)

    @property
    def oracle_teaches(self) -> bool:
        """Whether the student learns from the very oracle that judges: no ensemble, nor one that is trained anew.

        A trained oracle that a split needed is not the teacher, which is trained on what the split left.
        """
        method, oracle, steps = self.spec.method, self.spec.oracle, self.spec.data.split
        if method is None or oracle is None or not method.oracle_members or method.ensemble:
            return False
        another = oracle.pairs == "split" and any(step.needs_oracle for step in steps)
        return self.oracle_finished or not another

    def finished(self, part: RewardModel) -> bool:
        """Whether the `model` of an oracle or a judge is a reward model already."""
        kind = self.model_kind(part.model)
        if kind == "zoo" or part.finished is not None:
            return kind == "zoo" or bool(part.finished)
        return kind == "folder" and is_reward_model(self.config_of(part.model))

    def config_of(self, model: str) -> dict[str, Any]:
        """Return the `config.json` of a local folder; empty where there is none that can be read."""
        try:
            config = json.loads((self.base / expand(model) / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return config if isinstance(config, dict) else {}


def _path(dotted: str) -> Key:
    return tuple(int(part) if part.isdigit() else part for part in dotted.split("."))
