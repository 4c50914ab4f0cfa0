"""What the review desk may ask for; everything that comes from a page is checked here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workbench.schemas.base import StrictModel, at_most
from workbench.schemas.evaluation import Correctness
from workbench.schemas.review import HumanState, Order, QueueKey, Strength
from workbench.ui.tabs.compare_page import NAME_LENGTH
from workbench.ui.views.review_item import Place

Mode = Literal["random", "worst", "all", "filter", "adjudicate"]


class Ask(StrictModel):
    """Who asks, about which comparison."""

    comparison: Annotated[str, at_most(200)] = ""
    reviewer: str = Field(default="", max_length=NAME_LENGTH)


class Begin(Ask):
    """What a reviewer wants to go through."""

    mode: Mode = "random"
    blind: bool = True
    size: int = Field(default=30, ge=1, le=100_000)
    filter: Annotated[str, at_most(60)] = ""
    tag: Annotated[str, at_most(60)] = ""
    """For the filter `tagged`; empty: any tag."""
    order: Order = "file"


class At(Ask):
    """One place of the queue."""

    sample_id: Annotated[str, at_most(2000)] = ""
    repeat: bool = False
    adjudicating: bool = False

    @property
    def key(self) -> QueueKey:
        return QueueKey(self.sample_id, self.repeat)


class Go(At):
    """Go to a place, or from it to the place before or behind."""

    by: Literal[-1, 0, 1] = 0


class Note(StrictModel):
    """A marked passage; offsets in characters of the answer."""

    place: Place
    start: int
    end: int
    text: Annotated[str, at_most(1000)] = ""


class Entry(StrictModel):
    """What was entered, by place."""

    strength: Strength = ""
    correctness: dict[Place, Correctness] = Field(default_factory=dict[Place, Correctness])
    tags: dict[Place, tuple[str, ...]] = Field(default_factory=dict[Place, tuple[str, ...]])
    notes: tuple[Note, ...] = Field(default=(), max_length=100)
    correction: Annotated[str, at_most(20000)] = ""
    states: dict[Place, HumanState] = Field(default_factory=dict[Place, HumanState])
    comment: Annotated[str, at_most(4000)] = ""


class Save(At):
    """Keep what was entered."""

    entry: Entry = Entry()


class Press(Save):
    """A verdict."""

    verdict: Literal["left", "right", "tie", "bad"]
