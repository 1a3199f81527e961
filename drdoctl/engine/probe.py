"""Start the child that scores a card's probes: torch, and whatever the model does, stay out of this process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.engine.ask import ask

if TYPE_CHECKING:
    from drdoctl.zoo.probes import Scorer, Stated
    from drdoctl.zoo.trust import Trust

MODULE = "drdoctl.train.probe"


def carry_out(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `train.probe.run` makes of a request, in a child of this process. Raises what it raises.

    Raises StageFailed where the child dies, as it does where memory runs out.
    """
    with tempfile.TemporaryDirectory(prefix="drdoctl-probe-") as folder:
        return ask(
            Path(folder),
            MODULE,
            request,
            kind="probe",
            device=request["device"],
            who="the process that scores the probes",
            hint="signal 9 means that memory ran out; `--no-probe` goes without",
        )


def scorer(device: str = "auto") -> Scorer:
    """Return what `zoo.probes.check` takes: it scores a card's probes with the model in a folder."""

    def score(folder: Path, stated: Stated) -> dict[str, Any]:
        return carry_out(stated.request(folder, device))

    return score


def trust(resources: Mapping[str, Any], note: Callable[[str], None]) -> Trust:
    """Return how far a planned stage that pulls goes: probes, and DRDOCTL_VERIFY_KEY's signature where it is set.

    `note` is told what was not checked.
    """
    from drdoctl.zoo.signing import verify_key
    from drdoctl.zoo.trust import Trust

    def say(text: str, checked: bool) -> None:
        if not checked:
            note(text)

    return Trust(scorer(str(resources["device"])), verify_key(None), say)
