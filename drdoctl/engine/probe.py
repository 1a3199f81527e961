"""Start the child that scores a card's probes: torch, and whatever the model does, stay out of this process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.errors import Fault, StageFailed, Where, error_class
from drdoctl.core.files import read_json, write_json
from drdoctl.engine.launch import environment, log_tail

if TYPE_CHECKING:
    from drdoctl.zoo.probes import Scorer, Stated
    from drdoctl.zoo.trust import Trust

MODULE = "drdoctl.train.probe"


def carry_out(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `train.probe.run` makes of a request, in a child of this process. Raises what it raises.

    Raises StageFailed where the child dies, as it does where memory runs out.
    """
    with tempfile.TemporaryDirectory(prefix="drdoctl-probe-") as folder:
        write_json(Path(folder, "request.json"), request)
        log = Path(folder, "log.txt")
        with log.open("wb") as sink:
            child = subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-m", MODULE, str(Path(folder, "request.json"))],
                env=environment("probe", {"processes": 1, "threads": None, "device": request["device"]}, offline=True),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        try:
            child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        result = read_json(Path(folder, "result.json"))
        if not isinstance(result, dict) or not result.keys() & {"summary", "faults"}:
            tail = log_tail(log, 1)
            said = tail[0] if tail else "no message"
            raise StageFailed(
                f"the process that scores the probes ended with {child.returncode}: {said}",
                code="probe",
                hint="signal 9 means that memory ran out; `--no-probe` goes without",
            )
        if "faults" in result:
            raise error_class(child.returncode)([_fault(plain) for plain in result["faults"]])
        return dict(result["summary"])


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


def _fault(plain: Mapping[str, Any]) -> Fault:
    where = Where(plain["file"], plain["line"]) if plain["file"] else None
    return Fault(plain["code"], plain["message"], where, plain["hint"])
