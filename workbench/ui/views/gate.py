"""A gate as a form, edits of that form, and the verdict in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.errors import InputError
from workbench.evaluation.naming import say_bench, say_measure
from workbench.i18n import Lang, t
from workbench.pipeline.gate_report import say_condition, say_reason, say_seen, say_sentence
from workbench.schemas.base import parse
from workbench.schemas.gate import (
    ANY_BENCH,
    LIMITS,
    Condition,
    ConditionResult,
    GateReport,
    GateSpec,
    HumanConditions,
    JudgeConditions,
)
from workbench.ui.views.html import Child, Html, chip, el, join, table

TONES = {"pass": "good", "fail": "bad", "missing": "bad", "inconclusive": "warn"}
LISTS = ("regression", "improvement")
OPINIONS = ("judge", "human")
FIRST_THRESHOLDS = {
    "min_ratio": 0.95,
    "max_drop": 0.03,
    "min_delta": 0.0,
    "min_value": 0.8,
    "max_value": 0.05,
}
NEW = {
    "regression": {"bench": ANY_BENCH, "min_ratio": 0.95},
    "improvement": {"bench": ANY_BENCH, "min_delta": 0.0},
    "judge": {"min_win_rate": 0.5},
    "human": {"min_decisive_votes": 30, "min_win_rate": 0.5, "max_critical_tags": 0},
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "limit": LIMITS,
    "tier": ("critical", "supporting", "advisory"),
    "decide_on": ("ci", "point"),
    "scope": ("all", "both_answered"),
}
OPINION_FIELDS: Mapping[str, tuple[str, ...]] = {
    "judge": ("min_mean", "min_win_rate", "require_judge_check"),
    "human": ("min_decisive_votes", "min_win_rate", "max_critical_tags"),
}
REQUIRED = (
    "same_engine",
    "same_thinking",
    "same_template",
    "same_sampling",
    "error_rate_max",
    "truncated_max",
)

Known = Mapping[str, Sequence[str]]
"""Benches of the chosen runs, each with the figures that it has."""
Payload = dict[str, Any]


def build_form(spec: GateSpec, known: Known, lang: Lang) -> Payload:
    """The form's JSON: sections of rows, each with its sentence and its fields."""
    sections = [_list_section(name, getattr(spec, name), known, lang) for name in LISTS]
    sections += [_opinion_section(name, getattr(spec, name), lang) for name in OPINIONS]
    fields = [_field("require", name, getattr(spec.require, name), lang) for name in REQUIRED]
    required = {"place": "require", "text": t("gate.form.require.text", lang), "fields": fields, "remove": ""}
    sections.append({"name": "require", "title": t("gate.form.require", lang), "rows": [required], "add": ""})
    return {"sections": sections}


def _list_section(name: str, conditions: Sequence[Condition], known: Known, lang: Lang) -> Payload:
    rows = [
        {
            "place": f"{name}.{index}",
            "text": say_condition(condition, lang),
            "fields": _condition_fields(condition, known, lang),
            "remove": t("gate.form.remove", lang),
        }
        for index, condition in enumerate(conditions)
    ]
    return {
        "name": name,
        "title": t(f"gate.form.{name}", lang),
        "rows": rows,
        "add": t("gate.form.add", lang),
    }


def _condition_fields(condition: Condition, known: Known, lang: Lang) -> list[Payload]:
    benches = dict.fromkeys([ANY_BENCH, *known, condition.bench])
    metrics = _metrics_of(condition, known)
    options = {
        "bench": [
            (name, t("gate.any_bench", lang) if name == ANY_BENCH else say_bench(name, lang))
            for name in benches
        ],
        "metric": [
            (name, say_measure(name, lang) if name else t("gate.own_score", lang)) for name in metrics
        ],
    }
    fields = [_select(name, getattr(condition, name), options[name], lang) for name in ("bench", "metric")]
    fields.append(_choice("limit", condition.limit, lang))
    fields.append(_number("threshold", condition.threshold, lang))
    return [
        *fields,
        *(_choice(name, getattr(condition, name), lang) for name in ("tier", "decide_on", "scope")),
    ]


def _metrics_of(condition: Condition, known: Known) -> list[str]:
    found = (
        [name for names in known.values() for name in names]
        if condition.bench == ANY_BENCH
        else known.get(condition.bench, ())
    )
    return list(dict.fromkeys(["", *found, condition.metric]))


def _opinion_section(name: str, given: JudgeConditions | HumanConditions | None, lang: Lang) -> Payload:
    rows: list[Payload] = []
    if given is not None:
        fields = [_field(name, field, getattr(given, field), lang) for field in OPINION_FIELDS[name]]
        fields += [_choice(field, getattr(given, field), lang) for field in ("tier", "decide_on")]
        text = t(f"gate.form.{name}.text", lang)
        rows = [{"place": name, "text": text, "fields": fields, "remove": t("gate.form.remove", lang)}]
    add = "" if rows else t("gate.form.add", lang)
    return {"name": name, "title": t(f"gate.form.{name}", lang), "rows": rows, "add": add}


def _field(owner: str, name: str, value: object, lang: Lang) -> Payload:
    label = t(f"gate.form.{owner}.{name}", lang)
    kind = "check" if isinstance(value, bool) else "number"
    return {"name": name, "label": label, "type": kind, "value": value}


def _number(name: str, value: float, lang: Lang) -> Payload:
    return {"name": name, "label": t(f"gate.form.{name}", lang), "type": "number", "value": value}


def _choice(name: str, value: str, lang: Lang) -> Payload:
    return _select(name, value, [(one, t(f"gate.{name}.{one}", lang)) for one in CHOICES[name]], lang)


def _select(name: str, value: str, options: Sequence[tuple[str, str]], lang: Lang) -> Payload:
    return {
        "name": name,
        "label": t(f"gate.form.{name}", lang),
        "type": "select",
        "value": value,
        "options": [[value, label] for value, label in options],
    }


def apply_edit(spec: GateSpec, edit: Mapping[str, Any]) -> GateSpec:
    """The gate after one edit of the form.

    Args:
        spec: The gate before.
        edit: What the page sent: `verb` (`set`, `add`, `remove`) with `place`, `name` and `value`, or `section`.
            Never `path`: gradio takes an object with that key for a file of a visitor, and refuses it.

    Raises:
        InputError: `gate_edit_unknown` where the form has no such place.
        ConfigError: The value cannot be used; nothing has changed then.
    """
    values = spec.model_dump(mode="json", exclude_none=True)
    verb, place = str(edit.get("verb", "")), str(edit.get("place", ""))
    if verb == "add" and edit.get("section") in NEW:
        _add(values, str(edit["section"]))
    elif verb == "remove":
        _remove(values, place)
    elif verb == "set":
        _set(_find(values, place), str(edit.get("name", "")), edit.get("value"))
    else:
        raise InputError("gate_edit_unknown")
    return parse(GateSpec, values, prefix="gate")


def _add(values: dict[str, Any], section: str) -> None:
    if section in LISTS:
        values[section] = [*values.get(section, []), dict(NEW[section])]
    else:
        values[section] = dict(NEW[section])


def _remove(values: dict[str, Any], place: str) -> None:
    section, _, index = place.partition(".")
    if section in OPINIONS:
        values.pop(section, None)
        return
    if section not in LISTS:
        raise InputError("gate_edit_unknown")
    _find(values, place)
    del values[section][int(index)]


def _find(values: dict[str, Any], place: str) -> dict[str, Any]:
    section, _, index = place.partition(".")
    rows: Any = values.get(section)
    if section in LISTS and index.isdecimal() and int(index) < len(rows or ()):
        return rows[int(index)]
    if section in (*OPINIONS, "require") and not index and isinstance(rows, dict):
        return rows  # pyright: ignore[reportUnknownVariableType]
    raise InputError("gate_edit_unknown")


def _set(row: dict[str, Any], name: str, value: Any) -> None:
    limit = next((one for one in LIMITS if one in row), "")
    if name == "limit" and "bench" in row:
        row.pop(limit, None)
        row[str(value)] = FIRST_THRESHOLDS.get(str(value))
    elif name == "threshold" and "bench" in row:
        row[limit] = value
    elif value in (None, "") and name in ("min_mean", "min_win_rate", "max_critical_tags"):
        # an emptied field takes the condition away
        row.pop(name, None)
    else:
        row[name] = value
        if name == "bench":
            row["metric"] = ""


def render_report(report: GateReport, lang: Lang) -> Html:
    """The verdict, what makes it invalid, and every condition with what was seen and why."""
    word = t(f"verdict.{report.verdict}", lang)
    blocked = sum(one.outcome in ("fail", "missing") and one.tier != "advisory" for one in report.conditions)
    undecided = sum(one.outcome == "inconclusive" and one.tier != "advisory" for one in report.conditions)
    counts = t("gate.counts", lang, n=len(report.conditions), failed=blocked, undecided=undecided)
    head = el(
        "div",
        el("h2", t("gate.headline", lang, verdict=word)),
        chip(word, TONES[report.verdict]),
        el("span", counts, cls="wb-soft"),
        cls="wv-verdict",
    )
    names = ("outcome", "condition", "seen", "reason", "tier")
    columns: list[Child] = [t(f"gate.col.{name}", lang) for name in names]
    rows = [_row(one, lang) for one in report.conditions]
    return join([head, _render_invalid(report, lang), table(columns, rows, cls="wv-gate")])


def _row(one: ConditionResult, lang: Lang) -> list[Child]:
    return [
        chip(t(f"gate.outcome.{one.outcome}", lang), TONES[one.outcome]),
        say_condition(one, lang),
        say_seen(one, lang),
        say_reason(one, lang),
        t(f"gate.tier.{one.tier}", lang),
    ]


def _render_invalid(report: GateReport, lang: Lang) -> Html | None:
    lines = [say_sentence("invalid", one, lang) for one in report.invalid]
    notes = [say_sentence("note", one, lang) for one in report.notes]
    if not (lines or notes):
        return None
    title = el("b", t("gate.not_comparable", lang)) if lines else None
    items = [el("li", line) for line in (*lines, *notes)]
    return el("div", title, el("ul", *items), cls=f"wv-box {'bad' if lines else ''}".strip(), role="note")
