"""The server that samples: started for one stage and ended with it, or one that runs already."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from drdoctl.core.allocator import without_allocator
from drdoctl.core.commands import not_ready, program, words
from drdoctl.core.errors import StageFailed, UserError
from drdoctl.core.processor import without_blas
from drdoctl.train.guard import GRACE_SECONDS

if TYPE_CHECKING:
    from drdoctl.stages import Job

DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
TAIL_LINES, TAIL_BYTES = 20, 64 << 10
PATIENCE = 0.9
"""Share of `resources.timeout_minutes` that a server may take to start: later, the parent takes the stage for hung."""
CLOSE_SECONDS = 5.0
"""Beyond the guard's own grace."""


@dataclass(frozen=True)
class Served:
    """The model that a server must serve."""

    folder: Path
    """A Hugging Face causal LM folder."""
    names: tuple[str, ...]
    """What the server may call it, the best name first."""


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens."""

    url: str
    """Up to and with `/v1`."""
    key: str | None
    """Never shown."""
    check: Callable[[], None] = lambda: None
    """Raises StageFailed where a server that was started has ended."""
    start_seconds: float = 30.0
    """How long it may take until it answers at all."""
    log: Path | None = None
    """What a server that was started says of itself."""


def served_model(job: Job, location: Mapping[str, Any]) -> Served:
    """Return a folder of the model as a server loads it.

    Servers read whole models, and take a reward head's file for a part of the LM. So a folder with a head is served
    through links that leave it out; an adapter, rounded weights or a new model are written out whole first.
    Raises Refused where the folder does not hold what was planned.
    """
    for thing in location.get("outside", ()):
        thing.require()
    from drdoctl.train.models import HEAD_FILE  # with torch, which the rest of this does without

    if "hub" in location and location.get("quantize", "none") == "none":
        return _from_hub(location)
    folder = Path(location["path"]).absolute() if "path" in location else None
    name = folder.name if folder is not None else job.artifact
    beside = job.path("work", "served", name).absolute()
    if folder is None or not (folder / "config.json").exists() or location.get("quantize", "none") != "none":
        _write_out(job, location, beside)
        return Served(beside, (name, str(beside)))
    if not (folder / HEAD_FILE).exists():
        return Served(folder, (name, str(folder)))
    beside.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        link = beside / path.name
        if path.name != HEAD_FILE and not link.is_symlink():
            link.symlink_to(path)
    return Served(beside, (name, str(folder), str(beside)))


def _from_hub(location: Mapping[str, Any]) -> Served:
    from huggingface_hub import snapshot_download

    # a folder of the cache pins the commit, which not every server can be told
    ignored = ["*.h5", "*.msgpack", "*.onnx", "*.tflite", "original/*"]
    found = snapshot_download(location["hub"], revision=location.get("revision"), ignore_patterns=ignored)
    return Served(Path(found), (location["hub"], found))


def _write_out(job: Job, location: Mapping[str, Any], into: Path) -> None:
    from drdoctl.train.models import load_policy, save_policy
    from drdoctl.train.places import tokenizer_folder

    shutil.rmtree(into, ignore_errors=True)  # always anew: what an interrupted stage left may be half, or damaged
    policy = load_policy(dict(location))
    policy.head = None  # no server knows what to do with it
    save_policy(policy, into, tokenizer_folder(job, "student"))


def api_url(url: str) -> str:
    """Return a server's URL up to and with `/v1`, which may be left out."""
    bare = url.rstrip("/")
    return bare if urlsplit(bare).path else f"{bare}/v1"


@contextmanager
def endpoint(job: Job, served: Served) -> Iterator[Endpoint]:
    """Give the server's endpoint; one that is started here is ended on leaving, however that comes about.

    Raises UserError where the key, or the program to start, is not there.
    """
    settings = job.resources["server"]
    lacking = not_ready(settings)
    if lacking:
        raise UserError(lacking)
    key = os.environ[settings["key_env"]].strip() if settings["key_env"] else None
    if settings["url"] is not None:
        yield Endpoint(api_url(settings["url"]), key)
        return
    port = _free_port()
    line = command_line(settings["command"], served, job.settings["student.dtype"], port)
    log = job.path("work", "server.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = _start(line, out)
    try:
        limit = PATIENCE * 60 * float(job.resources["timeout_minutes"])
        yield Endpoint(f"http://127.0.0.1:{port}/v1", key, lambda: _still_runs(process, line, log), limit, log)
    except StageFailed:
        sys.stderr.write(f"the last lines of {log}:\n" + "".join(f"  {text}\n" for text in tail(log)))
        raise
    finally:
        _end(process)


def command_line(command: str, served: Served, dtype: str, port: int | str) -> list[str]:
    """Return the words that start a server of this model."""
    values = {"model": str(served.folder), "name": served.names[0], "dtype": DTYPES[dtype], "port": str(port)}
    return words(command, values)


def tail(log: Path) -> list[str]:
    """Return the last lines of the server's own log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]


def _start(line: list[str], out: IO[bytes]) -> subprocess.Popen[bytes]:
    # the stage's rank and port are not the server's: it would join our process group
    env = {name: value for name, value in without_blas(without_allocator(os.environ)).items() if name not in _OURS}
    return subprocess.Popen(  # noqa: S603  # the user's own program
        [sys.executable, "-m", "drdoctl.train.guard", program(line[0]) or line[0], *line[1:]],
        env=env,
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


_OURS = frozenset({"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_SIZE", "MASTER_ADDR", "MASTER_PORT"})


def _still_runs(process: subprocess.Popen[bytes], line: list[str], log: Path) -> None:
    code = process.poll()
    if code is None:
        return
    last = next((text for text in reversed(tail(log)) if text.strip()), "it said nothing")
    raise StageFailed(
        f"the server `{line[0]}` ended with exit code {code}: {last.strip()[:300]}",
        code="server-died",
        hint=f"its log is `{log}`; mend `resources.server.command`, or leave `sampler` out",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the guard's stdin, by which it ends the server, and wait: the accelerator's memory must be free again."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(GRACE_SECONDS + CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
