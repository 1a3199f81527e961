"""The Hub's client: which endpoint it talks to, with which token, and how it is set up."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from drdoctl.core.errors import UserError

DEFAULT_ENDPOINT = "https://huggingface.co"
NO_XET = "HF_HUB_DISABLE_XET"
TRUE = ("1", "ON", "YES", "TRUE")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def endpoint() -> str:
    """Return HF_ENDPOINT, or the Hub's own. Raises UserError where a token would travel in the clear."""
    found = os.environ.get("HF_ENDPOINT", DEFAULT_ENDPOINT).rstrip("/")
    parts = urlsplit(found)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise UserError(
            f"HF_ENDPOINT is `{parts.scheme}://{parts.hostname}`: a token would travel in the clear",
            code="plain-http",
            hint="use an https:// endpoint; http:// is for this machine only",
        )
    return found


def token(endpoint: str) -> str | bool:
    """Return HF_TOKEN, or the token of `hf auth login` where `endpoint` is the Hub it was made for; else False."""
    if given := os.environ.get("HF_TOKEN"):
        return given
    if endpoint != DEFAULT_ENDPOINT:
        return False
    from huggingface_hub import get_token

    return get_token() or False


def client(endpoint: str) -> Any:
    """Return an `HfApi`. The library reads its settings when it is imported, so they are made first.

    Only the Hub itself is known to speak Xet, and an upload has no way back from it: elsewhere large files go by LFS,
    which every Hub speaks, unless HF_HUB_DISABLE_XET says `0`.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if endpoint != DEFAULT_ENDPOINT:
        os.environ.setdefault(NO_XET, "1")
    from huggingface_hub import HfApi, constants
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if os.environ.get(NO_XET, "").upper() in TRUE:
        constants.HF_HUB_DISABLE_XET = True  # another library may have imported it earlier
    if os.environ.get("HF_HUB_DISABLE_PROGRESS_BARS") is None:
        disable_progress_bars()  # what is said about a transfer is said by the command line
    return HfApi(endpoint=endpoint, token=token(endpoint), library_name="drdoctl")
