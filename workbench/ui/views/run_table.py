"""Several runs in one table, what goes wrong by category, and what changed most: markup only."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.evaluation.naming import NOTHING, say_bench, say_bounds, say_change, say_measure, say_value
from workbench.evaluation.table_export import say_correction, say_warning
from workbench.i18n import Lang, t
from workbench.schemas.genres import GenreBreakdown, GenreFigures, GenreFlip
from workbench.schemas.table import Difference, RunTable, TableCell, TableColumn, TableRow
from workbench.text.figures import say_signed
from workbench.ui.views.html import Child, Html, chip, el, fold, join, paragraph, table
from workbench.ui.views.words import cut

TONES = {"improved": "good", "worse": "bad", "no_difference": "", "too_few": "warn"}
TEXT_CHARS = 160
SHOWN_FLIPS = 10


def render_table(runs: RunTable, lang: Lang) -> Html:
    """One row per run, one column per figure, and what speaks against comparing."""
    head: list[Child] = [t("table.field.label", lang), *(_head(column, lang) for column in runs.columns)]
    rows = [_row(row, runs, lang) for row in runs.rows]
    notes = [say_correction(runs, lang), t("run_table.reading", lang)]
    warned = [row for row in runs.rows if row.warnings]
    return join(
        [
            table(head, rows, cls="wv-runs"),
            *(paragraph(note, "wb-soft wb-tiny") for note in notes if note),
            _render_warnings(warned, lang) if warned else None,
        ]
    )


def _head(column: TableColumn, lang: Lang) -> Html:
    way = t("table.higher" if column.higher_is_better else "table.lower", lang)
    chance = t("run_table.chance", lang, value=say_value(column.chance, rate=column.rate))
    facts = [way, column.protocol, chance if column.chance is not None else ""]
    return join(
        [
            el("span", say_bench(column.bench, lang), cls="wb-soft"),
            el("b", say_measure(column.metric, lang)),
            el("small", " · ".join(fact for fact in facts if fact), cls="wb-soft"),
        ]
    )


def _row(row: TableRow, runs: RunTable, lang: Lang) -> list[Child]:
    facts = " · ".join(fact for fact in (row.model, row.engine) if fact)
    reference = chip(t("run_table.reference", lang)) if row.run == runs.reference else None
    name = join([el("b", row.label), " ", reference, el("small", facts, cls="wb-soft") if facts else None])
    cells = zip(runs.columns, row.cells, strict=True)
    return [name, *(_cell(cell, column, lang) for column, cell in cells)]


def _cell(cell: TableCell | None, column: TableColumn, lang: Lang) -> Html | str:
    if cell is None or cell.value.value is None:
        return NOTHING
    bounds = say_bounds(cell.value, lang, rate=column.rate)
    facts = [bounds, t("view.questions", lang, n=f"{cell.n:,}"), *_say_states(cell, lang)]
    return join(
        [
            el("b", say_value(cell.value.value, rate=column.rate)),
            el("small", " · ".join(fact for fact in facts if fact), cls="wb-soft"),
            render_difference(cell.difference, column, lang) if cell.difference else None,
        ]
    )


def _say_states(cell: TableCell, lang: Lang) -> list[str]:
    counts = {"errors": cell.errors, "empty": cell.empty, "truncated": cell.truncated}
    return [t(f"run_table.{name}", lang, count=count) for name, count in counts.items() if count]


def render_difference(found: Difference, column: TableColumn, lang: Lang) -> Html:
    """The paired difference: the change, what it means, and its interval over the shared questions."""
    change = say_change(found.interval.value, lang, rate=column.rate)
    bounds = say_bounds(found.interval, lang, rate=column.rate, signed=True)
    flips = t("run_table.flips", lang, gained=found.gained, lost=found.lost, n=f"{found.n:,}")
    p = found.p if found.p_adjusted is None else found.p_adjusted
    return el(
        "span",
        chip(f"{change} {t(f'table.verdict.{found.verdict}', lang)}", TONES[found.verdict]),
        el("small", f"{bounds} · {flips}" if bounds else flips, cls="wb-soft"),
        title="" if p is None else f"p = {p:.3g}",
        cls="wv-difference",
    )


def _render_warnings(rows: Sequence[TableRow], lang: Lang) -> Html:
    lines = [
        el("li", f"{row.label}: {say_warning(warning, lang)}") for row in rows for warning in row.warnings
    ]
    return el("div", el("b", t("run_table.careful", lang)), el("ul", *lines), cls="wv-box warn", role="note")


# ---- errors by category ----


def render_genres(found: GenreBreakdown, lang: Lang, *, by_source: bool = False) -> Html:
    """Wrong answers by category, and where there is another run, what changed.

    Args:
        found: The breakdown.
        lang: Of the words.
        by_source: The categories are where the documents come from.
    """
    if len(found.genres) == 1 and not found.genres[0].genre:
        return paragraph(t("genres.no_source" if by_source else "genres.no_column", lang), "wb-empty")
    compared = found.whole.difference is not None
    first = "source" if by_source else "genre"
    names = [first, "n", "wrong", "share", *(("change", "flips") if compared else ())]
    head: list[Child] = [t(f"genres.col.{name}", lang) for name in names]
    whole = found.whole.model_copy(update={"genre": t("genres.whole", lang)})
    rows = [_genre_row(one, compared, lang) for one in (*found.genres, whole)]
    return table(head, rows, cls="wv-genres", numbers=(1, 2))


def _genre_row(one: GenreFigures, compared: bool, lang: Lang) -> list[Child]:
    share = el("b", say_value(one.share.value, rate=True))
    bounds = el("small", say_bounds(one.share, lang, rate=True), cls="wb-soft")
    row: list[Child] = [
        one.genre or t("genres.none", lang),
        f"{one.n:,}",
        f"{one.wrong:,}",
        join([share, " ", bounds]),
    ]
    if not compared:
        return row
    if one.difference is None or one.verdict is None:
        return [*row, NOTHING, NOTHING]
    change = say_change(one.difference.value, lang, rate=True)
    verdict = t(f"table.verdict.{one.verdict}", lang)
    bounds = el("small", say_bounds(one.difference, lang, rate=True, signed=True), cls="wb-soft")
    flips = t("genres.flips", lang, fixed=one.fixed, broken=one.broken)
    return [*row, join([chip(f"{change} {verdict}", TONES[one.verdict]), " ", bounds]), flips]


def render_flips(found: GenreBreakdown, lang: Lang) -> Html:
    """The questions that gained and lost most, with both answers."""
    if not (found.gains or found.regressions):
        return paragraph(t("genres.no_flips", lang), "wb-soft")
    lists = (("regressions", found.regressions), ("gains", found.gains))
    return join([_render_list(name, flips, lang) for name, flips in lists if flips])


def _render_list(name: str, flips: Sequence[GenreFlip], lang: Lang) -> Html:
    head: list[Child] = [
        t(f"genres.col.{part}", lang) for part in ("question", "target", "before", "after", "delta")
    ]
    rows: list[list[Child]] = [_flip_row(flip) for flip in flips]
    rest = rows[SHOWN_FLIPS:]
    return join(
        [
            el("h3", t(f"genres.{name}", lang)),
            table(head, rows[:SHOWN_FLIPS], cls="wv-flips", numbers=(4,)),
            fold(t("genres.more", lang, count=len(rest)), table(head, rest, cls="wv-flips", numbers=(4,)))
            if rest
            else None,
        ]
    )


def _flip_row(flip: GenreFlip) -> list[Child]:
    said = f"{flip.genre} · {flip.id}" if flip.genre else flip.id
    question = join([cut(flip.question, TEXT_CHARS), el("small", said, cls="wb-soft")])
    texts = [cut(text, TEXT_CHARS) or NOTHING for text in (flip.target, flip.before, flip.after)]
    return [question, *texts, say_signed(flip.delta)]
