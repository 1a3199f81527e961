"""The parts of a spec that say where servers are: one that samples responses, one that judges them."""

from __future__ import annotations

from pydantic import Field

from drdoctl.core.commands import SERVE
from drdoctl.core.parts import Model

URL = r"^https?://[^\s/@]+(/[^\s@?#]*)?$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
PLACEHOLDERS = ("model", "name", "dtype", "port")
NEEDED = ("model", "port")


class Server(Model):
    """An OpenAI-compatible server that samples in place of drdoctl.

    One is started for each evaluation and ended with it, or one that runs already is asked.
    """

    command: str = Field(default=SERVE, min_length=1)
    """Starts the server. Filled in: `{model}` the model's folder, `{name}` the artifact's name, `{dtype}` `float32` or
    `bfloat16`, `{port}` a free port. It may name programs with their options, but no shell reads it."""
    url: str | None = Field(default=None, pattern=URL)
    """A server that runs already and serves the model under its artifact's name, in place of `command`:
    `http://HOST:PORT/v1`."""
    concurrency: int = Field(default=32, ge=1, le=1024)
    """Requests under way at once."""
    timeout_seconds: float = Field(default=120, gt=0)
    """How long one response may take, from the request to its last token; a later one is asked for again."""
    key_env: str | None = Field(default=None, pattern=VARIABLE)
    """The environment variable that holds the server's key, such as `OPENAI_API_KEY`; without it, no key is sent."""


class Price(Model):
    """What a judge's server charges, in any currency."""

    input: float = Field(ge=0, le=1e9)
    """For a million tokens of questions."""
    output: float = Field(ge=0, le=1e9)
    """For a million tokens of answers."""


class JudgeServer(Model):
    """The OpenAI-compatible server behind evals such as `llm-judge`. It gets prompts, references and responses."""

    url: str | None = Field(default=None, pattern=URL)
    """Where it is: `https://api.openai.com/v1`, or `http://HOST:PORT/v1` for one of your own. Nothing is sent unless a
    spec says where."""
    key_env: str | None = Field(default=None, pattern=VARIABLE)
    """The environment variable that holds the server's key, such as `OPENAI_API_KEY`; without it, no key is sent."""
    concurrency: int = Field(default=8, ge=1, le=1024)
    """Requests under way at once."""
    timeout_seconds: float = Field(default=120, gt=0)
    """How long one answer may take; a later one is asked for again."""
    retries: int = Field(default=6, ge=0, le=100)
    """How often a question is asked again after an error that may pass, with growing pauses, or those that the server
    asks for."""
    price_per_million_tokens: Price | None = None
    """`{input: 2.50, output: 10.00}`: the plan then gives the money too."""
