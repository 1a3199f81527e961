"""A Hub over TLS that sends its callers on to plain http: no token goes there."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from threading import Thread

import hub_server
import pytest

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs `openssl` to make a certificate")
PULL = """\
import sys
from pathlib import Path
from drdoctl.cli import run
import drdoctl.zoo.calls as calls
calls.PAUSE_SECONDS = 0.01
sys.exit(run(["pull", "zoo/thing", "--zoo", "hub:org", "--store", sys.argv[1], "-v"]))
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return a certificate and its key, for this machine, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return made, key


@contextmanager
def over_tls(certificate, answer):
    """Run a server that gives each request to `answer`, over TLS; yield its address and what it was asked."""
    asked = []

    class Handler(hub_server.BaseHTTPRequestHandler):
        def log_message(self, *args):
            """Say nothing."""

        def do_GET(self):  # noqa: N802
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_response(307)
            self.send_header("Location", answer(self.path))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_no_token_follows_a_redirect_to_plain_http(certificate, hub, tmp_path):
    """The token is shown to the https endpoint alone; the http address gets none, and the pull ends with 4."""
    with over_tls(certificate, lambda path: hub.endpoint + path) as (address, asked):
        env = {**os.environ, "HF_ENDPOINT": address, "HF_TOKEN": hub.token, "SSL_CERT_FILE": str(certificate[0])}
        env |= {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"}
        done = subprocess.run(
            [sys.executable, "-c", PULL, str(tmp_path / "store")], env=env, capture_output=True, text=True, check=False
        )
    assert done.returncode == 4, done.stderr
    assert f"Bearer {hub.token}" in {sent for _, sent in asked}
    assert hub.log
    assert [path for _, _, path, sent in hub.log if sent] == []
    assert hub.token not in done.stdout + done.stderr
