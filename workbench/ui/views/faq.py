"""What the data page says about a FAQ file and about the data made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from workbench.artifacts import read_jsonl
from workbench.evaluation.prompts import parse_raft_prompt
from workbench.generation.faq import FaqPreview, FaqTable
from workbench.i18n import Lang, has_key, t
from workbench.schemas.inference import Endpoint
from workbench.ui.views.html import Child, Html, chip, el, fold, join, mark_quote, paragraph, table, text
from workbench.ui.views.words import cut
from workbench.ui.wording import say_share

SHOWN_PROBLEMS = 50
SHOWN_SAMPLES = 5
CELL_CHARS = 120
EASY_FROM, HARD_BELOW = 0.85, 0.60
"""Share of rows whose oracle is the best match by words: the range that is neither too easy nor too hard."""
REFUSALS_HIGH = 0.30


def reason_text(reason: str, lang: Lang) -> str:
    """Why a row was not used, in words."""
    key = f"reason.{reason}"
    return t(key, lang) if has_key(key, lang) else reason


def render_preview(preview: FaqPreview, faq: FaqTable | None, lang: Lang) -> Html:
    """The first rows of a file, what was recognised, and the rows that cannot be used.

    Args:
        preview: Columns and first rows.
        faq: The whole file as read with the chosen columns; None where it could not be read that way.
        lang: The page's language.
    """
    head = list(preview.columns)
    rows: list[list[Child]] = [[cut(row.get(name, ""), CELL_CHARS) for name in head] for row in preview.first]
    parts: list[Child] = []
    if faq is not None:
        facts = {"total": f"{faq.total:,}", "usable": f"{faq.usable:,}", "encoding": faq.encoding.upper()}
        parts.append(el("p", t("data_tab.preview.facts", lang, name=faq.name, **facts), cls="wb-strong"))
    parts.append(table(head, rows, cls="wv-preview"))
    if faq is not None:
        parts.append(_problems(faq, lang))
    return el("div", el("h3", t("data_tab.preview.heading", lang)), *parts, cls="wv-faq")


def _problems(faq: FaqTable, lang: Lang) -> Html:
    count = sum(faq.skipped_counts.values())
    if not count:
        return paragraph(t("data_tab.preview.no_problems", lang), "wb-soft")
    shown = faq.skipped[:SHOWN_PROBLEMS]
    title = t("data_tab.preview.problems", lang, count=f"{count:,}", shown=len(shown))
    lines = [
        el("li", el("b", t("data_tab.preview.row", lang, row=skip.row)), " ", reason_text(skip.reason, lang))
        for skip in shown
    ]
    return fold(join([chip(f"{count:,}", "warn"), " ", title]), el("ul", *lines, cls="wv-problems"))


def render_teacher(endpoint: Endpoint | None, lang: Lang) -> Html:
    """What the chosen teacher does, and whether text leaves the house; None is the extractive teacher."""
    if endpoint is None:
        note = t("data_tab.teacher.extractive.note", lang)
        return el("div", chip(t("header.stays", lang), "good"), " ", note, cls="wv-teacher")
    note = t("data_tab.teacher.endpoint.note", lang, model=endpoint.model)
    where = t(f"data_tab.teacher.{endpoint.locality}", lang, **_host(endpoint))
    if endpoint.locality == "cloud":
        badge = chip(t("header.leaves_house", lang), "warn")
        return el("div", badge, " ", note, el("p", where, cls="wb-error"), cls="wv-teacher")
    return el(
        "div", chip(t("header.stays", lang), "good"), " ", note, paragraph(where, "wb-soft"), cls="wv-teacher"
    )


def _host(endpoint: Endpoint) -> dict[str, str]:
    host = endpoint.base_url.partition("://")[2].partition("/")[0]
    return {} if endpoint.locality == "local" else {"host": host}


class SampleRow(NamedTuple):
    """One made row, taken apart for reading."""

    question: str
    documents: tuple[str, ...]
    target: str
    quote: str
    oracle_position: int | None


def read_samples(path: Path, count: int = SHOWN_SAMPLES) -> list[SampleRow]:
    """The first rows of a made file; empty where there is none."""
    if not path.is_file():
        return []
    return [take_apart(row) for row in islice(read_jsonl(path), count)]


def take_apart(row: Mapping[str, Any]) -> SampleRow:
    """Question, documents and target of one line of a RAFT file."""
    said = {message["role"]: str(message["content"]) for message in row.get("messages", ())}
    known = row.get("metadata", {})
    prompt = parse_raft_prompt(said.get("user", ""))
    return SampleRow(
        question=str(known.get("question") or (prompt.question if prompt else "")),
        documents=prompt.documents if prompt else (),
        target=said.get("assistant", ""),
        quote=str(known.get("quote", "")),
        oracle_position=known.get("oracle_position"),
    )


def render_samples(samples: Sequence[SampleRow], lang: Lang) -> Html:
    """Rows as a person reads them: question, model answer, and the documents with the quote marked."""
    if not samples:
        return Html()
    cards = [_sample(sample, lang, open_=index == 0) for index, sample in enumerate(samples)]
    return join([el("h3", t("data_tab.result.samples", lang)), *cards])


def _sample(sample: SampleRow, lang: Lang, *, open_: bool) -> Html:
    refusal = sample.oracle_position is None
    label = chip(t("data_tab.result.sample_refusal", lang), "warn") if refusal else None
    target = (
        mark_quote(sample.target, sample.quote)
        if sample.target
        else text(t("data_tab.result.sample_no_target", lang))
    )
    documents = [_document(i, body, sample, lang) for i, body in enumerate(sample.documents, start=1)]
    answer = el("p", el("b", t("data_tab.result.sample_target", lang)), el("br"), target, cls="wv-target")
    summary = join([cut(sample.question, CELL_CHARS), " ", label])
    return fold(summary, answer, el("div", *documents, cls="wv-documents"), open_=open_)


def _document(number: int, body: str, sample: SampleRow, lang: Lang) -> Html:
    oracle = number == sample.oracle_position
    mark = chip(t("data_tab.result.sample_oracle", lang), "good") if oracle else None
    head = el(
        "div", t("data_tab.result.sample_document", lang, number=number), " ", mark, cls="wb-soft wb-tiny"
    )
    return el(
        "div", head, mark_quote(body, sample.quote) if oracle else text(cut(body, 160)), cls="wv-document"
    )


def render_result(result: Mapping[str, Any], counts: Mapping[str, int], lang: Lang) -> Html:
    """The card of a finished data job.

    Args:
        result: What the job returned (`requested`, `kept`, `listed`, `difficulty`, `refusal_share`).
        counts: Rows per made file.
        lang: The page's language.
    """
    requested, kept = int(result.get("requested", 0)), int(result.get("kept", 0))
    key = "data_tab.result.all_kept" if kept == requested else "data_tab.result.kept"
    files = [
        el(
            "li",
            el("b", t("data_tab.split.rows", lang, count=f"{count:,}")),
            " ",
            t(f"data_tab.split.{name}", lang),
        )
        for name, count in counts.items()
    ]
    return el(
        "div",
        el("h2", t("data_tab.result.heading", lang)),
        el("p", t(key, lang, requested=f"{requested:,}", kept=f"{kept:,}"), cls="wb-strong"),
        el("ul", *files, cls="wv-files"),
        _refusals(float(result.get("refusal_share") or 0.0), lang),
        paragraph(_difficulty(result.get("difficulty"), lang)),
        _listed(result.get("listed", ()), lang),
    )


def _refusals(share: float, lang: Lang) -> Html:
    if share > REFUSALS_HIGH:
        line = t("data_tab.result.refusals_high", lang, share=say_share(share))
        return el("p", chip(t("train_tab.notice.warn", lang), "warn"), " ", line)
    return paragraph(t("data_tab.result.refusals", lang, share=say_share(share)))


def _difficulty(value: object, lang: Lang) -> str:
    if not isinstance(value, int | float):
        return t("data_tab.result.difficulty.unknown", lang)
    level = "easy" if value > EASY_FROM else "hard" if value < HARD_BELOW else "fair"
    return t(f"data_tab.result.difficulty.{level}", lang, share=say_share(float(value)))


def _listed(listed: Sequence[Mapping[str, Any]], lang: Lang) -> Html | None:
    if not listed:
        return None
    lines = [
        el(
            "li",
            el("b", t("data_tab.preview.row", lang, row=str(entry.get("row", "")))),
            " ",
            reason_text(str(entry.get("reason", "")), lang),
        )
        for entry in listed[:SHOWN_PROBLEMS]
    ]
    return fold(t("data_tab.result.listed", lang, count=len(listed)), el("ul", *lines, cls="wv-problems"))
