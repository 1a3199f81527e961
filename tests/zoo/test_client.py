"""Which endpoint is talked to, and with whose token."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.zoo.client import endpoint, token


def test_the_logins_token_stays_with_its_hub(monkeypatch):
    """The token of `hf auth login` belongs to the Hub it was made for and is not sent to another endpoint."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_from_login")
    assert token("https://huggingface.co") == "hf_from_login"
    assert token("https://hub.example.org") is False


@pytest.mark.parametrize("address", ["http://hub.example.org", "http://127.0.0.1.evil.org", "ftp://hub", "hub"])
def test_plain_http_is_for_this_machine(monkeypatch, address):
    """An endpoint that is neither https nor this machine is refused before any request."""
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(UserError, match="in the clear"):
        endpoint()
