"""A Hub on loopback, of the standard library, for the unmodified `huggingface_hub` client.

It keeps repositories in memory and speaks the routes that the client uses: create, info, tree, paths-info, refs,
preupload, LFS batch, commit, branch, tag, resolve. The API is on 127.0.0.1 and file contents on `localhost`,
two host names, so that a test can see which of them a token reaches. `hub.fault` breaks things.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = 512
"""Files from this size on go through LFS, so that small tests see both ways."""


@dataclass
class Repo:
    """One repository: commits are whole trees, path -> sha256 of the content."""

    private: bool
    commits: dict[str, dict[str, str]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=lambda: {"main": ""})
    history: list[str] = field(default_factory=list)
    """Every commit that `main` has pointed to, the oldest first."""

    @property
    def head(self) -> str:
        """The commit of `main`."""
        return self.branches["main"]

    def commit(self, tree: dict[str, str], branch: str = "main") -> str:
        """Add a commit and move a branch to it."""
        text = json.dumps([self.branches[branch], branch, tree], sort_keys=True)
        made = self.branches[branch] = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.commits[made] = dict(tree)
        if branch == "main":
            self.history.append(made)
        return made

    def find(self, revision: str) -> str | None:
        """Return the commit that a revision means."""
        known = {"HEAD": self.head, **self.tags, **self.branches}
        return known.get(revision) or (revision if revision in self.commits else None)


@dataclass
class Hub:
    """The server's state and what happened to it."""

    repos: dict[str, Repo] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    log: list[tuple[str, str, str, bool]] = field(default_factory=list)
    """Method, host name, path, whether a token came along."""
    fault: Callable[[str, str], str | None] = lambda method, path: None
    """Asked before each answer: None, or one of `429 …`, `503`, `cut`, `lose`, `hang`, `drip`, `slow`, `tamper`, and
    `kill PID`: what was asked for is done, and that process killed in place of an answer."""
    ignore_visibility: bool = False
    token: str = "hf_" + "canary" * 5
    endpoint: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, data: bytes) -> str:
        """Store content, return its sha256."""
        oid = hashlib.sha256(data).hexdigest()
        self.blobs[oid] = data
        return oid

    def count(self, method: str, part: str) -> int:
        """Return how often a method was called on paths that contain `part`."""
        return sum(1 for seen, _, path, _ in self.log if seen == method and part in path)


def faults(*plan: tuple[str, str, str], times: int = 1) -> Callable[[str, str], str | None]:
    """Return a fault hook: (method, part of the path, fault), each at most `times`."""
    left = [[*entry, times] for entry in plan]

    def hook(method: str, path: str) -> str | None:
        for entry in left:
            if entry[0] == method and str(entry[1]) in path and int(entry[3]) > 0:
                entry[3] = int(entry[3]) - 1
                return str(entry[2])
        return None

    return hook


class Handler(BaseHTTPRequestHandler):
    """One request. Routes are a table of method, pattern, function."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub: Hub

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        """Do not mind a client that has gone."""
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def _go(self) -> None:
        path = unquote(urlsplit(self.path).path)
        host = self.headers.get("Host", "").split(":")[0]
        sent = self.headers.get("Authorization")
        self.hub.log.append((self.command, host, path, sent is not None))
        length = int(self.headers.get("Content-Length") or 0)
        body = self._chunked() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        self.broken = self.hub.fault(self.command, path)
        if self.broken and self._break_before():
            return
        if path.startswith("/api/repos") and sent != f"Bearer {self.hub.token}":
            self.answer(401, {"error": "who are you"})
            return
        for method, pattern, function in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == ("GET" if self.command == "HEAD" else self.command):
                with self.hub.lock:
                    function(self, body, **match.groupdict())
                return
        self.answer(404, {"error": f"no route {self.command} {path}"})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _go  # noqa: N815

    def _chunked(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _break_before(self) -> bool:
        kind, _, detail = str(self.broken).partition(" ")
        if kind in ("429", "500", "503"):
            self.answer(int(kind), {"error": "busy"}, **({"Retry-After": detail} if detail else {}))
        elif kind == "cut":
            self.close_connection = True
            self.connection.shutdown(2)
        elif kind == "hang":
            time.sleep(float(detail or 5))
            self.close_connection = True
        else:
            return False
        return True

    def answer(self, status: int, value: object = None, *, data: bytes | None = None, **headers: str) -> None:
        """Send JSON or bytes, or what a fault makes of it."""
        body = data if data is not None else json.dumps(value).encode()
        if self.broken and self.broken.startswith("kill "):
            os.kill(int(self.broken.removeprefix("kill ")), signal.SIGKILL)
        if self.broken == "lose" or (self.broken and self.broken.startswith("kill ")):
            self.close_connection = True
            self.connection.shutdown(2)
            return
        if self.broken == "tamper":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.broken in ("drip", "slow"):
            self._trickle(body, 1 if self.broken == "drip" else 50)
            return
        self.wfile.write(body)

    def _trickle(self, body: bytes, piece: int) -> None:
        """Send 20 pieces a second: of 50 bytes, that is 1 kB a second."""
        for start in range(0, len(body), piece):
            self.wfile.write(body[start : start + piece])
            self.wfile.flush()
            time.sleep(0.05)

    def missing(self, code: str) -> None:
        """Send a 404 that the client knows."""
        self.answer(404, {"error": code}, X_Error_Code=code)

    def repo(self, name: str) -> Repo | None:
        """Return a repository that this caller may see."""
        found = self.hub.repos.get(name)
        hidden = found is not None and found.private and self.headers.get("Authorization") != f"Bearer {self.hub.token}"
        if found is None or hidden:
            self.missing("RepoNotFound")
            return None
        return found

    # routes

    def whoami(self, body: bytes) -> None:
        """GET /api/whoami-v2."""
        self.answer(200, {"name": "tester", "type": "user", "orgs": [{"name": "org"}]})

    def create(self, body: bytes) -> None:
        """POST /api/repos/create."""
        wish = json.loads(body)
        name = f"{wish.get('organization') or 'tester'}/{wish['name']}"
        if name in self.hub.repos:
            self.answer(409, {"error": "exists", "url": f"{self.hub.endpoint}/{name}"})
            return
        private = wish.get("visibility") == "private" or bool(wish.get("private"))
        repo = Repo(private=private and not self.hub.ignore_visibility)
        repo.commit({".gitattributes": self.hub.put(b"* text\n")})
        self.hub.repos[name] = repo
        self.answer(200, {"url": f"{self.hub.endpoint}/{name}", "name": name})

    def validate(self, body: bytes) -> None:
        """POST /api/validate-yaml."""
        self.answer(200, {"errors": [], "warnings": []})

    def models(self, body: bytes) -> None:
        """GET /api/models, of one author."""
        author = parse_qs(urlsplit(self.path).query).get("author", [""])[0]
        self.answer(200, [self.facts(name) for name in self.hub.repos if name.startswith(f"{author}/")])

    def facts(self, name: str, sha: str | None = None) -> dict[str, object]:
        """Return what `model_info` shows."""
        repo = self.hub.repos[name]
        tree = repo.commits[sha or repo.head]
        return {
            "_id": name,
            "id": name,
            "modelId": name,
            "sha": sha or repo.head,
            "private": repo.private,
            "tags": ["drdoctl"],
            "siblings": [{"rfilename": path} for path in tree],
        }

    def info(self, body: bytes, name: str, revision: str = "main") -> None:
        """GET /api/models/ORG/NAME[/revision/REV]."""
        if repo := self.repo(name):
            found = repo.find(revision)
            if found is None:
                self.missing("RevisionNotFound")
            else:
                self.answer(200, self.facts(name, found))

    def refs(self, body: bytes, name: str) -> None:
        """GET /api/models/ORG/NAME/refs."""
        if repo := self.repo(name):
            tags = [{"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": sha} for tag, sha in repo.tags.items()]
            branches = [
                {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": sha}
                for branch, sha in repo.branches.items()
            ]
            self.answer(200, {"branches": branches, "tags": tags, "converts": [], "pullRequests": []})

    def tree(self, body: bytes, name: str, revision: str) -> None:
        """GET /api/models/ORG/NAME/tree/REV."""
        if (repo := self.repo(name)) and (files := self.files(repo, revision)) is not None:
            self.answer(200, [self.entry(path, oid) for path, oid in files.items()])

    def files(self, repo: Repo, revision: str) -> dict[str, str] | None:
        """Return a revision's tree, or answer that there is none."""
        found = repo.find(revision)
        if found is None:
            self.missing("RevisionNotFound")
            return None
        return repo.commits[found]

    def paths(self, body: bytes, name: str, revision: str) -> None:
        """POST /api/models/ORG/NAME/paths-info/REV, a form."""
        if (repo := self.repo(name)) and (files := self.files(repo, revision)) is not None:
            asked = parse_qs(body.decode())["paths"]
            self.answer(200, [self.entry(path, files[path]) for path in asked if path in files])

    def entry(self, path: str, oid: str) -> dict[str, object]:
        """Return a file's line in a tree."""
        data = self.hub.blobs[oid]
        found: dict[str, object] = {"type": "file", "path": path, "size": len(data), "oid": git_oid(data)}
        if len(data) >= LARGE:
            found["lfs"] = {"oid": oid, "size": len(data), "pointerSize": 130}
        return found

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        """POST /api/models/ORG/NAME/preupload/REV."""
        if (repo := self.repo(name)) and (tree := self.files(repo, revision)) is not None:
            answer = []
            for item in json.loads(body)["files"]:
                line = {"path": item["path"], "uploadMode": "lfs" if item["size"] >= LARGE else "regular"}
                if item["path"] in tree:
                    line["oid"] = str(self.entry(item["path"], tree[item["path"]])["oid"])
                answer.append({**line, "shouldIgnore": False})
            self.answer(200, {"files": answer})

    def batch(self, body: bytes, name: str) -> None:
        """POST /ORG/NAME.git/info/lfs/objects/batch."""
        objects = []
        for item in json.loads(body)["objects"]:
            line = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in self.hub.blobs:
                line["actions"] = {"upload": {"href": f"{cdn(self.hub)}/upload/{item['oid']}"}}
            objects.append(line)
        self.answer(200, {"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, oid: str) -> None:
        """PUT contents."""
        if hashlib.sha256(body).hexdigest() != oid:
            self.answer(400, {"error": "hash"})
            return
        self.hub.put(body)
        self.answer(200, {})

    def commit(self, body: bytes, name: str, revision: str) -> None:
        """POST /api/models/ORG/NAME/commit/REV: all lines or none."""
        if not (repo := self.repo(name)):
            return
        head = repo.branches.get(revision)
        if head is None:
            self.missing("RevisionNotFound")
            return
        tree = dict(repo.commits[head])
        for line in map(json.loads, body.decode().splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit") not in (None, head):
                self.answer(412, {"error": "moved"})
                return
            if line["key"] == "file":
                tree[value["path"]] = self.hub.put(base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile" and value["oid"] not in self.hub.blobs:
                self.answer(400, {"error": f"{value['path']} was not uploaded"})
                return
            elif line["key"] == "lfsFile":
                tree[value["path"]] = value["oid"]
            elif line["key"] == "deletedFile":
                tree.pop(value["path"], None)
        oid = repo.commit(tree, revision)
        self.answer(
            200, {"commitOid": oid, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{oid}", "pullRequestUrl": None}
        )

    def tag(self, body: bytes, name: str, revision: str) -> None:
        """POST /api/models/ORG/NAME/tag/REV."""
        if repo := self.repo(name):
            tag = json.loads(body)["tag"]
            if tag in repo.tags:
                self.answer(409, {"error": "tag exists"})
                return
            found = repo.find(revision)
            if found is None:
                self.missing("RevisionNotFound")
                return
            repo.tags[tag] = found
            self.answer(200, {})

    def branch(self, body: bytes, name: str, revision: str) -> None:
        """POST and DELETE /api/models/ORG/NAME/branch/NAME."""
        if not (repo := self.repo(name)):
            return
        there = revision in repo.branches
        if self.command == "DELETE" and there:
            del repo.branches[revision]
            self.answer(200, {})
        elif self.command == "DELETE":
            self.missing("RevisionNotFound")
        elif there:
            self.answer(409, {"error": "branch exists"})
        else:
            start = repo.find(json.loads(body).get("startingPoint", "main"))
            if start is None:
                self.missing("RevisionNotFound")
                return
            repo.branches[revision] = start
            self.answer(200, {})

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> None:
        """GET /ORG/NAME/resolve/REV/PATH: small files here, large ones by redirect to the other host name."""
        if not (repo := self.repo(name)):
            return
        commit = repo.find(revision) or ""
        oid = repo.commits.get(commit, {}).get(path)
        if oid is None:
            self.missing("EntryNotFound")
            return
        data = self.hub.blobs[oid]
        if len(data) < LARGE:
            self.answer(200, data=data, X_Repo_Commit=commit, ETag=f'"{git_oid(data)}"')
            return
        size = str(len(data))
        where = f"{cdn(self.hub)}/cdn/{oid}"
        self.answer(302, data=b"", X_Repo_Commit=commit, X_Linked_Etag=f'"{oid}"', X_Linked_Size=size, Location=where)

    def contents(self, body: bytes, oid: str) -> None:
        """GET contents, with Range."""
        data = self.hub.blobs[oid]
        start = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start and int(start[1]):
            begin = int(start[1])
            span = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            self.answer(206, data=data[begin:], ETag=f'"{oid}"', Content_Range=span)
        else:
            self.answer(200, data=data, ETag=f'"{oid}"')


NAME = r"(?P<name>[^/]+/[^/]+)"
REV = r"(?P<revision>[^/]+)"
ROUTES = [
    ("GET", r"/api/whoami-v2", Handler.whoami),
    ("POST", r"/api/repos/create", Handler.create),
    ("POST", r"/api/validate-yaml", Handler.validate),
    ("GET", r"/api/models", Handler.models),
    ("GET", rf"/api/models/{NAME}", Handler.info),
    ("GET", rf"/api/models/{NAME}/revision/{REV}", Handler.info),
    ("GET", rf"/api/models/{NAME}/refs", Handler.refs),
    ("GET", rf"/api/models/{NAME}/tree/{REV}", Handler.tree),
    ("POST", rf"/api/models/{NAME}/preupload/{REV}", Handler.preupload),
    ("POST", rf"/api/models/{NAME}/commit/{REV}", Handler.commit),
    ("POST", rf"/api/models/{NAME}/paths-info/{REV}", Handler.paths),
    ("POST", rf"/api/models/{NAME}/tag/{REV}", Handler.tag),
    ("POST", rf"/api/models/{NAME}/branch/{REV}", Handler.branch),
    ("DELETE", rf"/api/models/{NAME}/branch/{REV}", Handler.branch),
    ("POST", rf"/{NAME}\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT", r"/upload/(?P<oid>[0-9a-f]{64})", Handler.upload),
    ("GET", r"/cdn/(?P<oid>[0-9a-f]{64})", Handler.contents),
    ("GET", rf"/{NAME}/resolve/{REV}/(?P<path>.+)", Handler.resolve),
]


def git_oid(data: bytes) -> str:
    """Return git's name for content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def cdn(hub: Hub) -> str:
    """Return the address of the contents: the same server by its other name."""
    return hub.endpoint.replace("127.0.0.1", "localhost")


@contextlib.contextmanager
def serve():
    """Run a hub on a free port and yield its state."""
    hub = Hub()
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
