"""The user's own settings: `config.yaml`, for what holds on this machine whatever the spec. No result rests on them.

It lies at `$XDG_CONFIG_HOME/drdoctl/config.yaml` (`~/.config` where that is not set), or where DRDOCTL_CONFIG says; an
empty DRDOCTL_CONFIG means that there is none.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from drdoctl.core.errors import Fault, UserError
from drdoctl.core.files import expand
from drdoctl.core.parts import Model
from drdoctl.core.suggest import did_you_mean

if TYPE_CHECKING:
    from drdoctl.spec.marks import Marks

VARIABLE = "DRDOCTL_CONFIG"


class UserConfig(Model):
    """`config.yaml`. Each key is a default that the command line, a spec and the environment go before."""

    zoo: str | None = Field(default=None, min_length=1)
    """Where `zoo/NAME` lives: a folder (a relative one starts at the file's own), a URL, or `hub:ORG`."""


@dataclass(frozen=True)
class Configured:
    """The settings, and where they are written."""

    values: UserConfig
    path: Path | None = None
    """The file; None where there is none."""
    marks: Marks | None = None

    def origin(self, key: str) -> str:
        """Return where a key is set: `FILE:LINE`."""
        line = self.marks.where((key,)).line if self.marks is not None else None
        return f"{self.path}:{line}"


def config_path() -> Path | None:
    """Return the file's path, or None where there is none. Raises UserError where DRDOCTL_CONFIG names no file."""
    named = os.environ.get(VARIABLE)
    if named is not None:
        path = expand(named)
        if named and not path.is_file():
            hint = f"mend the variable, or go without such a file: `export {VARIABLE}=`"
            raise UserError(f"{VARIABLE} is `{named}`, and that is no file", code="no-file", hint=hint)
        return path if named else None
    home = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(home) if Path(home).is_absolute() else expand("~/.config")  # as the XDG specification has it
    path = folder / "drdoctl" / "config.yaml"
    return path if path.is_file() else None


def user_config() -> Configured:
    """Return the user's settings; defaults where there is no file. Raises UserError with all faults of the file."""
    path = config_path()
    if path is None:
        return Configured(UserConfig())
    from drdoctl.spec.source import read

    data, marks, _ = read(path)
    if data is not None and not isinstance(data, dict):
        raise UserError(
            f"`{path}` holds no settings", code="wrong-type", where=marks.where(()), hint="write lines of `key: value`"
        )
    try:
        return Configured(UserConfig.model_validate(data or {}), path, marks)
    except ValidationError as error:
        raise UserError([_fault(item, marks) for item in error.errors(include_url=False)]) from None


def _fault(item: Any, marks: Marks) -> Fault:
    key = str(item["loc"][0])
    known = ", ".join(f"`{name}`" for name in UserConfig.model_fields)
    if item["type"] == "extra_forbidden":
        hint = did_you_mean(key, UserConfig.model_fields) or f"the settings are: {known}"
        return Fault("unknown-field", f"`{key}` is not a setting of this file", marks.where((key,), key=True), hint)
    return Fault("wrong-value", f"`{key}`: {item['msg'].lower()}", marks.where((key,)), f"the settings are: {known}")
