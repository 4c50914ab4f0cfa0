"""A task: where its questions come from, how they are put, and how answers are scored."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from workbench.schemas.base import SafeName, StrictModel
from workbench.schemas.inference import HttpUrl

Language = Literal["ja", "en"]

Reader = Literal["table", "jglue_jcq", "squad", "gsm8k", "ifeval", "llm_jp_eval", "eval_prompt"]
"""How a data file is read. `table`: one question a row (JSONL, CSV or XLSX by the name's ending), columns by
`fields`. `llm_jp_eval`: a dataset file of llm-jp-eval. `eval_prompt`: its dumped prompts, sent as they are."""

AnswerPattern = Literal["", "choice_only_jp", "answer_tags_jp", "custom"]


def _check_sha256(value: str) -> str:
    if value and not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("sha256_malformed")
    return value


def _check_https(value: str) -> str:
    if not value.startswith("https://"):
        raise ValueError("url_not_https")
    return value


Sha256 = Annotated[str, AfterValidator(_check_sha256)]


class HubFile(StrictModel):
    """A file of a dataset on the model hub."""

    repo: str
    file: str
    revision: str = "main"
    sha256: Sha256 = ""
    """Empty: whatever the hub has at that revision."""


class WebFile(StrictModel):
    """A file that its publisher offers at a fixed address."""

    url: Annotated[HttpUrl, AfterValidator(_check_https)]
    sha256: Sha256 = Field(min_length=1)
    """What is fetched from an address is used only where it is this very content."""


class DataFile(StrictModel):
    """One file of a task: looked for on this machine first, then fetched where there is a network."""

    path: str = ""
    """Relative to the task file; empty: the person gives the file, or it is fetched."""
    names: tuple[str, ...] = ()
    """Names under which the file is looked for in a folder that the person gives."""
    hub: HubFile | None = None
    web: WebFile | None = None


class TaskSource(StrictModel):
    """The questions, and the solved examples for the prompt."""

    reader: Reader = "table"
    data: DataFile = DataFile()
    examples: DataFile | None = None
    """Read like the questions; without it a task has no shots."""
    fields: dict[str, str] = Field(default_factory=dict[str, str])
    """For `table`: id, question, answer, references, choices, documents, genre, source, key_facts -> column. What is
    not named is looked for under its own name."""


class TaskPrompt(StrictModel):
    """How a question is put."""

    system: str = Field(default="", max_length=20_000)
    template: str = Field(default="{{ input }}", max_length=20_000)
    """Jinja, rendered in a sandbox; what is written is what is sent, the last line break included."""
    answer_pattern: AnswerPattern = ""
    """Name of the rule by which llm-jp-eval's templates ask for an answer and take it out, or empty."""
    instruction: str = Field(default="", max_length=20_000)


class TaskSampling(StrictModel):
    """What the task fixes of the sampling; the rest is the evaluation's."""

    max_tokens: int = Field(default=512, ge=1, le=32768)
    max_tokens_delta: int = Field(default=0, ge=0, le=32768)
    """Added to max_tokens, as llm-jp-eval's `output_length_delta`."""
    stop: tuple[str, ...] = Field(default=(), max_length=4)


class TaskSpec(StrictModel):
    """A task file (YAML)."""

    version: Literal[1] = 1
    name: SafeName
    title: dict[Language, str]
    about: dict[Language, str] = Field(default_factory=dict[Language, str])
    language: Language = "ja"
    license: str = ""
    """Of the data."""
    protocol: str
    """Name of the protocol that scores the answers."""
    source: TaskSource = TaskSource()
    prompt: TaskPrompt = TaskPrompt()
    shots: int = Field(default=0, ge=0, le=32)
    sampling: TaskSampling = TaskSampling()
    labels: tuple[str, ...] = ()
    """Answers that are answers at all, where there is a closed list of them."""
    meta: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Further facts for the protocol, the same for every question."""
