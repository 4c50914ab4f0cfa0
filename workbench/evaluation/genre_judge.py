"""Categories by a judge: a model is shown each question with the list of categories and names one.

Every finished call is on disk before it counts; called again with the same questions, categories and model, it
asks only what is still open.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workbench.artifacts import JsonlWriter, read_jsonl
from workbench.errors import InputError
from workbench.evaluation.pairing import Key, key_of
from workbench.inference import ChatClient, complete_all
from workbench.paths import assets_dir
from workbench.schemas.chat import ChatMessage
from workbench.schemas.evaluation import ScoredAnswer
from workbench.schemas.inference import ChatReply, ChatRequest, Sampling

MOST_QUESTIONS = 2_000
MOST_GENRES = 50
_QUESTION_CHARS = 2_000
_SAMPLING = Sampling(max_tokens=512)
_NUMBER = re.compile(r"\[\[\s*(\d{1,3})\s*\]\]")
PROMPT = "prompts/genre_judge_ja.txt"


@dataclass(frozen=True)
class GenreJudgement:
    """What came of it."""

    genres: dict[Key, str]
    """Empty where the judge said "none of these"."""
    failed: int
    """Questions without a usable reply; they are in no category."""


async def classify_genres(
    answers: Sequence[ScoredAnswer],
    names: Sequence[str],
    client: ChatClient,
    journal: Path,
    *,
    in_flight: int = 8,
    should_stop: Callable[[], bool] = lambda: False,
) -> GenreJudgement:
    """Ask a model for the category of each question. The client is left open.

    Args:
        answers: Their questions are classified; what was answered is not shown.
        names: Of the categories.
        client: Whom to ask.
        journal: File of finished calls, in a folder that exists.
        in_flight: Requests at the same time.
        should_stop: Asked several times a second; what is classified by then is kept.

    Raises:
        InputError: `genre_too_many`.
        EndpointError: The endpoint cannot be used.
    """
    if not 1 <= len(names) <= MOST_GENRES or len(answers) > MOST_QUESTIONS:
        raise InputError("genre_too_many", genres=MOST_GENRES, questions=MOST_QUESTIONS)
    requests = {key_of(answer): build_request(answer, names) for answer in answers}
    digests = {key: _digest(request) for key, request in requests.items()}
    said = _read_journal(journal)
    # the same question asked twice is put once
    still_open = {
        digest: requests[key]
        for key, digest in digests.items()
        if read_choice(said.get(digest, ""), names) is None
    }
    with JsonlWriter(journal) as writer:

        def take(digest: str, reply: ChatReply) -> None:
            text = reply.text if reply.state == "ok" else ""
            writer.append({"key": digest, "text": text, "state": reply.state})
            said[digest] = text

        await complete_all(
            client, list(still_open.items()), in_flight=in_flight, on_reply=take, should_stop=should_stop
        )
    choices = {key: read_choice(said.get(digest, ""), names) for key, digest in digests.items()}
    found = {key: choice for key, choice in choices.items() if choice is not None}
    return GenreJudgement(found, len(choices) - len(found))


def build_request(answer: ScoredAnswer, names: Sequence[str]) -> ChatRequest:
    """The question with the numbered categories."""
    listed = "\n".join(f"{number}. {name}" for number, name in enumerate(names, start=1))
    # the question must not be able to close its own frame
    question = answer.question[:_QUESTION_CHARS].replace("</question", "< /question")
    text = _read_prompt().format(genres=listed, question=question)
    return ChatRequest(messages=(ChatMessage(role="user", content=text),), sampling=_SAMPLING)


@cache
def _read_prompt() -> str:
    return (assets_dir() / PROMPT).read_text(encoding="utf-8")


def read_choice(text: str, names: Sequence[str]) -> str | None:
    """The category that a reply names: the last `[[n]]`; empty for 0, None where there is none."""
    found = _NUMBER.findall(text)
    number = int(found[-1]) if found else -1
    if number == 0:
        return ""
    return names[number - 1] if 1 <= number <= len(names) else None


def _digest(request: ChatRequest) -> str:
    return hashlib.sha256(request.model_dump_json().encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _read_journal(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines: list[Mapping[str, object]] = list(read_jsonl(path))
    return {str(line["key"]): str(line.get("text", "")) for line in lines if "key" in line}


def dump_list(genres: Mapping[Key, str]) -> str:
    """The categories as the JSONL that `read_list` reads."""
    return "".join(
        json.dumps({"id": key[2], "genre": genre}, ensure_ascii=False) + "\n" for key, genre in genres.items()
    )
