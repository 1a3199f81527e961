"""The shape of `resources.server`: URLs and names of variables that are none are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drdoctl.core.commands import SERVE
from drdoctl.spec.serving import Server


def test_left_out_it_is_vllm():
    """Without any setting, vLLM is started, and no key is sent anywhere."""
    server = Server()
    assert (server.command, server.url, server.key_env) == (SERVE, None, None)


@pytest.mark.parametrize(
    "url", ["gpu:8000", "ftp://h", "http://", "http://h/v1?key=a", "http://me:pass@h/v1", "http://a b"]
)
def test_no_url(url):
    """A server's URL is http or https, and holds neither password nor query."""
    with pytest.raises(ValidationError):
        Server(url=url)


@pytest.mark.parametrize("name", ["sk-proj-123", "A KEY", "1KEY", ""])
def test_no_variable(name):
    """A key itself is no name of a variable."""
    with pytest.raises(ValidationError):
        Server(key_env=name)
