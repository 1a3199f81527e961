"""What language models say of the responses: asked for all evals at once, one row an answer in `judgements.parquet`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from drdoctl.train.asking import ask_all
from drdoctl.train.rendering import has_template, renderer
from drdoctl.train.rewards import write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drdoctl.evals import Eval, EvalData
    from drdoctl.evals._questions import Question
    from drdoctl.stages import Job
    from drdoctl.train.chat import Reply
    from drdoctl.train.response_table import Prompts

FILE = "judgements.parquet"


def with_answers(job: Job, parts: Sequence[Eval], prompts: Prompts, data: EvalData) -> EvalData:
    """Return the data with the answers to all that the evals ask, and write them down; as it is where none asks.

    Raises NetworkError, UserError and StopRequested as `asking.ask_all` does.
    """
    if not any(part.asks() for part in parts):
        return data
    data = replace(data, prompts=dict(zip(prompts.ids, readable(job, prompts), strict=True)))
    asked = [(part, question) for part in parts for question in part.questions(data)]
    replies = ask_all(job, [question for _, question in asked])
    _write(job, [(question, part.verdict(question, replies[question.key].text)) for part, question in asked], replies)
    return replace(data, answers={key: reply.text for key, reply in replies.items()})


def readable(job: Job, prompts: Prompts) -> list[str]:
    """Return the prompts without a chat template's control tokens, which a judge's server might take for its own."""
    render = renderer(job, "student")
    if not has_template(render):
        return prompts.text
    found = render.tokenizer.batch_decode(prompts.student, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return [text.strip() for text in found]


def _write(job: Job, rows: Sequence[tuple[Question, str | None]], replies: dict[str, Reply]) -> None:
    """Write one row a question. Nothing in it tells which replies the store had already."""
    told = [replies[question.key] for question, _ in rows]
    columns = {
        "id": pa.array([question.prompt_id for question, _ in rows], type=pa.string()),
        "sampling": pa.array([question.sampling.label for question, _ in rows], type=pa.string()),
        "against": pa.array([question.against for question, _ in rows], type=pa.string()),
        "judge": pa.array([question.judge for question, _ in rows], type=pa.string()),
        "order": pa.array([question.order for question, _ in rows], type=pa.string()),
        "verdict": pa.array([verdict for _, verdict in rows], type=pa.string()),
        "answer": pa.array([reply.text for reply in told], type=pa.string()),
        "finish": pa.array([reply.finish for reply in told], type=pa.string()),
        "tokens_in": pa.array([reply.tokens_in for reply in told], type=pa.int32()),
        "tokens_out": pa.array([reply.tokens_out for reply in told], type=pa.int32()),
    }
    write_table(job.path(FILE), columns)
