"""The result table as plotly figures: plain JSON for our own component, and a page that needs nothing else. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from workbench.evaluation.naming import say_bench, say_measure
from workbench.i18n import Lang, t
from workbench.schemas.table import RunTable, TableColumn
from workbench.ui.components import to_json
from workbench.ui.views.html import Html, el

PALETTE = ("#3b6ea8", "#c4560c", "#1d7a4c", "#7a4fa3", "#8a5a00", "#b3261e", "#0e7490", "#6b7280")
"""Told apart in light and dark, and by most eyes that see colours differently."""
RADAR_FROM = 3
"""A radar of fewer axes is a line."""
BINS = 41
Figure = dict[str, Any]


def make_figures(table: RunTable, differences: Sequence[float], shown: str, lang: Lang) -> list[Figure]:
    """Every plot that the table has data for.

    Args:
        table: The result table.
        differences: Per question, of one run against the reference.
        shown: What they are the differences of.
        lang: The page's language.
    """
    figures = (bar_figure(table, lang), radar_figure(table, lang), histogram_figure(differences, shown, lang))
    return [figure for figure in figures if figure]


def bar_figure(table: RunTable, lang: Lang) -> Figure | None:
    """Every figure of every run as a bar with its interval; figures on other scales than 0 to 1 are left out."""
    columns = [(i, column) for i, column in enumerate(table.columns) if column.unit_scale]
    if not columns:
        return None
    data: list[Figure] = []
    for index, row in enumerate(table.rows):
        cells = [(column, row.cells[i]) for i, column in columns]
        values = [(column, cell.value) for column, cell in cells if cell and cell.value.value is not None]
        bounds = [(value.value or 0.0, value.low, value.high) for _, value in values]
        data.append(
            {
                "type": "bar",
                "name": _plain(row.label),
                "x": [_axis(column, lang) for column, _ in values],
                "y": [middle for middle, _, _ in bounds],
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [0.0 if high is None else high - middle for middle, _, high in bounds],
                    "arrayminus": [0.0 if low is None else middle - low for middle, low, _ in bounds],
                },
                "marker": {"color": PALETTE[index % len(PALETTE)]},
                "hovertemplate": "%{x}<br>%{y:.3f}<extra>%{fullData.name}</extra>",
            }
        )
    layout: Figure = {
        "barmode": "group",
        "yaxis": {"range": [0, 1], "tickformat": ".0%"},
        "xaxis": {"automargin": True},
    }
    return {"name": "bar", "title": t("run_table.plot.bar", lang), "data": data, "layout": layout}


def radar_figure(table: RunTable, lang: Lang) -> Figure | None:
    """The benches' own scores around a circle: for at least three on the scale from 0 to 1, more being better."""
    axes = [
        (i, column)
        for i, column in enumerate(table.columns)
        if column.primary
        and column.unit_scale
        and column.higher_is_better
        and all(row.cells[i] is not None for row in table.rows)
    ]
    if len({column.bench for _, column in axes}) < RADAR_FROM:
        return None
    names = [_axis(column, lang) for _, column in axes]
    data: list[Figure] = []
    for index, row in enumerate(table.rows):
        values = [cell.value.value if (cell := row.cells[i]) else None for i, _ in axes]
        data.append(
            {
                "type": "scatterpolar",
                "name": _plain(row.label),
                "theta": [*names, names[0]],
                "r": [*values, values[0]],
                "line": {"color": PALETTE[index % len(PALETTE)], "width": 2},
                "hovertemplate": "%{theta}<br>%{r:.3f}<extra>%{fullData.name}</extra>",
            }
        )
    layout: Figure = {"polar": {"radialaxis": {"range": [0, 1], "tickformat": ".0%"}}}
    return {"name": "radar", "title": t("run_table.plot.radar", lang), "data": data, "layout": layout}


def histogram_figure(differences: Sequence[float], shown: str, lang: Lang) -> Figure | None:
    """How many questions changed by how much; those that did not change stand in the middle."""
    if not differences:
        return None
    reach = max(1e-9, *(abs(value) for value in differences))
    width = 2 * reach / (BINS - 1)
    trace: Figure = {
        "type": "histogram",
        "x": list(differences),
        "name": _plain(shown),
        "xbins": {"start": -reach - width / 2, "end": reach + width / 2, "size": width},
        "marker": {"color": PALETTE[0]},
        "hovertemplate": "%{x}<br>%{y}<extra></extra>",
    }
    layout: Figure = {
        "xaxis": {"title": {"text": t("run_table.plot.change_of", lang, name=_plain(shown))}},
        "yaxis": {"title": {"text": t("unit.questions", lang)}},
        "showlegend": False,
    }
    return {
        "name": "histogram",
        "title": t("run_table.plot.histogram", lang),
        "data": [trace],
        "layout": layout,
    }


def _axis(column: TableColumn, lang: Lang) -> str:
    return _plain(f"{say_bench(column.bench, lang)}: {say_measure(column.metric, lang)}")


def _plain(text: str) -> str:
    """A text that plotly does not take for its small markup, which knows links."""
    return escape(text[:60], quote=False)


def figures_payload(figures: Sequence[Figure]) -> str:
    """JSON for the component."""
    return to_json({"figures": list(figures)})


def render_page(figures: Sequence[Figure], body: Html, plotly: str, lang: Lang) -> str:
    """A page with the table and its plots that opens without a network.

    Args:
        figures: See `make_figures`.
        body: The table as markup.
        plotly: The text of plotly.min.js, from the installed package.
        lang: Of the page.
    """
    draws = "".join(
        f"Plotly.newPlot('plot-{index}',{to_json(figure['data'])},{to_json(figure['layout'])});"
        for index, figure in enumerate(figures)
    )
    places = [
        el("section", el("h2", str(figure["title"])), el("div", "", id=f"plot-{index}", cls="plot"))
        for index, figure in enumerate(figures)
    ]
    title = t("run_table.title", lang)
    # the library may hold "</script" in a string of its own
    library = plotly.replace("</script", "<\\/script")
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{PAGE_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}{''.join(places)}"
        f"<script>{library}</script><script>{draws}</script></body></html>"
    )


PAGE_STYLE = (
    "body{font:15px/1.6 'Noto Sans CJK JP','Noto Sans JP','Hiragino Sans',Meiryo,sans-serif;margin:24px;color:#1b2430}"
    "table{border-collapse:collapse}th,td{border:1px solid #cfd6de;padding:6px 10px;text-align:left;vertical-align:top}"
    "small{display:block;color:#5b6675}.plot{height:440px}"
)
