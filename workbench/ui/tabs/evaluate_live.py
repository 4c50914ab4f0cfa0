"""Answers of a running evaluation as they come in, read from the journal of its job."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.jobs import JsonlTail
from workbench.schemas.job import JobRecord
from workbench.ui.context import UiContext
from workbench.ui.views import live_table as view
from workbench.ui.views.html import Html

JOURNAL = Path("work") / "journal.jsonl"
"""Where an evaluation keeps its finished answers while it runs."""
KEPT_TAILS = 16
LONGEST = 1000
"""Characters of a text that are kept: the table shows far fewer."""


def _newest() -> dict[str, deque[Mapping[str, Any]]]:
    return {name: deque(maxlen=view.SHOWN_ANSWERS) for name in view.FILTERS}


@dataclass
class Tail:
    """One journal as far as it was read."""

    reader: JsonlTail
    newest: dict[str, deque[Mapping[str, Any]]] = field(default_factory=_newest)
    """The last answers that each filter lets through."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(view.FILTERS, 0))

    def read(self) -> None:
        """Take in what is new; a journal that was replaced begins anew."""
        before = self.reader.restarts
        lines = self.reader.read()
        if self.reader.restarts != before:
            self.newest, self.counts = _newest(), dict.fromkeys(view.FILTERS, 0)
        for line in lines:
            self._take(line)

    def _take(self, line: Mapping[str, Any]) -> None:
        # documents and the raw reply would fill the memory of a page that shows neither
        small = {name: _shorten(line[name]) for name in view.SHOWN_FIELDS if name in line}
        for name, lets_through in view.FILTERS.items():
            if lets_through(small):
                self.newest[name].append(small)
                self.counts[name] += 1


def _shorten(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value


@dataclass
class LiveAnswers:
    """The newest finished answers of jobs that were looked at last; reads only what is new."""

    tails: OrderedDict[Path, Tail] = field(default_factory=OrderedDict[Path, Tail])

    def read(self, folder: Path) -> Tail:
        """The journal of one evaluation job."""
        journal = folder / JOURNAL
        tail = self.tails.pop(journal, None) or Tail(JsonlTail(journal))
        tail.read()
        self.tails[journal] = tail
        while len(self.tails) > KEPT_TAILS:
            self.tails.popitem(last=False)
        return tail


def evaluations_of(ctx: UiContext, job: JobRecord) -> list[JobRecord]:
    """The evaluation jobs that a job is or has started, in the order of their start."""
    if job.spec.kind == "evaluate":
        return [job]
    return list(reversed(ctx.jobs.list(kind="evaluate", parent=job.spec.id)))


def read_answers(ctx: UiContext, live: LiveAnswers, job: JobRecord, filter_: str) -> Html:
    """The table of finished answers of a job."""
    name = filter_ if filter_ in view.FILTERS else "all"
    shown: list[view.LiveAnswer] = []
    counts = dict.fromkeys(view.FILTERS, 0)
    for child in evaluations_of(ctx, job):
        tail = live.read(Path(child.folder))
        counts = {key: counts[key] + tail.counts[key] for key in counts}
        label = str(child.spec.config.get("label", ""))
        shown += [view.LiveAnswer(label, line) for line in tail.newest[name]]
    return view.render_answers(shown, counts, name, ctx.lang)
