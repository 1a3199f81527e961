"""An OpenAI-compatible server that knows no model: what it answers follows from the prompt and the seed alone.

Imported, it runs in a thread and misbehaves as a test asks; as a program it imitates `vllm serve`.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

END, FIRST, LAST = 1, 3, 39


def tokens_for(ids, seed, most):
    """Return the tokens of a made-up response: the end token is the last one where there was room for it."""
    state = (sum(ids) * 31 + seed * 17 + len(ids)) % 1009
    said = [FIRST + (state * (step + 3)) % (LAST - FIRST) for step in range(state % 7 + 1)]
    return [*said, END][:most]


def words_of(ids):
    """Return the text of token ids."""
    return " ".join(f"w{token}" for token in ids if token != END)


def ids_of(text):
    """Return the token ids of a text."""
    return [int(word[1:]) for word in text.split()]


class Fake(ThreadingHTTPServer):
    """The server's state: what it was asked, and how it is to misbehave."""

    daemon_threads = True

    def __init__(self, names, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.names, self.seen, self.keys, self.lock = names, [], [], threading.Lock()
        self.now = self.most = self.posts = 0
        self.refuses = ()
        """Kinds of prompts that it does not take: `vllm`, `ids`."""
        self.reads = len
        self.tells_ids = True
        self.judge = lambda _question: "Both will do.\nVerdict: tie"
        """Answers a question put as a chat: called with its text."""
        self.complete = None
        """Answers in place of the made-up model: called with the handler and the request."""
        self.before = lambda _handler, _number: False
        """Called with each completion's number; answers itself and returns True, or lets it be answered."""
        self.listing = lambda _handler, _number: False
        """The same for requests to list the models."""

    @property
    def url(self):
        """Return its URL, without `/v1`."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Keep quiet about clients that hang up."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Keep quiet."""

    def send(self, status, payload, **headers):
        """Send JSON, or bytes as they are."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        """List the models."""
        self.server.keys.append(self.headers.get("Authorization"))
        if self.server.listing(self, len(self.server.keys) - 1):
            return
        self.send(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.names]})

    def do_POST(self):
        """Complete a prompt."""
        server = self.server
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            number, server.posts = server.posts, server.posts + 1
            server.now += 1
            server.most = max(server.most, server.now)
        try:
            if not server.before(self, number):
                kind = Handler.chat if self.path.endswith("/chat/completions") else Handler.complete
                (server.complete or kind)(self, asked)
        finally:
            with server.lock:
                server.now -= 1

    def chat(self, asked):
        """Answer a question as a good server does."""
        server, question = self.server, asked["messages"][0]["content"]
        with server.lock:
            server.seen.append(("chat", asked))
        message = {"role": "assistant", "content": server.judge(question)}
        usage = {"prompt_tokens": len(question) // 4, "completion_tokens": 9}
        self.send(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})

    def complete(self, asked):
        """Answer as a good server does."""
        server, prompt = self.server, asked["prompt"]
        kind = "text" if isinstance(prompt, str) else "vllm" if "return_token_ids" in asked else "ids"
        if kind in server.refuses:
            self.send(400, {"error": {"message": f"no {kind} here", "code": 400}})
            return
        with server.lock:
            server.seen.append((kind, asked))
        ids = ids_of(prompt) if kind == "text" else prompt
        said = tokens_for(ids, asked["seed"], asked["max_tokens"])
        choice = {"index": 0, "text": words_of(said), "finish_reason": "stop" if said[-1] == END else "length"}
        if kind == "vllm" and server.tells_ids:
            choice["token_ids"] = said
        self.send(200, {"choices": [choice], "usage": {"prompt_tokens": server.reads(ids)}})


@contextmanager
def running(*names):
    """Run a server of models with these names in a thread."""
    server = Fake(names)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def main():
    """Imitate `vllm serve MODEL --served-model-name NAME --dtype TYPE --host HOST --port PORT`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dies", action="store_true")
    told = parser.parse_args()
    if told.dies:
        sys.exit("ValueError: this model has no weights")
    Fake([told.served_model_name], told.port).serve_forever()


if __name__ == "__main__":
    main()
