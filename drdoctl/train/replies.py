"""Judges' replies, kept in the store by what was asked: the same question is paid for once.

One file a reply, `cache/replies/ab/abcd….json`, whole or absent; so any number of processes may read and write. Its
name is the hash of model, messages and parameters: which server answered plays no part. It holds its own hash, by which
a flipped bit is seen; replies from before there were hashes count as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.files import read_json, write_atomic
from drdoctl.core.fingerprint import digest
from drdoctl.train.chat import Reply

if TYPE_CHECKING:
    from drdoctl.evals._questions import Question
    from drdoctl.stages import Job


class Replies:
    """All replies that a store has."""

    def __init__(self, folder: Path) -> None:
        """`folder`: need not be there."""
        self.folder = folder
        self.damaged = 0
        """How many files were there and could not be used."""

    def get(self, question: Question) -> Reply | None:
        """Return the reply to a question, or None. A file that is damaged, or of another question, counts as none."""
        found = read_json(self._file(question))
        reply = _reply(found, question)
        self.damaged += reply is None and self._file(question).exists()
        return reply

    def put(self, question: Question, reply: Reply) -> None:
        """Keep a reply, with the question beside it for people to read."""
        kept: dict[str, Any] = {"request": question.request, "reply": asdict(reply)}
        kept["sha256"] = digest(kept)
        write_atomic(self._file(question), json.dumps(kept, ensure_ascii=False, indent=1) + "\n")

    def _file(self, question: Question) -> Path:
        return self.folder / question.key[:2] / f"{question.key}.json"


def _reply(found: Any, question: Question) -> Reply | None:
    if not isinstance(found, Mapping) or found.get("request") != question.request:
        return None
    body = {key: value for key, value in found.items() if key != "sha256"}
    try:
        if "sha256" in found and found["sha256"] != digest(body):
            return None
        reply = Reply(**body["reply"])
    except (KeyError, TypeError, ValueError):
        return None
    return reply if isinstance(reply.text, str) and isinstance(reply.finish, str) else None


def replies(job: Job) -> Replies:
    """Return the replies of the store that the stage works in."""
    return Replies(Path(job.out).absolute().parents[1] / "cache" / "replies")
