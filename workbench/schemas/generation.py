"""Settings of the RAFT data builder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from workbench.schemas.base import StrictModel
from workbench.schemas.inference import Endpoint

REFUSAL_SENTENCE = "提供された情報からは回答できません。"
DEFAULT_SYSTEM_PROMPT = (
    "あなたは質問に答えるアシスタントです。参考文書を根拠に、該当箇所を引用して答えてください。"
    f"参考文書に答えがないときは「{REFUSAL_SENTENCE}」と答えてください。"
)


class FaqSource(StrictModel):
    """A FAQ file and which of its columns mean what."""

    path: str = Field(min_length=1)
    """Absolute path of a CSV, XLSX or JSONL file."""
    question_column: str = ""
    """Empty: guessed from the names."""
    answer_column: str = ""
    group_column: str = ""
    """Column of the group (ministry, department); empty: guessed, and none where no column looks like one."""
    guess_group: bool = True
    """False: an empty group column means that there is none. The page shows its guess and means what is chosen."""
    license: str = ""


class RaftConfig(StrictModel):
    """Everything that decides a RAFT dataset. Sizes are rows; size 0 gives an empty file."""

    source: FaqSource
    group: str = ""
    """The target group; empty: all rows are one target, and there is no unseen test set."""
    train: int = Field(default=1000, ge=0, le=200_000)
    test: int = Field(default=200, ge=0, le=50_000)
    unseen: int = Field(default=100, ge=0, le=50_000)
    unanswerable: int = Field(default=100, ge=0, le=50_000)
    """Rows of the unanswerable test set."""
    extra_unanswerable: int = Field(default=0, ge=0, le=50_000)
    """Refusals added to the training rows."""
    distractors: int = Field(default=4, ge=1, le=19)
    """Documents beside the answering one."""
    oracle_share: float = Field(default=0.8, ge=0.0, le=1.0)
    """Share of training rows whose documents contain the answer; the others are taught to refuse."""
    valid_share: float = Field(default=0.05, ge=0.0, le=0.5)
    """Share of the training rows set aside to watch the loss."""
    answer_min: int = Field(default=10, ge=1)
    """Shortest answer in characters."""
    answer_max: int = Field(default=2000, ge=1)
    """Longest answer in characters."""
    negatives: dict[Literal["bm25", "same_group", "random"], float] = Field(
        default_factory=lambda: {"bm25": 0.5, "same_group": 0.25, "random": 0.25}
    )
    """How distractors are chosen; shares that sum to 1."""
    negative_ratio_max: float = Field(default=0.95, gt=0.0, le=1.0)
    """A distractor whose BM25 score is above this share of the oracle's could answer too, and is left out."""
    teacher: Literal["extractive", "endpoint"] = "extractive"
    endpoint: Endpoint | None = None
    system_prompt: str = DEFAULT_SYSTEM_PROMPT
    refusal: str = REFUSAL_SENTENCE
    """What every row without an answer is taught to say, as the system prompt asks; empty: one of five wordings each."""
    seed: int = Field(default=42, ge=0)

    @model_validator(mode="after")
    def _check(self) -> RaftConfig:
        if self.teacher == "endpoint" and self.endpoint is None:
            raise ValueError("teacher_needs_endpoint")
        if self.answer_min > self.answer_max:
            raise ValueError("answer_bounds_crossed")
        return self
