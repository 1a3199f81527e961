"""Which endpoint is talked to, and with whose token."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.zoo.client import client, endpoint, token
from drdoctl.zoo.push import pack, push


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


def test_large_files_without_xet(hub, store, oracle):
    """With hf_xet installed and its library loaded long before, a Hub that does not speak Xet gets files by LFS."""
    push(pack(store, oracle, "thing"), "hub:org")
    assert hub.count("PUT", "/upload/") > 0
    assert hub.count("GET", "xet") == 0


def test_xet_where_the_user_says_so(hub, monkeypatch):
    """HF_HUB_DISABLE_XET=0 is the user's word for a Hub that speaks it."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_DISABLE_XET", "0")
    client(hub.endpoint)
    assert constants.HF_HUB_DISABLE_XET is False
