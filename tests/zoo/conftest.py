from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.request import Request, urlopen

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import hub_server
import zoo_things

from drdoctl.stages import Want
from drdoctl.store.artifact import Store


@pytest.fixture
def hub(monkeypatch):
    """A loopback Hub that the client is pointed at, with a token in the environment."""
    with hub_server.serve() as running:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(
            constants, "HF_HUB_DISABLE_XET", False
        )  # as installed; the client's set-up has to see to it
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "")
        monkeypatch.delenv("HF_HUB_DISABLE_XET")
        monkeypatch.setattr("drdoctl.zoo.calls.PAUSE_SECONDS", 0.01)
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch.setenv("HF_TOKEN", running.token)
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield running


@pytest.fixture(scope="session")
def s3_server():
    """The address of a server on loopback that speaks the S3 API, with a bucket `zoo`."""
    pytest.importorskip("s3fs", reason="needs s3fs: pip install 'drdoctl[dev]'")
    moto = pytest.importorskip("moto.server", reason="needs moto: pip install 'drdoctl[dev]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with urlopen(Request(f"http://{host}:{port}/zoo", method="PUT")):
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch, tmp_path):
    """An empty zoo in a bucket, with credentials where the storage's own tools look for them."""
    settings = {"ENDPOINT_URL": s3_server, "ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "us-east-1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return f"s3://zoo/{tmp_path.name}"


@pytest.fixture(params=["folder", "memory", "hub", "s3"])
def location(request, tmp_path):
    """Each kind of zoo in turn, empty."""
    if request.param == "folder":
        return str(tmp_path / "zoo")
    if request.param == "memory":
        return f"memory://zoo-{tmp_path.name}"
    if request.param == "s3":
        return request.getfixturevalue("s3")
    request.getfixturevalue("hub")
    return "hub:org"


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    made = Store(tmp_path / "store")
    made.prepare()
    return made


@pytest.fixture
def other_store(tmp_path):
    """The store of somebody else."""
    return Store(tmp_path / "elsewhere")


@pytest.fixture
def oracle(store):
    """The name of a complete oracle artifact in `store`."""
    return zoo_things.make_artifact(store, "oracle")


@pytest.fixture
def folder_zoo(tmp_path):
    """A zoo in a folder whose files a test may edit: `card` and `blob` find them."""

    class FolderZoo:
        root = tmp_path / "hostile"
        location = str(root)

        def card(self, name):
            pointer = (self.root / name / "refs/main").read_text(encoding="ascii")
            return json.loads((self.root / name / f"revisions/{pointer}.json").read_text(encoding="utf-8"))

        def blob(self, sha256):
            return self.root / f"blobs/sha256/{sha256[:2]}/{sha256}"

    return FolderZoo()


@pytest.fixture
def keys(tmp_path):
    """Paths of two pairs of elliptic keys: `private`, `public`, `other_private`, `other_public`."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric import ec

    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    found = {}
    for before in ("", "other_"):
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        for name, data in ((f"{before}private", private), (f"{before}public", public)):
            found[name] = tmp_path / f"{name}.pem"
            found[name].write_bytes(data)
    return SimpleNamespace(**found)


@pytest.fixture
def student(store):
    """A student with its whole ancestry and an evaluation, in the store; the value is its name."""
    data = Want(
        "data",
        1,
        {"data.source": {"name": "ultrafeedback"}, "data.template": "auto"},
        externals={"data.source": "aa" * 32},
    )
    sft = Want(
        kind="sft",
        version=1,
        settings={"student.dtype": "fp32"},
        inputs={"data": data},
        externals={"student.model": "c" * 40},
        locations={"student.model": {"hub": "facebook/opt-1.3b", "revision": "c" * 40}},
    )
    align = Want("align", 1, {"method.alpha": 0.1}, {"data": data, "policy": sft}, label="drdo")
    measured = Want("evaluate", 1, {"evaluate": []}, {"policy": align}, label="drdo")
    zoo_things.commit(store, data, {"report.json": b"{}"})
    zoo_things.commit(store, sft, zoo_things.FILES)
    zoo_things.commit(store, align, zoo_things.FILES)
    figures = {"figures": zoo_things.FIGURES, "warnings": ["judge = teacher"], "student": "drdo"}
    zoo_things.commit(store, measured, {"figures.json": json.dumps(figures).encode()})
    return align.artifact
