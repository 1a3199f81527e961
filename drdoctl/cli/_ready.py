"""Before an apply: what a stage hours from now will want, a server, a library, a key or the network, is there now."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from drdoctl.core.errors import Fault, UserError, ZooError

if TYPE_CHECKING:
    from drdoctl.plan.types import Plan
    from drdoctl.spec.model import Spec
    from drdoctl.stages import Want


def require_tools(plan: Plan, spec: Spec, *, offline: bool) -> None:
    """Raise UserError where a stage that will run lacks what it needs, ZooError where `offline` keeps it from a zoo."""
    from drdoctl.core.adapters import without_nf4
    from drdoctl.core.commands import lacks_key, not_ready

    ahead = [stage.want for stage in plan.stages if stage.action != "reuse"]
    faults = not_ready(spec.resources.server.model_dump()) if any("sampler" in w.settings for w in ahead) else []
    if any("judge" in stage.estimate.as_dict() for stage in plan.stages if stage.action != "reuse"):
        faults += lacks_key("resources.judge", spec.resources.judge.model_dump())
    faults += without_nf4(want.settings for want in ahead)
    published = [want for want in ahead if want.kind == "publish"]
    for want in published[:1]:  # they all go to one zoo, signed with one key
        faults += _unsigned(want.locations.get("sign_key"))
    if faults:
        raise UserError(faults)
    if offline and published:
        _require_reach(published)


def _unsigned(key: str | None) -> list[Fault]:
    """Return why a publish stage could not sign with a key, if it has one."""
    if key is None:
        return []
    if not Path(key).is_file():
        return [Fault("no-key", f"`publish.sign_key`: there is no file `{key}`", None, "give a private key's path")]
    if importlib.util.find_spec("model_signing") is None:
        missing = "`publish.sign_key` needs the package `model-signing`"
        return [Fault("no-signing", missing, None, "pip install 'drdoctl[sign]', or leave `sign_key` out")]
    return []


def _require_reach(published: list[Want]) -> None:
    """Raise ZooError where publish stages cannot reach their zoo without the network."""
    from drdoctl.zoo.location import needs_network

    location = str(published[0].locations["zoo"])
    if needs_network(location):
        stages = f"`{published[0].id}`" if len(published) == 1 else f"{len(published)} publish stages"
        raise ZooError(
            f"{stages} would need the network for the zoo `{location}`, and `--offline` forbids it",
            code="offline",
            hint="leave `--offline` out, or publish to a folder: `--set zoo=DIR`",
        )
