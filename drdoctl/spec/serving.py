"""The part of a spec that says where a server samples responses."""

from __future__ import annotations

from pydantic import Field

from drdoctl.core.commands import SERVE
from drdoctl.core.parts import Model

PLACEHOLDERS = ("model", "name", "dtype", "port")
NEEDED = ("model", "port")


class Server(Model):
    """An OpenAI-compatible server that samples in place of drdoctl.

    One is started for each evaluation and ended with it, or one that runs already is asked.
    """

    command: str = Field(default=SERVE, min_length=1)
    """Starts the server. Filled in: `{model}` the model's folder, `{name}` the artifact's name, `{dtype}` `float32` or
    `bfloat16`, `{port}` a free port. It may name programs with their options, but no shell reads it."""
    url: str | None = Field(default=None, pattern=r"^https?://[^\s/@]+(/[^\s@?#]*)?$")
    """A server that runs already and serves the model under its artifact's name, in place of `command`:
    `http://HOST:PORT/v1`."""
    concurrency: int = Field(default=32, ge=1, le=1024)
    """Requests under way at once."""
    timeout_seconds: float = Field(default=120, gt=0)
    """How long one response may take, from the request to its last token; a later one is asked for again."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The environment variable that holds the server's key, such as `OPENAI_API_KEY`; without it, no key is sent."""
